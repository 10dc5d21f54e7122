"""What a run may use: memory, threads, cores."""

import os
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from featfuse.errors import UsageError
from featfuse.text import human_bytes
from featfuse.wording import Blank, phrase, worded

__all__ = [
    "DEFAULT_MEMORY",
    "Limits",
    "Progress",
    "TooLittleMemory",
    "check_count",
    "parse_memory",
    "usable_cores",
]

Progress = Callable[[int, int], None]
"""Called with (bytes done, bytes in all) from the thread that called `execute`."""

DEFAULT_MEMORY = "256M"


class Limits(NamedTuple):
    """What a run may use: `memory` in bytes, `threads` (None: all usable cores), and whom to tell."""

    memory: int
    threads: int | None = None
    progress: Progress | None = None


class TooLittleMemory(UsageError):
    """The `given` bytes of --memory are fewer than the `needed` ones, which is `why`.

    The jobs of a batch share --memory out, so as much must be given for each of them. `others` are other
    ways out.
    """

    def __init__(self, given: int, needed: int, why: str, others: Sequence[str] = (), jobs: int = 1) -> None:
        enough = max(1, -(-needed // (1 << 20))) * jobs
        ways = [f"Give {worded('memory', f'{enough}M')} or more", *others]
        if jobs > 1:
            ways.insert(1, phrase("give fewer {jobs}"))
        share = f" for each of {jobs} jobs" if jobs > 1 else ""
        super().__init__(
            f"{worded('memory', Blank(human_bytes(given)))}{share} is too small: {why}",
            hint=", or ".join(ways) + ".",
        )
        self.given, self.needed, self.why, self.others = given, needed, why, others

    def shared(self, jobs: int) -> "TooLittleMemory":
        """The same, told to whom the memory of all jobs belongs."""
        return TooLittleMemory(self.given, self.needed, self.why, self.others, jobs)


def check_count(option: str, count: int | None, hint: str = "") -> None:
    """UsageError for what is no number of threads or jobs; None is one."""
    if count is None:
        return
    if not hasattr(count, "__index__"):
        raise UsageError(f"{worded(option, count)}: not a whole number", hint=hint)
    if count < 1:
        raise UsageError(f"{worded(option, count)}: at least 1 is needed", hint=hint)


def parse_memory(text: str | int) -> int:
    """`512M`, `2G`, `64KiB` or a number of bytes, in bytes. UsageError otherwise."""
    return _bytes(str(text))


@lru_cache(maxsize=16)
def _bytes(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:I?B)?", text.strip().upper())
    if match is None or float(match[1]) <= 0:
        raise UsageError(f"{worded('memory', text)}: not a size", hint="Write it like 512M or 2G.")
    size = float(match[1]) * 1024 ** " KMGT".index(match[2] or " ")
    if size >= 2.0**63:
        shown = text if len(text) <= 20 else f"{text[:20]}..."
        raise UsageError(f"{worded('memory', shown)}: more than any machine has", hint="Like 512M or 2G.")
    return int(size)


def usable_cores() -> int:
    """The cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
