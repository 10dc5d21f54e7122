"""Text on the standard streams. No Rich here: errors need it too."""

import os
import sys

__all__ = ["say"]


def say(text: str) -> None:
    """`text` as lines on stderr. Where it cannot go (`2>/dev/full`), the exit code still tells."""
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except OSError:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (for what the interpreter flushes at the end)
