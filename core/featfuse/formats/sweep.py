"""Clearing what killed processes left behind: hidden files that carry the number of their process."""

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

__all__ = ["STAGE_SUFFIX", "sweep"]

STAGE_SUFFIX = ".stage"
"""The folder in which a batch collects the items of one container."""

_LEFTOVER = re.compile(r"\..+\.(\d+)\.([0-9a-f]{8}\.tmp|\w{8}\.stage)")


def sweep(folder: str | Path) -> None:
    """Remove temporary files and stages in `folder` whose process is gone. Those of live ones stay."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            match = _LEFTOVER.fullmatch(entry.name)
            if match is None or _alive(int(match[1])):
                continue
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                with suppress(OSError):
                    Path(entry.path).unlink()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OverflowError:  # no process can have this number
        return False
    except PermissionError:
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """A process that is dead, but that nobody has asked about: common in containers without an init."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] in ("Z", "X")
