"""Names of files and tensors as a terminal may safely show them. No Rich here: errors need it too."""

import os
import sys

__all__ = ["PIPE_WIDTH", "say", "visible"]

PIPE_WIDTH = 80
"""Columns of what is no terminal."""


def visible(text: str, keep: str = "") -> str:
    """`text` with every character that is not printable written as an escape, except those in `keep`.

    A file name can hold anything: escape sequences that repaint the terminal, marks that reverse the
    direction of reading, bytes that are not text at all.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in keep else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def say(text: str) -> None:
    """`text` as lines on stderr. Where it cannot go (`2>/dev/full`), the exit code still tells."""
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except OSError:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (for what the interpreter flushes at the end)
