"""safetensors: a JSON header and raw little-endian tensors, read in place and written as a stream."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from featfuse.errors import InputError
from featfuse.formats.headers import layout_from_text
from featfuse.formats.interface import NoTensor, OutputTensor, Reader, Sink
from featfuse.formats.raw_array import RawArray
from featfuse.formats.safetensors_header import CODES, MAX_HEADER, Entry, Header, build_header, parse_header
from featfuse.model.dtypes import DTYPES
from featfuse.model.tensor import Array, TensorSpec, Window
from featfuse.storage.byte_output import OutputFile
from featfuse.storage.byte_source import ByteSource

__all__ = ["SafetensorsReader", "SafetensorsSink", "create_sink", "open_reader"]

_BLOCK = 1 << 20


class SafetensorsReader(Reader):
    """A .safetensors file, read in place."""

    format = "safetensors"

    def __init__(self, source: ByteSource) -> None:
        super().__init__(source)
        self._specs: dict[str, TensorSpec] | None = None
        try:
            self.header = _read_header(source)
        except ValueError as error:
            raise InputError(
                f"{self.path}: not a readable .safetensors file: {error}",
                hint="Write or download the file again.",
            ) from error

    def specs(self) -> Mapping[str, TensorSpec]:
        """Every tensor of a supported dtype, in the order of the header."""
        if self._specs is None:
            entries = self.header.entries.items()
            self._specs = {key: self._spec(key, entry) for key, entry in entries if entry.code in CODES}
        return self._specs

    def _spec(self, key: str, entry: Entry) -> TensorSpec:
        # by place: there may be very many
        name, shape = f"{self.path}::{key}", entry.shape
        layout, source = self._layout(key, len(shape)) if self.header.metadata else (None, None)
        return TensorSpec(name, shape, _dtype(entry.code), self.path, key, self.format, layout, source)

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

    def refusals(self) -> Mapping[str, NoTensor]:
        """Why each tensor is left out whose dtype is not supported."""
        entries = self.header.entries.items()
        return {key: self._unsupported(key, entry) for key, entry in entries if entry.code not in CODES}

    def _unsupported(self, key: str, entry: Entry) -> NoTensor:
        return NoTensor(
            f"{self.path}::{key}: its dtype {entry.code} is not supported",
            hint=f"featfuse reads {', '.join(CODES)}; cast the tensor to one of them.",
            shape=entry.shape,
            dtype=entry.code,
            nbytes=entry.nbytes,
        )

    def read(self, key: str, window: Window) -> Array:
        """The block at `window` of the tensor `key`."""
        entry = self.header.entries[key]
        dtype = DTYPES[CODES[entry.code]].newbyteorder("<")
        array = RawArray(self.header.offset + entry.start, entry.shape, dtype)
        return array.read(self.source, window)


@lru_cache
def _dtype(code: str) -> np.dtype[Any]:
    return DTYPES[CODES[code]]


def _read_header(source: ByteSource) -> Header:
    """The header of a file; ValueError says what is wrong with it."""
    size = source.size
    if size < 8:
        raise ValueError(f"it holds {size} bytes, too few for a header")
    length = int.from_bytes(source.read(0, 8), "little")
    if length > MAX_HEADER:
        raise ValueError(f"its header claims {length:,} bytes, more than the {MAX_HEADER:,} allowed")
    if 8 + length > size:
        raise ValueError(f"truncated: its header takes {length:,} bytes, the file holds {size:,}")
    return parse_header(source.read(8, length), size - 8 - length)


def open_reader(source: ByteSource) -> SafetensorsReader:
    """A reader of the .safetensors file that `source` holds."""
    return SafetensorsReader(source)


class SafetensorsSink(Sink):
    """A .safetensors file being written: the header stands first, blocks go straight to their places."""

    def __init__(
        self, output: OutputFile, tensors: Sequence[OutputTensor], text: bytes, header: Header
    ) -> None:
        super().__init__(output)
        self._data = {
            tensor.key: RawArray(
                header.offset + header.entries[tensor.key].start,
                tensor.shape,
                tensor.dtype.newbyteorder("<"),
            )
            for tensor in tensors
        }
        output.reserve(header.offset + sum(entry.nbytes for entry in header.entries.values()))
        output.write_at(0, text)

    def write(self, key: str, window: Window, block: Array) -> None:
        """Store `block` at `window` of the tensor `key`."""
        self._data[key].write(self._output, window, block)


def create_sink(
    output: OutputFile, tensors: Sequence[OutputTensor], provenance: Mapping[str, str]
) -> SafetensorsSink:
    """A sink for `tensors`, beside what the output's existing file holds."""
    entries = {tensor.key: Entry.of(tensor.shape, tensor.dtype) for tensor in tensors}
    if output.existing is None:
        metadata = {**provenance, **_layouts(tensors, alone=len(tensors) == 1)}
        return SafetensorsSink(output, tensors, *build_header(entries, metadata))
    with open_reader(output.existing) as old:
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
        block = old.source.read(old.header.offset + start, min(_BLOCK, entry.stop - start))
        output.write_at(position + start - entry.start, block)
