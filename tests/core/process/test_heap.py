"""The C library keeps freed blocks: the next window's arrays take them without new page faults."""

import subprocess
import sys

import pytest
from featfuse.process.heap import keep_freed_blocks

FAULTS = """
import resource
import numpy as np
from featfuse.process.heap import free_one_large_block, keep_freed_blocks

{prepare}
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(6):
    parts = [np.full({count}, 1.0) for _ in range(6)]  # all are given back together
    del parts
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_it_may_be_called_again() -> None:
    keep_freed_blocks()
    keep_freed_blocks()


def faults(prepare: str, count: int) -> int:
    """How many pages a fresh process is given for arrays that follow one another."""
    code = FAULTS.format(prepare=prepare, count=count)
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's heap")
@pytest.mark.parametrize(
    ("prepare", "count"), [("keep_freed_blocks()", 1 << 21), ("free_one_large_block()", 1 << 18)]
)
def test_the_same_pages_are_used_again(prepare: str, count: int) -> None:
    """16 MB each, and 2 MB each."""
    given_back = faults("", count)
    assert faults(prepare, count) <= given_back / 2 or given_back < 8
