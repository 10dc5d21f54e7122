"""Writing HDF5: the library lays the file out, and the data goes straight to its place in it.

HDF5 keeps unwritten chunks in memory, and crashes the process (a segmentation fault, seen with 2.0.0) when
the disk is full as it flushes them. So it writes the metadata alone: chunks are allocated early and not
compressed, so that their positions are known, and the blocks are written there as raw data, by any thread.
"""

import itertools
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from featfuse.errors import RunError
from featfuse.formats.hdf5.tree import FAULTS, reason
from featfuse.formats.interface import OutputTensor, Sink, check_block
from featfuse.formats.raw_array import RawArray
from featfuse.model.tensor import Array, Window
from featfuse.storage.byte_output import OutputFile
from featfuse.storage.faults import write_faults

__all__ = ["Hdf5Sink", "chunk_shape", "create_sink"]

_CHUNK_BYTES = 1 << 20


@contextmanager
def _library_faults(name: str) -> Iterator[None]:
    """Turn what h5py raises into a RunError that names the output."""
    try:
        yield
    except FAULTS as error:
        # HDF5 buries the system's error number in a long sentence about its own doings
        number = re.search(r"errno = (\d+)", str(error))
        if number:
            with write_faults(name):
                raise OSError(int(number[1]), os.strerror(int(number[1]))) from error
        raise RunError(f"{name}: cannot be written: {reason(error)}") from error


def chunk_shape(shape: Sequence[int], itemsize: int) -> tuple[int, ...] | None:
    """Chunks of about 1 MiB that are runs of the leading axes, the trailing ones whole.

    None (contiguous storage) for what HDF5 cannot chunk: 0-d and zero-size tensors.
    """
    if not shape or 0 in shape:
        return None
    chunks = []
    inner = itemsize
    for size in reversed(shape):
        chunks.append(max(1, min(size, _CHUNK_BYTES // inner)))
        inner *= size
    return tuple(reversed(chunks))


@dataclass(frozen=True, slots=True)
class _Chunks:
    """Where a dataset's chunks lie in the file: the byte offset of each by the index of its first element.

    A 0-d dataset is a single chunk, one without elements has none.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    offsets: Mapping[tuple[int, ...], int]

    @classmethod
    def of(cls, dataset: h5py.Dataset, dtype: np.dtype[Any]) -> "_Chunks":
        offsets: dict[tuple[int, ...], int] = {}
        if dataset.chunks is not None:
            # asking for chunk after chunk instead takes minutes when there are 100,000
            dataset.id.chunk_iter(lambda chunk: offsets.update({chunk.chunk_offset: chunk.byte_offset}))
        elif dataset.size:
            dataset[...] = 0  # only this places the data of a 0-d dataset
            offsets[()] = dataset.id.get_offset()
        return cls(dtype, dataset.chunks or (), offsets)

    def write(self, output: OutputFile, window: Window, block: Array) -> None:
        """Store `block` at `window` of the dataset, chunk by chunk."""
        corners = [
            range(part.start // step * step, part.stop, step)
            for part, step in zip(window, self.shape, strict=True)
        ]
        for corner in itertools.product(*corners):
            common = [
                (max(part.start, first), min(part.stop, first + step))
                for part, first, step in zip(window, corner, self.shape, strict=True)
            ]
            inside = tuple(slice(a - first, b - first) for (a, b), first in zip(common, corner, strict=True))
            piece = tuple(slice(a - p.start, b - p.start) for (a, b), p in zip(common, window, strict=True))
            chunk = RawArray(self.offsets[corner], self.shape, self.dtype)
            chunk.write(output, inside, np.asarray(block[piece]))


class Hdf5Sink(Sink):
    """An HDF5 file being written; the library has laid it out and closed it already."""

    def __init__(self, output: OutputFile, data: Mapping[str, _Chunks]) -> None:
        super().__init__(output)
        self._data = data

    def write(self, key: str, window: Window, block: Array) -> None:
        """Store `block` at `window` of the tensor `key`."""
        data = self._data[key]
        check_block(block, data.dtype, window)
        if block.size:
            data.write(self._output, window, block)


def create_sink(
    output: OutputFile, tensors: Sequence[OutputTensor], provenance: Mapping[str, str]
) -> Hdf5Sink:
    """A sink for `tensors`, which are added to a copy of the output's existing file."""
    existing = output.existing
    size = sum(math.prod(tensor.shape) * tensor.dtype.itemsize for tensor in tensors)
    output.check_space(size + (0 if existing is None else existing.size))
    if existing is not None:
        output.copy_existing()
    with _library_faults(output.name):
        file = h5py.File(output.local_path(), "w" if existing is None else "r+", locking="best-effort")
        try:
            data = {}
            for tensor in tensors:
                dataset = _create_dataset(file, tensor, provenance)
                data[tensor.key] = _Chunks.of(dataset, tensor.dtype)
            file.close()
        except BaseException:
            with suppress(*FAULTS):
                file.close()
            raise
    output.reserve(output.length())
    return Hdf5Sink(output, data)


def _create_dataset(file: h5py.File, tensor: OutputTensor, provenance: Mapping[str, str]) -> h5py.Dataset:
    """An empty dataset for `tensor` with its axes labelled; one that was there is replaced."""
    if tensor.key in file:
        del file[tensor.key]
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    dataset = file.create_dataset(
        tensor.key,
        shape=tensor.shape,
        dtype=tensor.dtype,
        chunks=chunk_shape(tensor.shape, tensor.dtype.itemsize),
        dcpl=properties,
        fill_time="never",  # every element will be written
    )
    for axis, letter in enumerate(tensor.layout or ""):
        dataset.dims[axis].label = letter
    for name, value in provenance.items():
        dataset.attrs[name] = value
    return dataset
