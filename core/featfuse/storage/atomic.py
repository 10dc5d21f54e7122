"""Outputs that appear whole or not at all: written beside their place, renamed over it at the end."""

import atexit
import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path

from featfuse.errors import RunError
from featfuse.storage.byte_output import OutputFile, ScratchSpace
from featfuse.storage.faults import write_faults
from featfuse.storage.flush import EarlyFlush
from featfuse.storage.local import LocalOutput, LocalScratch, find_state, open_source
from featfuse.storage.sweep import hidden_prefix
from featfuse.storage.written import note_written

__all__ = ["AtomicFile", "flush_folder", "flush_folders_later", "remove_unfinished"]

_LARGE = 64 << 20
"""Bytes from which on flushing early saves more than a thread costs."""

_unfinished: dict[Path, int] = {}
"""Temporary files that exist, or may, and the process that made them: a fork has no part in them."""


@atexit.register
def remove_unfinished() -> None:
    """Remove the temporary files of this process that nobody else will.

    A signal can end a run between any two steps, also between the making of a file and the code that
    would have removed it, or while it is being removed.
    """
    for path, owner in list(_unfinished.items()):
        if owner == os.getpid():
            with suppress(OSError):
                path.unlink(missing_ok=True)
            _unfinished.pop(path, None)


class _Folders:
    flushed_at_once = True


def flush_folders_later() -> None:
    """From now on, this process leaves it to another to `flush_folder`, once for many renames."""
    _Folders.flushed_at_once = False


class AtomicFile(LocalOutput, OutputFile):
    """A new file for `path`, kept under a hidden name in the same folder until `commit` renames it.

    A symbolic link is written through: the file it points to is replaced. Without `replace`, a file
    that turned up meanwhile stays; one that is added to must be what it was. Without `sync` nobody waits
    for the disk: after a power cut, and only then, the file may be there and not be whole.
    """

    def __init__(self, path: str, *, replace: bool = False, sync: bool = True) -> None:
        self.name = path
        self._sync = sync
        self.target = Path(os.path.realpath(path))
        self._replace = replace
        hidden = f"{hidden_prefix(self.target.name)}{os.urandom(4).hex()}.tmp"
        self.temporary = self.target.with_name(hidden)
        self._fd = -1
        self._early: EarlyFlush | None = None
        _unfinished[self.temporary] = os.getpid()
        try:
            with write_faults(path):
                flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                self._fd = os.open(self.temporary, flags, 0o666)
        except BaseException:
            self.abort()
            raise

    def reserve(self, size: int) -> None:
        super().reserve(size)
        if self._sync and size >= _LARGE and self._early is None:
            self._early = EarlyFlush(self._fd)

    def add_to_existing(self) -> None:
        """Open the file that is there as `existing`, and take over its permissions."""
        with write_faults(self.name):
            os.fchmod(self._fd, stat.S_IMODE(self.target.stat().st_mode))
            self.existing = open_source(self.name)

    def copy_existing(self) -> None:
        with write_faults(self.name):
            shutil.copyfile(self.target, self.temporary)

    def local_path(self) -> str:
        return str(self.temporary)

    def scratch(self) -> ScratchSpace:
        return LocalScratch(self.name, self.target.parent)

    def commit(self) -> int:
        """Flush to the disk (with `sync`), rename over the target, and return the size in bytes.

        Raises RunError, the temporary file removed and the target as it was, when any of that fails.
        """
        try:
            with write_faults(self.name):
                size = os.fstat(self._fd).st_size
                self._stop_flushing()
                if self._sync:
                    os.fsync(self._fd)
                self._close()
                self._check_existing()
                if self._replace or not self._link():
                    self.temporary.replace(self.target)
                note_written(self.name)
        except BaseException:
            self.abort()
            raise
        if self._sync and _Folders.flushed_at_once:
            flush_folder(self.target.parent)
        self.abort()
        return size

    def _check_existing(self) -> None:
        """RunError when the file that is added to is another by now: what it gained would be lost."""
        if self.existing is not None and find_state(str(self.target)) != self.existing.first_state:
            raise RunError(
                f"{self.name} was changed by another program while it was added to",
                hint="Nothing was written: run the command again.",
            )

    def _link(self) -> bool:
        """Give the file its name unless that is taken, in one step; False where there are no hard links.

        RunError when another process was faster.
        """
        try:
            os.link(self.temporary, self.target)
        except FileExistsError:
            pass
        except FileNotFoundError:
            raise
        except OSError:
            if not self.target.exists():
                return False
        else:
            return True
        raise RunError(
            f"{self.name} appeared while it was being made",
            hint="Nothing was written: run the command again.",
        )

    def abort(self) -> None:
        """Remove the temporary file, if it is still there."""
        self._close()
        with suppress(OSError):
            self.temporary.unlink(missing_ok=True)
        _unfinished.pop(self.temporary, None)

    def _stop_flushing(self) -> None:
        if self._early is not None:
            self._early.stop()
            self._early = None

    def _close(self) -> None:
        self._stop_flushing()
        if self.existing is not None:
            self.existing.close()
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def flush_folder(path: Path) -> None:
    """Make the renames in a folder durable; some file systems cannot, and the files are in place anyway."""
    with suppress(OSError):
        folder = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
