"""The commands that are recorded: `WORKING` ones end well, `FAILING` ones are refused or fail.

A command is a line without its `fuse`: `a && b` runs one after the other in the same folder, `< FILE` and
`> FILE` redirect, and a step `rm FILE` removes one. What counts is the last step's.
"""

from typing import NamedTuple

from failing import FAILS
from failing_files import FAILS_ON_FILES
from working import WORKS
from working_files import WORKS_ON_FILES

__all__ = ["ALL", "FAILING", "WORKING", "Command"]


class Command(NamedTuple):
    """One row: the table it is from, the line, the exit codes that are right."""

    group: str
    line: str
    codes: tuple[int, ...]


def _commands(tables: dict[str, list[str]], codes: tuple[int, ...]) -> list[Command]:
    return [Command(group, line, codes) for group, lines in tables.items() for line in lines]


WORKING = _commands({**WORKS, **WORKS_ON_FILES}, (0,))
# exit code 3 of `inspect` is an answer, yet a refusal to whoever adds the tensors
FAILING = _commands({**FAILS, **FAILS_ON_FILES}, (1, 2, 3, 4, 5))
ALL = WORKING + FAILING

_LINES = [command.line for command in ALL]
_TWICE = {line for line in _LINES if _LINES.count(line) > 1}
if _TWICE:
    raise ValueError(f"commands that are listed twice: {_TWICE}")
