"""featfuse beside itself: this checkout's commands, each followed by the same command of another checkout.

What a change of the code costs is small beside what a shared machine does from minute to minute, so both are
run in turn, on the same files, and their outputs are compared.
"""

import statistics
from dataclasses import dataclass, replace
from pathlib import Path

from goals import AtMost, Goal, Runs
from measure import Command
from workload import Workload, fuse

__all__ = ["beside_checkout"]

_OTHER = "the other checkout"
_LIMIT = 1.05  # what a change may cost
_PEAK_MIB = 2  # what two runs of one program differ by
_FUSE = fuse()


@dataclass(frozen=True, slots=True)
class _Beside:
    """A measure of `who` beside the same measure of `against`."""

    who: str
    against: str

    def labels(self) -> tuple[str, ...]:
        return self.who, self.against

    def subject(self) -> str:
        return self.who


@dataclass(frozen=True, slots=True)
class PeakNotAbove(_Beside):
    """The median peak of `who` is at most `_PEAK_MIB` above that of `against`."""

    def text(self) -> str:
        return f"peak at most {_PEAK_MIB} MiB above that of {_OTHER}"

    def judge(self, runs: Runs) -> tuple[str, bool]:
        ours, other = (statistics.median(run.peak for run in runs[label]) for label in self.labels())
        above = (ours - other) / 2**20
        return f"{above:+.1f} MiB", above <= _PEAK_MIB


@dataclass(frozen=True, slots=True)
class ProcessorAtMost(_Beside):
    """`who` takes at most `_LIMIT` times the processor time of `against`: others count less there."""

    def text(self) -> str:
        return f"at most {_LIMIT:g} × the processor time of {_OTHER}"

    def judge(self, runs: Runs) -> tuple[str, bool]:
        pairs = zip(runs[self.who], runs[self.against], strict=True)
        ratio = statistics.median(ours.processor / max(other.processor, 1e-3) for ours, other in pairs)
        return f"{ratio:.2f} ×", ratio <= _LIMIT


def beside_checkout(workload: Workload, checkout: Path) -> Workload:
    """This workload's featfuse commands, each beside that of `checkout`; nobody else's."""
    commands: dict[str, Command] = {}
    goals: list[Goal] = []
    for label, command in workload.commands.items():
        if command.argv[: len(_FUSE)] != _FUSE:
            continue
        twin = f"{label}, {_OTHER}"
        commands[label] = command
        commands[twin] = _of_checkout(command, checkout)
        goals += AtMost(_LIMIT, twin, label), ProcessorAtMost(label, twin), PeakNotAbove(label, twin)
    return replace(workload, commands=commands, goals=tuple(goals), tolerance=0)


def _of_checkout(command: Command, checkout: Path) -> Command:
    renamed = {name: f"other-{name}" for name in command.writes}
    return replace(
        command,
        argv=tuple(renamed.get(part, part) for part in command.argv),
        writes=tuple(renamed.values()),
        checkout=checkout.resolve(),
    )
