"""Everything featfuse can refuse, each with the exit code the command line gives it.

The core raises these and nothing else for what a user can cause; it never prints and never exits.
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar

__all__ = [
    "FeatfuseError",
    "FeatfuseWarning",
    "InputError",
    "RunError",
    "ShapeError",
    "UsageError",
    "did_you_mean",
    "meant",
]


class FeatfuseError(Exception):
    """The root of the tree.

    `message` says what is wrong (file, axis, sizes), `details` more of it, a line each; `hint` says in one
    sentence what would mend it; `commands` are lines that can be pasted into a shell.
    """

    exit_code: ClassVar[int] = 1

    def __init__(
        self, message: str, *, details: Sequence[str] = (), hint: str = "", commands: Sequence[str] = ()
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = tuple(details)
        self.hint = hint
        self.commands = tuple(commands)

    @property
    def lines(self) -> list[str]:
        """Everything there is to say, each on one line: a name with a line break in it forges no other."""
        hint = [self.hint] if self.hint else []
        lines = [self.message, *self.details, *hint, *(f"  {command}" for command in self.commands)]
        return [line.replace("\n", "\\n") for line in lines]

    def __str__(self) -> str:
        return "\n".join(self.lines)


class FeatfuseWarning(UserWarning):
    """What the command line warns of, told by the Python verbs: detail that aliases, an untrained kernel,
    values that became inf or were clipped, items of a batch that failed."""


class RunError(FeatfuseError):
    """A run failed: I/O, no space, an output that exists, numbers that do not fit. Exit code 1."""

    exit_code = 1


class UsageError(FeatfuseError):
    """The request itself is wrong: an unknown choice, an option the method does not use. Exit code 2."""

    exit_code = 2


class ShapeError(FeatfuseError):
    """The shapes cannot be fused as asked. Exit code 3."""

    exit_code = 3


class InputError(FeatfuseError):
    """An input is missing, unreadable, malformed or refused. Exit code 4."""

    exit_code = 4


_OTHER_WORDS = {
    "sum": "add",
    "plus": "add",
    "subtract": "sub",
    "difference": "sub",
    "multiply": "mul",
    "product": "mul",
    "average": "mean",
    "avg": "mean",
    "cat": "concat",
    "concatenate": "concat",
}
"""What other libraries call it, where the spelling would lead astray: `sum` looks like `sub`."""


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """A hint naming the choice nearest to `word`, or all of them when none is near."""
    import difflib

    names = list(choices)
    other = _OTHER_WORDS.get(word)
    near = [other] if other in names else difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    return meant(near) or f"Choose from: {', '.join(names)}."


def meant(names: Sequence[str]) -> str:
    """A hint that asks whether one of `names` was meant; nothing where there is none."""
    if not names:
        return ""
    *others, last = names
    return f"Did you mean {', '.join(others)}{' or ' if others else ''}{last}?"
