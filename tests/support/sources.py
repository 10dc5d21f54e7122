"""Bytes that no file holds, in and out: what shows that a format does not know where its bytes are."""

from collections.abc import Iterable

from featfuse.storage.byte_output import OutputFile, ScratchSpace
from featfuse.storage.byte_source import ByteSource


class MemorySource(ByteSource):
    """Bytes in memory. `asked` are the ranges that were read: (offset, count)."""

    def __init__(self, data: bytes, name: str = "memory") -> None:
        self.name = name
        self.closed = False
        self.asked: list[tuple[int, int]] = []
        self._data = bytes(data)

    @property
    def size(self) -> int:
        return len(self._data)

    def read_into(self, offset: int, buffer: memoryview) -> int:
        assert not self.closed
        self.asked.append((offset, len(buffer)))
        part = self._data[offset : offset + len(buffer)]
        buffer[: len(part)] = part
        return len(part)

    def local_path(self) -> str:
        raise AssertionError("this format must read ranges")

    def close(self) -> None:
        self.closed = True


class MemoryOutput(OutputFile):
    """An output in memory: `data` is None until `commit`, and after `abort`."""

    name = "memory"

    def __init__(self, existing: bytes | None = None) -> None:
        self.bytes = bytearray()
        self.data: bytes | None = None
        self.existing = None if existing is None else MemorySource(existing)

    def reserve(self, size: int) -> None:
        self.bytes[:] = self.bytes[:size].ljust(size, b"\0")

    def write_runs(self, positions: Iterable[int], length: int, data: memoryview) -> None:
        for number, position in enumerate(positions):
            run = data[number * length : (number + 1) * length]
            self.bytes.extend(bytes(max(0, position + length - len(self.bytes))))
            self.bytes[position : position + length] = run

    def check_space(self, size: int) -> None:
        pass

    def length(self) -> int:
        return len(self.bytes)

    def truncate(self, size: int) -> None:
        del self.bytes[size:]

    def copy_existing(self) -> None:
        raise AssertionError("this format must write ranges")

    def local_path(self) -> str:
        raise AssertionError("this format must write ranges")

    def scratch(self) -> ScratchSpace:
        return MemoryScratch()

    def commit(self) -> int:
        self.data = bytes(self.bytes)
        return len(self.data)

    def abort(self) -> None:
        self.bytes.clear()


class MemoryScratch(ScratchSpace):
    """Scratch space in memory."""

    name = "memory"

    def __init__(self) -> None:
        self._output = MemoryOutput()

    @property
    def size(self) -> int:
        return self._output.length()

    def reserve(self, size: int) -> None:
        self._output.reserve(size)

    def write_runs(self, positions: Iterable[int], length: int, data: memoryview) -> None:
        self._output.write_runs(positions, length, data)

    def read_into(self, offset: int, buffer: memoryview) -> int:
        return MemorySource(bytes(self._output.bytes)).read_into(offset, buffer)

    def local_path(self) -> str:
        raise AssertionError("scratch space has no path")

    def close(self) -> None:
        pass
