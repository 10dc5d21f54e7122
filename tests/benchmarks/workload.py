"""What a workload is: files, commands that do the same work on them, and featfuse's goals among them."""

import sys
from dataclasses import dataclass, field
from typing import Any

from goals import Goal
from measure import Command

__all__ = ["MIB", "NO_SYNC", "Sizes", "Workload", "array", "fuse", "python"]

MIB = 1 << 20
NO_SYNC = "featfuse --no-sync"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large the data is: of one output, of the largest sparse one, and how many small pairs."""

    mib: int
    largest_mib: int
    pairs: int

    def batch(self, channels: int, side: int, itemsize: int = 4) -> int:
        """How many square maps of this size come nearest to `mib`; at least one."""
        return max(1, round(self.mib * MIB / (channels * side * side * itemsize)))


@dataclass(frozen=True, slots=True)
class Workload:
    """Commands timed in turn. `files` is what data.py reads; `repeat` multiplies the rounds of short ones."""

    name: str
    title: str
    files: dict[str, dict[str, Any]]
    commands: dict[str, Command]
    goals: tuple[Goal, ...] = ()
    tolerance: float = 1e-5
    repeat: int = 1
    notes: tuple[str, ...] = field(default=())


def array(*shape: int, dtype: str = "float32", sparse: bool = False, many: int = 0) -> dict[str, Any]:
    return {"shape": shape, "dtype": dtype, "sparse": sparse, "many": many}


def fuse(*arguments: str) -> tuple[str, ...]:
    """The featfuse that this interpreter imports; `-m` takes some milliseconds more than the script."""
    return (sys.executable, "-m", "featfuse_cli", *arguments)


def python(code: str, interpreter: str = sys.executable) -> tuple[str, ...]:
    return (interpreter, "-c", code)
