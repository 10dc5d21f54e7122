"""Outputs that appear whole or not at all: written beside their place, renamed over it at the end."""

import atexit
import errno
import math
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, ClassVar

from featfuse.errors import RunError
from featfuse.storage.flush import EarlyFlush
from featfuse.storage.sweep import hidden_prefix

__all__ = [
    "AtomicFile",
    "StreamFile",
    "check_room",
    "flush_folder",
    "remove_unfinished",
    "reserve",
    "write_faults",
]

_LARGE = 64 << 20
"""Bytes from which on flushing early saves more than a thread costs."""

_HINTS = {
    errno.ENOSPC: "Free some space, or write to another disk with --out.",
    errno.EDQUOT: "Your quota is used up: free some space, or write elsewhere with --out.",
    errno.EFBIG: "The file would pass this process's or file system's size limit (`ulimit -f`).",
    errno.EACCES: "Choose a folder you may write to with --out.",
    errno.EPERM: "Choose a folder you may write to with --out.",
    errno.ENOENT: "Its folder was there, and has been moved or removed meanwhile.",
    errno.EMFILE: "This process may open no more files: raise `ulimit -n`, or give fewer inputs at a time.",
    errno.ENOTDIR: "Its folder was there, and has been replaced by a file meanwhile.",
    errno.ENAMETOOLONG: "Choose a shorter name with --out.",
    errno.EROFS: "The file system is read-only: choose another folder with --out.",
}


@contextmanager
def write_faults(name: str) -> Iterator[None]:
    """Turn an OSError of the block into a RunError that names the output `name`."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunError(
            f"{name}: cannot be written: {reason}", hint=_HINTS.get(error.errno or 0, "")
        ) from error


def check_room(fd: int, name: str, size: int) -> None:
    """RunError when the open file `fd` may not grow to `size` bytes, or its disk has no room for them."""
    with write_faults(name):
        if size > _largest_file():
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        disk = os.fstatvfs(fd)
        free = disk.f_bavail * disk.f_frsize
        if disk.f_blocks and size > free + os.fstat(fd).st_blocks * 512:
            raise RunError(
                f"{name}: {size:,} bytes do not fit on the disk, where {free:,} are free",
                hint=_HINTS[errno.ENOSPC],
            )


def _largest_file() -> float:
    """The bytes that this process may write to one file."""
    try:
        import resource
    except ImportError:
        return math.inf
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    return math.inf if limit == resource.RLIM_INFINITY else limit


def reserve(fd: int, name: str, size: int) -> None:
    """Make the open file `size` bytes long and take the room for them now; RunError when there is none.

    Blocks that are taken at once are also written faster than blocks found one by one.
    """
    check_room(fd, name, size)
    with write_faults(name):
        if size and hasattr(os, "posix_fallocate"):
            try:
                os.posix_fallocate(fd, 0, size)
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                    raise
        os.ftruncate(fd, size)


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


class AtomicFile:
    """A new file for `path`, kept under a hidden name in the same folder until `commit` renames it.

    A symbolic link is written through: the file it points to is replaced. Without `replace`, a file
    that turned up meanwhile stays. Without `sync` nobody waits for the disk: after a power cut, and only
    then, the file may be there and not be whole.
    """

    latest: ClassVar[str | None] = None
    """The output of this process that was put in its place last."""
    flush_folders: ClassVar[bool] = True
    """Whether a rename is flushed, too, at once: False where `flush_folder` will do so for many."""

    def __init__(self, path: str, *, replace: bool = False, sync: bool = True) -> None:
        self.name = path
        self._sync = sync
        self.target = Path(os.path.realpath(path))
        self._replace = replace
        hidden = f"{hidden_prefix(self.target.name)}{os.urandom(4).hex()}.tmp"
        self.temporary = self.target.with_name(hidden)
        self.fd = -1
        self._early: EarlyFlush | None = None
        _unfinished[self.temporary] = os.getpid()
        try:
            with write_faults(path):
                flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                self.fd = os.open(self.temporary, flags, 0o666)
        except BaseException:
            self.abort()
            raise

    def reserve(self, size: int) -> None:
        """Make the file `size` bytes long and take the room for them; RunError when there is none."""
        reserve(self.fd, self.name, size)
        if self._sync and size >= _LARGE and self._early is None:
            self._early = EarlyFlush(self.fd)

    def write(self, text: bytes) -> None:
        """Append `text`, all of it."""
        left = memoryview(text)
        with write_faults(self.name):
            while left:
                left = left[os.write(self.fd, left) :]

    def copy_target(self) -> None:
        """Start from a copy of what is there."""
        with write_faults(self.name):
            shutil.copyfile(self.target, self.temporary)

    def copy_mode(self) -> None:
        """Take over the permissions of the file that is there."""
        with write_faults(self.name):
            os.fchmod(self.fd, stat.S_IMODE(self.target.stat().st_mode))

    def commit(self) -> int:
        """Flush to the disk (with `sync`), rename over the target, and return the size in bytes.

        Raises RunError, the temporary file removed and the target as it was, when any of that fails.
        """
        try:
            with write_faults(self.name):
                size = os.fstat(self.fd).st_size
                self._stop_flushing()
                if self._sync:
                    os.fsync(self.fd)
                self._close()
                if self._replace or not self._link():
                    self.temporary.replace(self.target)
                AtomicFile.latest = self.name
        except BaseException:
            self.abort()
            raise
        if self._sync and AtomicFile.flush_folders:
            flush_folder(self.target.parent)
        self.abort()
        return size

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
        raise RunError(f"{self.name} appeared while it was being made", hint="--force replaces it.")

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
        fd, self.fd = self.fd, -1
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


class StreamFile:
    """An output that goes to a stream such as stdout: kept in an anonymous file until `commit`."""

    name = "-"

    def __init__(self, stream: BinaryIO | None = None) -> None:
        import tempfile

        self._stream = stream if stream is not None else sys.stdout.buffer
        with write_faults("-"):
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 (closed by commit or abort)
        self.fd = self._file.fileno()

    def reserve(self, size: int) -> None:
        """Make the file `size` bytes long and take the room for them; RunError when there is none."""
        reserve(self.fd, "-", size)

    def commit(self) -> int:
        """Copy everything to the stream; the number of bytes."""
        try:
            with write_faults("-"):
                self._file.seek(0)
                shutil.copyfileobj(self._file, self._stream, 1 << 20)
                self._stream.flush()
                return self._file.tell()
        finally:
            self._file.close()

    def abort(self) -> None:
        """Forget everything; nothing has reached the stream."""
        self._file.close()
