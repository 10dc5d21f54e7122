"""safetensors: a JSON header and raw little-endian tensors, read in place and written as a stream."""

import io
import os
from collections.abc import Mapping, Sequence

from featfuse.errors import InputError
from featfuse.formats.base import FileReader, OutputFile, OutputTensor
from featfuse.formats.headers import layout_from_text
from featfuse.formats.safetensors_header import CODES, MAX_HEADER, Entry, Header, build_header, parse_header
from featfuse.model.dtypes import DTYPES
from featfuse.model.tensor import Array, TensorSpec, Window
from featfuse.storage.atomic import write_faults
from featfuse.storage.raw import RawArray

__all__ = ["SafetensorsReader", "SafetensorsSink", "create_sink", "open_reader"]

_BLOCK = 1 << 20


class SafetensorsReader(FileReader):
    """A .safetensors file, read in place."""

    format = "safetensors"

    def __init__(self, path: str) -> None:
        self.path = path
        self._file = io.FileIO(path)
        try:
            self.header = _read_header(self._file.fileno())
        except ValueError as error:
            self._file.close()
            raise InputError(
                f"{path}: not a readable .safetensors file: {error}",
                hint="Write or download the file again.",
            ) from error
        except BaseException:
            self._file.close()
            raise

    def specs(self) -> Mapping[str, TensorSpec]:
        """Every tensor of a supported dtype, in the order of the header."""
        return {
            key: self._spec(key, entry) for key, entry in self.header.entries.items() if entry.code in CODES
        }

    def _spec(self, key: str, entry: Entry) -> TensorSpec:
        layout, source = self._layout(key, len(entry.shape))
        return TensorSpec(
            f"{self.path}::{key}",
            entry.shape,
            DTYPES[CODES[entry.code]],
            path=self.path,
            key=key,
            format=self.format,
            layout=layout,
            layout_source=source,
        )

    def _layout(self, key: str, rank: int) -> tuple[str | None, str | None]:
        """The layout the metadata gives to the tensor, and the entry that gave it."""
        for entry in (f"layout.{key}", "layout"):
            layout = layout_from_text(self.header.metadata.get(entry), rank)
            if layout is not None:
                return layout, f"metadata entry {entry}"
        return None, None

    def find(self, key: str) -> TensorSpec | None:
        """The tensor called `key`; InputError when featfuse cannot compute with its dtype."""
        entry = self.header.entries.get(key)
        if entry is None:
            return None
        if entry.code not in CODES:
            raise self._unsupported(key, entry)
        return self._spec(key, entry)

    def refusal(self) -> InputError | None:
        """Why the first tensor is left out whose dtype is not supported."""
        entries = self.header.entries.items()
        return next(
            (self._unsupported(key, entry) for key, entry in entries if entry.code not in CODES), None
        )

    def _unsupported(self, key: str, entry: Entry) -> InputError:
        return InputError(
            f"{self.path}::{key}: its dtype {entry.code} is not supported",
            hint=f"featfuse reads {', '.join(CODES)}; cast the tensor to one of them.",
        )

    def read(self, key: str, window: Window) -> Array:
        """The block at `window` of the tensor `key`."""
        entry = self.header.entries[key]
        dtype = DTYPES[CODES[entry.code]].newbyteorder("<")
        start = self.header.offset + entry.start
        return RawArray(self.path, self._file.fileno(), start, entry.shape, dtype).read(window)

    def read_bytes(self, start: int, count: int) -> bytes:
        """`count` bytes of the data from `start` on, whatever they mean."""
        return os.pread(self._file.fileno(), count, self.header.offset + start)

    def close(self) -> None:
        self._file.close()


def _read_header(fd: int) -> Header:
    """The header of an open file; ValueError says what is wrong with it."""
    size = os.fstat(fd).st_size
    if size < 8:
        raise ValueError(f"it holds {size} bytes, too few for a header")
    length = int.from_bytes(os.pread(fd, 8, 0), "little")
    if length > MAX_HEADER:
        raise ValueError(f"its header claims {length:,} bytes, more than the {MAX_HEADER:,} allowed")
    if 8 + length > size:
        raise ValueError(f"truncated: its header takes {length:,} bytes, the file holds {size:,}")
    return parse_header(os.pread(fd, length, 8), size - 8 - length)


def open_reader(path: str) -> SafetensorsReader:
    """Open the .safetensors file at `path`."""
    return SafetensorsReader(path)


class SafetensorsSink:
    """A .safetensors file being written: the header stands first, blocks go straight to their places."""

    def __init__(
        self, output: OutputFile, tensors: Sequence[OutputTensor], text: bytes, header: Header
    ) -> None:
        self._output = output
        self._data = {
            tensor.key: RawArray(
                output.name,
                output.fd,
                header.offset + header.entries[tensor.key].start,
                tensor.shape,
                tensor.dtype.newbyteorder("<"),
            )
            for tensor in tensors
        }
        size = header.offset + sum(entry.nbytes for entry in header.entries.values())
        output.reserve(size)
        with write_faults(output.name):
            os.pwrite(output.fd, text, 0)

    def write(self, key: str, window: Window, block: Array) -> None:
        """Store `block` at `window` of the tensor `key`."""
        self._data[key].write(window, block)

    def commit(self) -> int:
        """Put the file in its place; its size in bytes."""
        return self._output.commit()

    def abort(self) -> None:
        """Remove what was written."""
        self._output.abort()


def create_sink(
    output: OutputFile,
    tensors: Sequence[OutputTensor],
    provenance: Mapping[str, str],
    existing: str | None,
) -> SafetensorsSink:
    """A sink for `tensors`; with `existing`, they are added to what that file holds."""
    entries = {tensor.key: Entry.of(tensor.shape, tensor.dtype) for tensor in tensors}
    if existing is None:
        metadata = {**provenance, **_layouts(tensors, alone=len(tensors) == 1)}
        return SafetensorsSink(output, tensors, *build_header(entries, metadata))
    with open_reader(existing) as old:
        kept = {key: entry for key, entry in old.header.entries.items() if key not in entries}
        text, header = build_header(kept | entries, _merged(old, kept, tensors, provenance))
        sink = SafetensorsSink(output, tensors, text, header)
        for key, entry in kept.items():
            _copy(old, entry, output, header.offset + header.entries[key].start)
    return sink


def _layouts(tensors: Sequence[OutputTensor], *, alone: bool) -> dict[str, str]:
    """The metadata entries that tell the tensors' layouts."""
    return {
        "layout" if alone else f"layout.{tensor.key}": tensor.layout for tensor in tensors if tensor.layout
    }


def _merged(
    old: SafetensorsReader,
    kept: Mapping[str, Entry],
    tensors: Sequence[OutputTensor],
    provenance: Mapping[str, str],
) -> dict[str, str]:
    """The metadata of a file that gains `tensors`: each statement stays with the tensors it was made of.

    A file-wide `layout` becomes one of each older tensor; provenance is filed under the new keys.
    """
    metadata = dict(old.header.metadata)
    common = metadata.pop("layout", None)
    for key, entry in kept.items():
        if layout_from_text(common, len(entry.shape)):
            metadata.setdefault(f"layout.{key}", str(common))
    for tensor in tensors:
        metadata.pop(f"layout.{tensor.key}", None)
        metadata.update({f"{name}.{tensor.key}": value for name, value in provenance.items()})
    return metadata | _layouts(tensors, alone=False)


def _copy(old: SafetensorsReader, entry: Entry, output: OutputFile, position: int) -> None:
    """Copy a tensor's bytes as they are to `position` of the output, a piece at a time."""
    for start in range(entry.start, entry.stop, _BLOCK):
        block = old.read_bytes(start, min(_BLOCK, entry.stop - start))
        with write_faults(output.name):
            os.pwrite(output.fd, block, position + start - entry.start)
