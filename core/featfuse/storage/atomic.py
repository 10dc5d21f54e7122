"""Outputs that appear whole or not at all: written beside their place, renamed over it at the end."""

import atexit
import os
from contextlib import suppress
from pathlib import Path

from featfuse.errors import RunError
from featfuse.storage.byte_output import OutputFile, ScratchSpace
from featfuse.storage.faults import write_faults
from featfuse.storage.flush import EarlyFlush
from featfuse.storage.local import LocalOutput, LocalScratch
from featfuse.storage.place import Place
from featfuse.storage.sweep import hidden_prefix
from featfuse.storage.written import note_written

__all__ = ["AtomicFile", "flush_folder", "flush_folders_later", "remove_unfinished"]

_LARGE = 64 << 20
"""Bytes from which on flushing early saves more than a thread costs."""

_COPIED = 8 << 20
"""Bytes of an existing file that are copied at a time."""

_unfinished: dict["AtomicFile", int] = {}
"""Files whose temporary ones exist, or may, and the process that made them: a fork has no part in them."""


@atexit.register
def remove_unfinished() -> None:
    """Remove the temporary files of this process that nobody else will.

    A signal can end a run between any two steps, also between the making of a file and the code that
    would have removed it, or while it is being removed.
    """
    for file, owner in list(_unfinished.items()):
        if owner == os.getpid():
            file.remove_temporary()


class _Folders:
    flushed_at_once = True


def flush_folders_later() -> None:
    """From now on, this process leaves it to another to `flush_folder`, once for many renames."""
    _Folders.flushed_at_once = False


class AtomicFile(LocalOutput, OutputFile):
    """A new file for `path`, kept under a hidden name in the same folder until `commit` renames it.

    A symbolic link is written through: the file it points to is replaced. That, and the folder, are looked
    up once, when this begins; with `root` the folder may not lie outside that one. Without `replace`, a file
    that turned up meanwhile stays; one that is added to must be what it was. Without `sync` nobody waits
    for the disk: after a power cut, and only then, the file may be there and not be whole.
    """

    def __init__(
        self, path: str, *, replace: bool = False, sync: bool = True, root: str | None = None
    ) -> None:
        self.name = path
        self._sync = sync
        self._replace = replace
        with write_faults(path):
            self._place = Place(path, root)
        self.temporary = f"{hidden_prefix(self._place.leaf)}{os.urandom(4).hex()}.tmp"
        self._fd = -1
        self._early: EarlyFlush | None = None
        _unfinished[self] = os.getpid()
        try:
            self._place.exists()
            with write_faults(path):
                flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                self._fd = os.open(self.temporary, flags, 0o666, dir_fd=self._place.folder)
        except BaseException:
            self.abort()
            raise

    def reserve(self, size: int) -> None:
        super().reserve(size)
        if self._sync and size >= _LARGE and self._early is None:
            self._early = EarlyFlush(self._fd)

    def add_to_existing(self) -> None:
        """Open the file that is there, if one is, as `existing`, and take over its permissions."""
        if self._place.exists():
            with write_faults(self.name):
                self.existing, mode = self._place.open_source()
                os.fchmod(self._fd, mode)
            self._replace = True

    def copy_existing(self) -> None:
        assert self.existing is not None
        with write_faults(self.name):
            for start in range(0, self.existing.size, _COPIED):
                self.write_at(start, self.existing.read(start, _COPIED))

    def local_path(self) -> str:
        numbered = f"/proc/self/fd/{self._fd}"
        return numbered if os.path.exists(numbered) else f"{self._place.reach}/{self.temporary}"  # noqa: PTH110

    def scratch(self) -> ScratchSpace:
        return LocalScratch(self.name, Path(self._place.reach))

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
                self._place.check_reached()
                self._check_existing()
                if self._replace or not self._link():
                    folder = self._place.folder
                    os.replace(self.temporary, self._place.leaf, src_dir_fd=folder, dst_dir_fd=folder)
                note_written(self.name)
        except BaseException:
            self.abort()
            raise
        if self._sync and _Folders.flushed_at_once:
            self._place.flush()
        self.abort()
        return size

    def _check_existing(self) -> None:
        """RunError when the file that is added to is another by now: what it gained would be lost."""
        if self.existing is not None and self._place.state() != self.existing.first_state:
            raise RunError(
                f"{self.name} was changed by another program while it was added to",
                hint="Nothing was written: run the command again.",
            )

    def _link(self) -> bool:
        """Give the file its name unless that is taken, in one step; False where there are no hard links.

        RunError when another process was faster.
        """
        try:
            folder = self._place.folder
            os.link(
                self.temporary, self._place.leaf, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False
            )
        except FileExistsError:
            pass
        except FileNotFoundError:
            raise
        except OSError:
            if not self._place.exists():
                return False
        else:
            return True
        raise RunError(
            f"{self.name} appeared while it was being made",
            hint="Nothing was written: run the command again.",
        )

    def abort(self) -> None:
        """Forget the file, unless it has its name."""
        self._close()
        self.remove_temporary()
        self._place.close()

    def remove_temporary(self) -> None:
        """Remove the temporary file, if it is still there."""
        if self in _unfinished:
            with suppress(OSError):
                os.unlink(self.temporary, dir_fd=self._place.folder)
            _unfinished.pop(self, None)

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
