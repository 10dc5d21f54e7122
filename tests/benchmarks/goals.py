"""The kinds of goals: each says in words what it wants, and computes what was measured.

A ratio is the median of the ratios of the rounds, so a slow round counts for both sides.
"""

import statistics
from dataclasses import dataclass
from typing import Protocol

from measure import Run

__all__ = ["AtMost", "Faster", "Flat", "Goal", "PeakAbove", "median_seconds"]

Runs = dict[str, list[Run]]


def median_seconds(runs: list[Run]) -> float:
    return statistics.median(run.seconds for run in runs)


class Goal(Protocol):
    def labels(self) -> tuple[str, ...]:
        """The commands without which the goal cannot be judged."""
        ...

    def subject(self) -> str:
        """Whose time or memory is judged, for the table."""
        ...

    def text(self) -> str:
        """What is wanted, for the table."""
        ...

    def judge(self, runs: Runs) -> tuple[str, bool]:
        """What was measured, for the table, and whether it meets the goal."""
        ...


@dataclass(frozen=True, slots=True)
class AtMost:
    """`who` takes at most `limit` times as long as `against`."""

    limit: float
    against: str
    who: str = "featfuse"

    def labels(self) -> tuple[str, ...]:
        return self.who, self.against

    def subject(self) -> str:
        return self.who

    def text(self) -> str:
        return f"at most {self.limit:g} × {self.against}"

    def judge(self, runs: Runs) -> tuple[str, bool]:
        pairs = zip(runs[self.who], runs[self.against], strict=True)
        ratio = statistics.median(ours.seconds / other.seconds for ours, other in pairs)
        return f"{ratio:.2f} ×", ratio <= self.limit


@dataclass(frozen=True, slots=True)
class Faster:
    """`who` is at least `limit` times as fast as `against`, without whose imports when it is `imported`."""

    limit: float
    against: str
    imported: bool = False
    who: str = "featfuse"

    def labels(self) -> tuple[str, ...]:
        return self.who, self.against

    def subject(self) -> str:
        return self.who

    def text(self) -> str:
        taken = ", its import taken off" if self.imported else ""
        return f"at least {self.limit:g} × as fast as {self.against}{taken}"

    def judge(self, runs: Runs) -> tuple[str, bool]:
        pairs = zip(runs[self.who], runs[self.against], strict=True)
        ratio = statistics.median(self._counted(other) / ours.seconds for ours, other in pairs)
        return f"{ratio:.2f} ×", ratio >= self.limit

    def _counted(self, run: Run) -> float:
        return run.work if self.imported and run.work is not None else run.seconds


@dataclass(frozen=True, slots=True)
class PeakAbove:
    """No run of any of `who` peaks more than `limit_mb` megabytes above its `memory` budget (bytes)."""

    limit_mb: int
    memory: int
    who: tuple[str, ...]

    def labels(self) -> tuple[str, ...]:
        return self.who

    def subject(self) -> str:
        return f"{self.who[0]} .. {self.who[-1]}"

    def text(self) -> str:
        return f"peak at most {self.limit_mb} MB above --memory"

    def judge(self, runs: Runs) -> tuple[str, bool]:
        above = (max(run.peak for label in self.who for run in runs[label]) - self.memory) / 1e6
        return f"{above:+.0f} MB", above <= self.limit_mb


@dataclass(frozen=True, slots=True)
class Flat:
    """Seconds per output byte differ by at most `limit` times between `sizes` (label: bytes).

    `off` is a run on next to nothing: with it, the start-up is not counted.
    """

    limit: float
    sizes: tuple[tuple[str, int], ...]
    off: str | None = None

    def labels(self) -> tuple[str, ...]:
        return (*(label for label, _ in self.sizes), *([self.off] if self.off else []))

    def subject(self) -> str:
        return f"{self.sizes[0][0]} .. {self.sizes[-1][0]}"

    def text(self) -> str:
        taken = ", start-up taken off" if self.off else ""
        return f"cost per byte within {self.limit:g} ×{taken}"

    def judge(self, runs: Runs) -> tuple[str, bool]:
        off = median_seconds(runs[self.off]) if self.off else 0.0
        costs = [(median_seconds(runs[label]) - off) / size for label, size in self.sizes]
        spread = max(costs) / min(costs)
        return f"{spread:.2f} ×", 1 <= spread <= self.limit
