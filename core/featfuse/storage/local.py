"""Files of this machine: bytes read from and written to their positions by system calls, without copies."""

import errno
import io
import math
import os
import stat
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path

from featfuse.errors import InputError, RunError
from featfuse.storage.byte_output import ByteOutput, ScratchSpace
from featfuse.storage.byte_source import ByteSource, SourceState
from featfuse.storage.faults import no_space_hint, write_faults
from featfuse.wording import either

__all__ = ["LocalOutput", "LocalScratch", "LocalSource", "find_state", "open_source", "state_of"]

_MAX_CALL = 1 << 28  # macOS refuses single reads and writes of 2 GiB and more
_PIECE = 1 << 20
"""Bytes of one write, aligned in the file. Linux may give a longer one larger pages to keep it in, which are
hard to find when memory is fragmented: a gigabyte in pieces of 4 MiB took 0.2 to 2.3 s, of 1 MiB 0.3 s."""


class LocalSource(ByteSource):
    """An open file. Without a `path` (a stream's) it has no name in the file system."""

    def __init__(
        self, file: io.FileIO, name: str, path: str | None = None, state: SourceState | None = None
    ) -> None:
        """Take over the open `file`."""
        self._file = file
        self._fd = file.fileno()
        self._path = path
        self.name = name
        self._size = os.fstat(self._fd).st_size
        self.first_state = state

    @property
    def size(self) -> int:
        return self._size

    def read_into(self, offset: int, buffer: memoryview) -> int:
        size = len(buffer)
        count = os.preadv(self._fd, [buffer], offset) if size <= _MAX_CALL else 0
        if count == size:
            return count
        return count + _read_into(self._fd, offset + count, buffer[count:])

    def read(self, offset: int, count: int) -> bytes:
        return os.pread(self._fd, count, offset) if count <= _MAX_CALL else super().read(offset, count)

    def read_runs(self, positions: Iterable[int], length: int, buffer: memoryview) -> int:
        fd, done = self._fd, 0
        for position in positions:
            part = buffer[done : done + length]
            count = os.preadv(fd, [part], position) if length <= _MAX_CALL else 0
            if count != length:
                count += _read_into(fd, position + count, part[count:])
            done += count
            if count != length:
                break
        return done

    def local_path(self) -> str:
        if self._path is None:
            raise InputError(f"{self.name} is a stream, not a file", hint="Save it in a file first.")
        return self._path

    def state(self) -> SourceState | None:
        return find_state(self._fd if self._path is None else self._path)

    def close(self) -> None:
        self._file.close()


def _read_into(fd: int, offset: int, buffer: memoryview) -> int:
    done, size = 0, len(buffer)
    while done < size:
        count = os.preadv(fd, [buffer[done : done + _MAX_CALL]], offset + done)
        if not count:
            break
        done += count
    return done


def find_state(place: str | int) -> SourceState | None:
    """The state of the file at a path or behind a descriptor; None when there is no regular file."""
    try:
        facts = os.stat(place)  # noqa: PTH116 (a Path cannot hold all strings)
    except (OSError, ValueError):
        return None
    return state_of(facts) if stat.S_ISREG(facts.st_mode) else None


def state_of(facts: os.stat_result) -> SourceState:
    """What of a file's facts tells a change."""
    return SourceState(facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns)


def open_source(path: str) -> LocalSource:
    """Open the file at `path` for reading.

    Raises InputError for what is no regular file, OSError or (a NUL in the path) ValueError for what cannot
    be opened.
    """
    facts = os.stat(path)  # noqa: PTH116 (a Path cannot hold all strings)
    if stat.S_ISDIR(facts.st_mode):
        raise InputError(
            f"{path} is a directory",
            hint=f"Name a file in it, or give directories to {either('`fuse batch`', 'featfuse.batch')}.",
        )
    if not stat.S_ISREG(facts.st_mode):
        raise InputError(f"{path} is not a regular file", hint="Pipe a .npy stream to the input `-` instead.")
    return LocalSource(io.FileIO(path), path, path, state_of(facts))


class LocalOutput(ByteOutput):
    """An open file that is being written."""

    name: str
    _fd: int

    def _faults(self) -> AbstractContextManager[None]:
        """What turns an OSError into the error that names the output."""
        return write_faults(self.name)

    def check_space(self, size: int) -> None:
        """RunError when the file may not grow to `size` bytes, or its disk has no room for them."""
        with self._faults():
            if size > _largest_file():
                raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
            disk = os.fstatvfs(self._fd)
            free = disk.f_bavail * disk.f_frsize
            if disk.f_blocks and size > free + os.fstat(self._fd).st_blocks * 512:
                raise RunError(
                    f"{self.name}: {size:,} bytes do not fit on the disk, where {free:,} are free",
                    hint=no_space_hint(),
                )

    def reserve(self, size: int) -> None:
        """Make the file `size` bytes long and take the room for them now; RunError when there is none.

        Blocks that are taken at once are also written faster than blocks found one by one.
        """
        self.check_space(size)
        with self._faults():
            if size and hasattr(os, "posix_fallocate"):
                try:
                    os.posix_fallocate(self._fd, 0, size)
                except OSError as error:
                    if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                        raise
            os.ftruncate(self._fd, size)

    def write_runs(self, positions: Iterable[int], length: int, data: memoryview) -> None:
        fd, left = self._fd, data
        with self._faults():
            for start in positions:
                position, end = start, start + length
                while position < end:
                    piece = min(end, position - position % _PIECE + _PIECE) - position
                    count = os.pwrite(fd, left[:piece], position)
                    left, position = left[count:], position + count

    def length(self) -> int:
        """The bytes that the file has so far."""
        with self._faults():
            return os.fstat(self._fd).st_size

    def truncate(self, size: int) -> None:
        """Cut off what is beyond `size` bytes."""
        with self._faults():
            os.ftruncate(self._fd, size)


def _largest_file() -> float:
    """The bytes that this process may write to one file."""
    try:
        import resource
    except ImportError:
        return math.inf
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    return math.inf if limit == resource.RLIM_INFINITY else limit


class LocalScratch(LocalOutput, ScratchSpace):
    """A temporary file without a name, in `folder` (None: where the system keeps such)."""

    def __init__(
        self,
        name: str,
        folder: Path | None = None,
        faults: Callable[[str], AbstractContextManager[None]] = write_faults,
    ) -> None:
        """Errors call it `name`; `faults(name)` turns what the system says into them."""
        import tempfile

        self.name = name
        self._faults_of = faults
        with self._faults():
            self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 (closed by close)
        self._fd = self._file.fileno()

    def _faults(self) -> AbstractContextManager[None]:
        return self._faults_of(self.name)

    @property
    def size(self) -> int:
        return self.length()

    def read_into(self, offset: int, buffer: memoryview) -> int:
        return _read_into(self._fd, offset, buffer)

    def local_path(self) -> str:
        raise NotImplementedError("a scratch file has no path")

    def close(self) -> None:
        self._file.close()
