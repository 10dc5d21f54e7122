"""Hidden names for what is being made, and clearing what killed processes left behind under them."""

import os
import platform
import re
import shutil
import time
import zlib
from contextlib import suppress
from functools import cache, lru_cache
from pathlib import Path

from featfuse.storage.lock import LOCK_NAME, remove_stale_lock

__all__ = ["STAGE_NOTES", "STAGE_SUFFIX", "abandoned_stages", "hidden_prefix", "sweep", "sweep_once"]

STAGE_SUFFIX = ".stage"
"""The folder in which a batch collects the items of one container."""

STAGE_NOTES = "items.jsonl"
"""The file in it that tells which items are finished."""

_KEPT_SECONDS = 7 * 24 * 3600
"""How long finished items of a killed batch wait for it to be resumed."""

_LEFTOVER = re.compile(r"\..+\.([0-9a-f]{8})\.(\d+)\.([0-9a-f]{8}\.tmp|\w{8}\.stage)", re.DOTALL)


def hidden_prefix(name: str) -> str:
    """How a hidden name for the output `name` begins: it tells whose it is.

    The name is cut, so that with a few more letters the whole stays within the 255 bytes of a file name.
    """
    return f".{name[:40]}.{_host()}.{os.getpid()}."


@cache
def _host() -> str:
    """Where process numbers mean what they mean here: this machine, and its container's set of processes.

    A lock on the file would tell live from dead as well, but not on every network file system, and it
    would be in the way of HDF5's own.
    """
    facts = [platform.node()]
    with suppress(OSError):
        facts.append(os.readlink("/proc/self/ns/pid"))  # noqa: PTH115 (no path, but a kind and a number)
    with suppress(OSError):
        facts.append(Path("/etc/machine-id").read_text(errors="replace"))
    return f"{zlib.crc32(chr(10).join(facts).encode('utf-8', 'replace')):08x}"


@lru_cache(maxsize=256)
def sweep_once(folder: Path) -> None:
    """`sweep`, but not again for every output that a process writes to one folder."""
    sweep(folder)


def sweep(folder: str | Path) -> None:
    """Remove temporary files, stages and locks in `folder` whose process is gone.

    Those of live ones stay, and those of other machines, about whose processes nothing is known. So does
    a file whose number another process has by now, and a stage that has finished items, for a week.
    """
    with suppress(OSError):
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _sweep(opened)
        finally:
            os.close(opened)


def _sweep(folder: int) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            if LOCK_NAME.fullmatch(entry.name):
                remove_stale_lock(entry.name, folder)
                continue
            if not _is_abandoned(entry.name):
                continue
            if entry.is_dir(follow_symlinks=False):
                if _is_kept(entry.name, folder):
                    continue
                shutil.rmtree(entry.name, ignore_errors=True, dir_fd=folder)
            else:
                with suppress(OSError):
                    os.unlink(entry.name, dir_fd=folder)


def abandoned_stages(folder: int) -> list[str]:
    """The names of stages in an open folder whose process is gone."""
    opened = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    try:
        with os.scandir(opened) as entries:
            names = [entry.name for entry in entries if entry.name.endswith(STAGE_SUFFIX)]
    finally:
        os.close(opened)
    return [name for name in names if _is_abandoned(name)]


def _is_abandoned(name: str) -> bool:
    match = _LEFTOVER.fullmatch(name)
    return match is not None and match[1] == _host() and not _alive(int(match[2]))


def _is_kept(stage: str, folder: int) -> bool:
    with suppress(OSError):
        notes = os.stat(f"{stage}/{STAGE_NOTES}", dir_fd=folder, follow_symlinks=False)
        return time.time() - notes.st_mtime < _KEPT_SECONDS
    return False


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
