"""Commands, timed as whole processes, in turn: A B C, A B C, ... so that a slow minute hits all of them.

The measuring process must stay small (no NumPy here): a child's peak memory begins at its parent's.
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

__all__ = ["RSS_UNIT", "Command", "Run", "environment", "measure", "remove_outputs", "rounds"]

# ru_maxrss is in kibibytes, but in bytes on macOS
RSS_UNIT = 1 if sys.platform == "darwin" else 1024
_STDOUT, _STDERR = "stdout.txt", "stderr.txt"


@dataclass(frozen=True, slots=True)
class Command:
    """What is run; `writes` are removed before each run, and the first of them is compared.

    `scale` extrapolates a command that does only a part of the work. One that `tells_work` prints, last of
    all, how many seconds it took when its imports were done. With a `checkout`, featfuse is that one.
    """

    argv: tuple[str, ...]
    writes: tuple[str, ...] = ()
    scale: float = 1.0
    compared: bool = True
    tells_work: bool = False
    checkout: Path | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """Wall seconds and peak resident bytes (of the largest process) of one run; what it tells of its work;
    processor seconds, its children's too."""

    seconds: float
    peak: int
    work: float | None = None
    processor: float = 0.0


def environment(checkout: Path | None = None) -> dict[str, str]:
    """The child's: bytecode is cached, and a relative PYTHONPATH still holds in another folder."""
    child = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    if checkout:
        return child | {"PYTHONPATH": os.pathsep.join(str(checkout / part) for part in ("core", "cli"))}
    if "PYTHONPATH" in child:
        child["PYTHONPATH"] = os.pathsep.join(
            str(Path(part).resolve()) for part in child["PYTHONPATH"].split(os.pathsep) if part
        )
    return child


def measure(command: Command, folder: Path) -> Run | str:
    """One run, which finds the disk idle, or the last line of what a failed one said."""
    remove_outputs(command, folder)
    os.sync()  # nobody pays for what another has left to be written
    with (folder / _STDOUT).open("wb") as output, (folder / _STDERR).open("wb") as errors:
        started = time.perf_counter()
        process = subprocess.Popen(
            command.argv,
            cwd=folder,
            env=environment(command.checkout),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        lines = (folder / _STDERR).read_text(errors="replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), f"exit code {process.returncode}")
    work = float((folder / _STDOUT).read_text().split()[-1]) if command.tells_work else None
    processor = usage.ru_utime + usage.ru_stime
    return Run(seconds * command.scale, usage.ru_maxrss * RSS_UNIT, work, processor * command.scale)


def rounds(
    commands: dict[str, Command], folder: Path, count: int, *, keep: bool = False
) -> tuple[dict[str, list[Run]], dict[str, str]]:
    """`count` runs of each command, in turn, and the reasons of those that failed (they have no runs).

    Outputs are removed, unless they shall be kept: the next command finds the memory that theirs took.
    """
    runs: dict[str, list[Run]] = {label: [] for label in commands}
    failed: dict[str, str] = {}
    for _ in range(count):
        for label in [label for label in runs if label not in failed]:
            result = measure(commands[label], folder)
            if not keep:
                remove_outputs(commands[label], folder)
            if isinstance(result, str):
                failed[label] = result
            else:
                runs[label].append(result)
    return {label: done for label, done in runs.items() if label not in failed}, failed


def remove_outputs(command: Command, folder: Path) -> None:
    """Remove what a command wrote. Many files are emptied and put aside instead: where thousands were removed
    in the last minutes, ext4 takes a millisecond to make a new one."""
    for name in command.writes:
        path = folder / name
        if path.is_dir():
            for file in path.iterdir():
                os.truncate(file, 0)
            path.rename(folder / f"removed-{time.monotonic_ns()}")
        else:
            path.unlink(missing_ok=True)
