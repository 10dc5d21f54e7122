"""Where bytes go to: positions of an output that appears whole or not at all.

A format writes ranges of an `OutputFile` and never learns what is behind it.
"""

import io
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING

from featfuse.storage.byte_source import ByteSource

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["ByteOutput", "OutputFile", "OutputStream", "ScratchSpace"]


class ByteOutput(ABC):
    """Bytes that are written to their positions, from any thread. Every fault is a RunError.

    `name` is what errors call the output.
    """

    name: str

    @abstractmethod
    def reserve(self, size: int) -> None:
        """Make the output `size` bytes long and take the room for them; RunError when there is none."""

    @abstractmethod
    def write_runs(self, positions: Iterable[int], length: int, data: memoryview) -> None:
        """Store `data`, runs of `length` bytes, each at its position."""

    def write_at(self, offset: int, data: bytes | memoryview) -> None:
        """Store `data` from byte `offset` on."""
        self.write_runs((offset,), len(data), memoryview(data))


class ScratchSpace(ByteOutput, ByteSource):
    """Bytes without a name that are written and read again, and are gone when it is closed."""


class OutputFile(ByteOutput):
    """An output on its way: visible at `commit`, and not before.

    `existing` is what has stood in its place so far, where the new bytes are to be added to that.
    """

    existing: ByteSource | None = None

    @abstractmethod
    def check_space(self, size: int) -> None:
        """RunError when the output may not grow to `size` bytes, or there is no room for them."""

    @abstractmethod
    def length(self) -> int:
        """The bytes that it has so far."""

    @abstractmethod
    def truncate(self, size: int) -> None:
        """Cut off what is beyond `size` bytes."""

    @abstractmethod
    def copy_existing(self) -> None:
        """Begin with a copy of what is there."""

    @abstractmethod
    def local_path(self) -> str:
        """The path of the file of this machine that is being made, for a library that writes by itself.

        That library closes the file before anything else is written.
        """

    @abstractmethod
    def scratch(self) -> ScratchSpace:
        """A place for bytes on their way, on the same disk; errors about it name this output."""

    @abstractmethod
    def commit(self) -> int:
        """Make the bytes visible under the output's name; their number."""

    @abstractmethod
    def abort(self) -> None:
        """Forget the bytes. Safe to call at any time, also after `commit`."""


class OutputStream(io.RawIOBase):
    """An output as a file for libraries that write one from its front. Closing it leaves the output open."""

    def __init__(self, output: OutputFile) -> None:
        super().__init__()
        self._output = output
        self._position = 0

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._output.length()}[whence]
        self._position = start + offset
        return self._position

    def write(self, data: "ReadableBuffer", /) -> int:
        view = memoryview(data).cast("B")
        self._output.write_at(self._position, view)
        self._position += len(view)
        return len(view)

    def buffered(self) -> io.BufferedWriter:
        """The same file, in which short pieces are gathered before they are written."""
        return io.BufferedWriter(self)

    def truncate(self, size: int | None = None, /) -> int:
        end = self._position if size is None else size
        self._output.truncate(end)
        return end
