"""Axes of hundreds of millions of samples, in files full of holes: `--memory` and little more is taken."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.lib.format import open_memmap

from tests.support.amounts import only_slow, slow_but
from tests.support.commands import Shell

MOST_MORE = 100
"""Megabytes beyond --memory: the interpreter, NumPy, and what is kept from window to window."""

CHILD = """
import os, resource, sys
pid = os.fork()
if not pid:
    os.execvp(sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(pid, 0)
print("peak", usage.ru_maxrss // 1024)
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""Started by a small process, as a child's peak begins with its parent's size."""


LINE = "-q -f -o o.npy --layout NCW --memory 64M"

POOLS = ("area", "avg-pool", "max-pool", "lp-pool", "bilinear --antialias", "bicubic --antialias")
SIZES = [(1 << 28, 1), (1 << 28, 5), (20_000_000, 1), (1 << 26, (1 << 25) + 1)]
GROWING = ("nearest", "bicubic", "pad", "pad --pad-mode linear_ramp", "pad --pad-mode reflect")
CASES = [
    *((samples, f"-m {method} --to {size}") for method in POOLS for samples, size in SIZES),
    *((1 << 20, f"-m {method} --to {1 << 26}") for method in GROWING),
]
"""Samples, and what is made of them."""

QUICK = [(1 << 24, "-m area --to 1"), (1 << 24, "-m bilinear --antialias --to 1")]


@pytest.fixture
def peak_of(shell: Shell) -> Callable[[str], int]:
    """`peak_of("inspect x.npy")`: the megabytes that the command took at most."""
    Path("child.py").write_text(CHILD)

    def call(line: str) -> int:
        done = shell(f"{sys.executable} -S child.py fuse {line}")
        assert done.returncode == 0, done.stderr
        return int(done.stdout.split(b"peak ")[1])

    return call


def sparse(samples: int) -> None:
    """x.npy, of which no sample is written but the last: 7, where all others are 0."""
    open_memmap("x.npy", "w+", np.float32, (1, 1, samples))[..., -1] = 7


@pytest.mark.parametrize("case", [*QUICK, *only_slow(CASES)])
def test_a_run_takes_little_more_than_its_memory(
    case: tuple[int, str], peak_of: Callable[[str], int]
) -> None:
    samples, made = case
    sparse(samples)
    assert peak_of(f"x.npy {made} {LINE}") < 64 + MOST_MORE
    out = np.load("o.npy", mmap_mode="r")
    if made.endswith(" 1") and "lp" not in made:
        assert np.isclose(out.item(), 7 if "max" in made else 7 / samples, rtol=0.5)


@pytest.mark.parametrize("method", slow_but(["area", "max-pool", "bicubic --antialias"], "area"))
def test_a_header_is_planned_without_its_samples(method: str, peak_of: Callable[[str], int]) -> None:
    sparse(1 << 31)
    assert peak_of(f"inspect x.npy -m {method} --to 5 --layout NCW") < MOST_MORE
    assert peak_of(f"x.npy -m {method} --to 5 {LINE} --dry-run") < MOST_MORE
