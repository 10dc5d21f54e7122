"""The C library keeps freed blocks: the next window's arrays take them without new page faults."""

import subprocess
import sys

import pytest
from featfuse.process.heap import keep_freed_blocks

FAULTS = """
import resource
import numpy as np
from featfuse.process.heap import keep_freed_blocks

if {keep}:
    keep_freed_blocks()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(6):
    parts = [np.full(1 << 21, 1.0) for _ in range(6)]  # 16 MB each, and all are given back together
    del parts
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_it_may_be_called_again() -> None:
    keep_freed_blocks()
    keep_freed_blocks()


def faults(*, keep: bool) -> int:
    """How many pages a fresh process is given for arrays that follow one another."""
    run = subprocess.run([sys.executable, "-c", FAULTS.format(keep=keep)], capture_output=True, check=True)
    return int(run.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's heap")
def test_the_same_pages_are_used_again() -> None:
    given_back = faults(keep=False)
    assert faults(keep=True) <= given_back / 2 or given_back < 8
