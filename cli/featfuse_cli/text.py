"""Text as a stream may safely show it. No Rich here: errors need it too."""

import os
import sys
from collections.abc import Callable
from functools import partial
from typing import IO

from featfuse.text import visible

__all__ = ["MOST_USED", "can_repaint", "fitting", "fitting_json", "is_ascii", "say", "takes_colours"]

MOST_USED = "Most used"
"""The panel of --help with the options that most people need, before all others."""


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
