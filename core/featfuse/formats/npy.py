"""NumPy's .npy: one bare array behind a short text header (versions 1 to 3, C and Fortran order)."""

import io
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.lib import format as npy_format

from featfuse.errors import InputError
from featfuse.formats.headers import check_shape, clip, native_dtype, unreadable
from featfuse.formats.interface import NoTensor, OutputTensor, Reader, Sink
from featfuse.formats.raw_array import RawArray
from featfuse.model.tensor import Array, TensorSpec, Window
from featfuse.storage.byte_output import OutputFile
from featfuse.storage.byte_source import ByteSource

__all__ = ["HEAD_BYTES", "NpyHeader", "NpyReader", "create_sink", "npy_head", "open_reader", "parse_header"]

_MAX_HEADER = 10_000  # NumPy's own limit: its header is parsed as a Python literal
HEAD_BYTES = 12 + _MAX_HEADER
"""The first bytes of a file that are enough to know any header we accept."""


class NpyHeader(NamedTuple):
    """What a .npy header says; `dtype` is as stored, `length` is where header and data together end."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    offset: int
    length: int

    def locate(self, start: int = 0) -> RawArray:
        """The array's place, for a .npy that begins at byte `start`."""
        return RawArray(start + self.offset, self.shape, self.dtype, self.fortran)


def parse_header(head: bytes, name: str, length: int) -> NpyHeader:
    """Read the header at the start of `head`, from a .npy of `length` bytes that errors call `name`.

    Raises InputError when it is no .npy or its length is not what the header promises, NoTensor when it
    holds anything but plain numbers. Nothing is ever unpickled.
    """
    try:
        shape, fortran, dtype, offset = _parse(head)
    # NumPy's parser of headers lets through whatever Python's own parsers raise
    except Exception as error:
        raise InputError(
            f"{name}: not a readable .npy header: {clip(' '.join(str(error).split()))}",
            hint="The file is damaged, or is no .npy file in spite of its name.",
        ) from error
    if native_dtype(dtype) is None:
        what, hint = unreadable(dtype)
        nbytes = None if dtype.hasobject else math.prod(shape) * dtype.itemsize
        raise NoTensor(f"{name}: holds {what}", hint=hint, shape=shape, dtype=clip(str(dtype)), nbytes=nbytes)
    try:
        end = offset + check_shape(shape, dtype.itemsize)
    except ValueError as error:
        raise InputError(f"{name}: {error}") from error
    if length != end:
        state = "truncated" if length < end else "malformed"
        promise = f"its header promises {end:,} bytes ({shape} {dtype.name})"
        raise InputError(
            f"{name}: {state}: {promise}, the file holds {length:,}",
            hint="Write or copy the file again.",
        )
    return NpyHeader(shape, dtype, fortran, offset, end)


def _parse(head: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """(shape, Fortran order, dtype, where the data begins) by NumPy's own parser."""
    version = npy_format.read_magic(io.BytesIO(head))
    if version not in {(1, 0), (2, 0), (3, 0)}:
        raise ValueError(f"unknown version {version[0]}.{version[1]}")
    start = 10 if version == (1, 0) else 12
    return _parse_header(head[: start + int.from_bytes(head[8:start], "little")], version)


@lru_cache(maxsize=64)
def _parse_header(head: bytes, version: tuple[int, int]) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """`_parse` of a whole header without data. The files of a batch have one and the same, most often."""
    stream = io.BytesIO(head)
    stream.seek(8)
    # Version 3 is version 2 with UTF-8 field names, which only records have, and those are refused.
    read = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # headers by Python 2 (sizes written as 64L) are fine
        shape, fortran, dtype = read(stream, max_header_size=_MAX_HEADER)
    if any(isinstance(size, bool) for size in shape):  # which NumPy takes for 0 and 1
        raise ValueError(f"its shape {shape} is not made of sizes")
    return tuple(int(size) for size in shape), fortran, dtype, stream.tell()


class NpyReader(Reader):
    """A .npy file; its one tensor has the key ""."""

    format = "npy"

    def __init__(self, source: ByteSource) -> None:
        super().__init__(source)
        self._data: RawArray | None = None
        self._refusals: dict[str, NoTensor] = {}
        try:
            self._data = parse_header(source.read(0, HEAD_BYTES), self.path, source.size).locate()
        except NoTensor as error:
            self._refusals[""] = error

    def specs(self) -> Mapping[str, TensorSpec]:
        """The one tensor, under the key "", if it holds plain numbers."""
        if self._data is None:
            return {}
        dtype = native_dtype(self._data.dtype)
        assert dtype is not None  # parse_header refused anything else
        return {"": TensorSpec(self.path, self._data.shape, dtype, path=self.path, format=self.format)}

    def refusals(self) -> Mapping[str, NoTensor]:
        """Why the array is no tensor, under the key "", if it is none."""
        return self._refusals

    def read(self, key: str, window: Window) -> Array:
        """The block at `window`; `key` is ""."""
        if key or self._data is None:
            raise KeyError(key)
        return self._data.read(self.source, window)

    def pieces(self, spec: TensorSpec, elements: int) -> Iterator[Window]:
        """Windows that cover the array in the order of the file."""
        assert self._data is not None
        return self._data.pieces(elements)


def open_reader(source: ByteSource) -> NpyReader:
    """A reader of the .npy file that `source` holds."""
    return NpyReader(source)


def npy_head(tensor: OutputTensor) -> bytes:
    """The header of a .npy that holds `tensor` in C order."""
    head = io.BytesIO()
    fields = {
        "descr": npy_format.dtype_to_descr(tensor.dtype),
        "fortran_order": False,
        "shape": tensor.shape,
    }
    npy_format.write_array_header_1_0(head, fields)
    return head.getvalue()


class NpySink(Sink):
    """A .npy being written."""

    def __init__(self, output: OutputFile, tensor: OutputTensor) -> None:
        super().__init__(output)
        head = npy_head(tensor)
        self._data = RawArray(len(head), tensor.shape, tensor.dtype)
        output.reserve(len(head) + check_shape(tensor.shape, tensor.dtype.itemsize))
        output.write_at(0, head)

    def write(self, key: str, window: Window, block: Array) -> None:
        """Store `block` at `window`; there is one tensor, whatever its key."""
        self._data.write(self._output, window, block)


def create_sink(
    output: OutputFile,
    tensors: Sequence[OutputTensor],
    provenance: Mapping[str, str],  # noqa: ARG001 (.npy has no room for it)
) -> NpySink:
    """A sink for the one tensor of `tensors`."""
    (tensor,) = tensors
    return NpySink(output, tensor)
