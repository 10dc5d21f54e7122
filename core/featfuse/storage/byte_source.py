"""Where bytes come from: ranges of one named thing, whatever keeps it.

A format reads ranges of a `ByteSource` and never learns what is behind it.
"""

import errno
import io
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["ByteSource", "SourceState", "SourceStream"]


class SourceState(NamedTuple):
    """What changes when another program writes to a file, or puts another one in its place."""

    device: int
    inode: int
    size: int
    mtime_ns: int


class ByteSource(ABC):
    """Bytes that are read by their positions, from any thread.

    `name` is what errors call them, `first_state` their state when they were opened (None where nothing can
    tell a change).
    """

    name: str
    first_state: SourceState | None = None

    @property
    @abstractmethod
    def size(self) -> int:
        """How many there are: those that were there when the source was opened."""

    @abstractmethod
    def read_into(self, offset: int, buffer: memoryview) -> int:
        """Fill `buffer` (of bytes) from byte `offset` on; how many came, fewer only where the source ends.

        Raises OSError when they cannot be read.
        """

    @abstractmethod
    def local_path(self) -> str:
        """The path of a file of this machine with these bytes, for a library that opens files by itself.

        The file stays there while the source is open. Everything else reads ranges.
        """

    @abstractmethod
    def close(self) -> None:
        """Give up what holds the bytes."""

    def read(self, offset: int, count: int) -> bytes:
        """`count` bytes from `offset` on, fewer only where the source ends."""
        buffer = bytearray(max(0, min(count, self.size - offset)))
        del buffer[self.read_into(offset, memoryview(buffer)) :]
        return bytes(buffer)

    def read_runs(self, positions: Iterable[int], length: int, buffer: memoryview) -> int:
        """Fill `buffer` with runs of `length` bytes, which begin at `positions`: how many bytes came.

        The first run that is cut short by the end of the source is the last one read.
        """
        done = 0
        for position in positions:
            count = self.read_into(position, buffer[done : done + length])
            done += count
            if count < length:
                break
        return done

    def state(self) -> SourceState | None:
        """The state of what now bears the source's name; None when there is none, or nothing can tell."""
        return None


class SourceStream(io.RawIOBase):
    """A source as a file for libraries that read one. Closing it leaves the source open."""

    def __init__(self, source: ByteSource) -> None:
        super().__init__()
        self._source = source
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._source.size}[whence]
        if start + offset < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))  # as a file does, which zipfile relies on
        self._position = start + offset
        return self._position

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        count = self._source.read_into(self._position, memoryview(buffer).cast("B"))
        self._position += count
        return count

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            size = max(0, self._source.size - self._position)
        data = self._source.read(self._position, size)
        self._position += len(data)
        return data
