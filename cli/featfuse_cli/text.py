"""Our words, and names of files and tensors, as a stream may safely show them. No Rich here: errors need
it too."""

import os
import sys
from collections.abc import Callable
from functools import partial
from typing import IO

__all__ = [
    "MOST_USED",
    "PIPE_WIDTH",
    "can_repaint",
    "fitting",
    "fitting_json",
    "is_ascii",
    "say",
    "takes_colours",
    "visible",
]

PIPE_WIDTH = 80
"""Columns of what is no terminal."""

MOST_USED = "Most used"
"""The panel of --help with the options that most people need, before all others."""

_IN_ASCII = str.maketrans({"×": "x", "→": "->", "…": "...", "─": "-"})
"""The characters of our own words that are not ASCII."""


def visible(text: str, ascii_only: bool = False) -> str:
    """`text` with every character that is not printable written as an escape.

    A file name can hold anything: escape sequences that repaint the terminal, marks that reverse the
    direction of reading, bytes that are not text at all. With `ascii_only` our own words are spelt in ASCII,
    and what else is not ASCII is escaped.
    """
    if text.isprintable() and (not ascii_only or text.isascii()):
        return text
    if ascii_only:
        text = text.translate(_IN_ASCII)
    return "".join(char if _shows(char, ascii_only) else _escape(char) for char in text)


def _shows(char: str, ascii_only: bool) -> bool:
    return char.isprintable() and (char.isascii() or not ascii_only)


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def is_ascii(stream: IO[str]) -> bool:
    """Whether only ASCII is sure to be seen: not UTF-8, or a terminal that says it can do nothing."""
    if not (getattr(stream, "encoding", None) or "utf-8").lower().startswith("utf"):
        return True
    return stream.isatty() and _is_dumb()


def takes_colours(stream: IO[str]) -> bool:
    """Whether `stream` is a terminal for which colours are neither unknown nor unwanted."""
    return can_repaint(stream) and "NO_COLOR" not in os.environ


def can_repaint(stream: IO[str]) -> bool:
    """Whether `stream` is a terminal on which a line can be written anew."""
    return stream.isatty() and not _is_dumb()


def _is_dumb() -> bool:
    return os.environ.get("TERM") == "dumb"


def fitting(stream: IO[str]) -> Callable[[str], str]:
    """`visible`, as `stream` needs it."""
    return partial(visible, ascii_only=is_ascii(stream))


def fitting_json(text: str, stream: IO[str]) -> str:
    """JSON for `stream`: what it cannot show stands in strings, and is written as JSON escapes it."""
    if text.isascii() or not is_ascii(stream):
        return text
    import json

    return "".join(char if char.isascii() else json.dumps(char)[1:-1] for char in text)


def say(text: str) -> None:
    """`text` as lines on stderr. Where it cannot go (`2>/dev/full`), the exit code still tells."""
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except OSError:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (for what the interpreter flushes at the end)
