"""HDF5: datasets in groups, read and written through h5py, one call at a time.

Whatever would make the library read another file of this machine is refused: external links, external
storage and virtual datasets.
"""

import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import h5py
import numpy as np

from featfuse.errors import InputError, RunError
from featfuse.formats.atomic import AtomicFile, write_faults
from featfuse.formats.base import FileReader, OutputFile, OutputTensor, check_block
from featfuse.formats.hdf5_tree import (
    Refused,
    dataset_layout,
    find_conflict,
    is_scale,
    resolve,
    tensor_dtype,
    walk,
)
from featfuse.tensor import Array, TensorSpec, Window

__all__ = ["Hdf5Reader", "Hdf5Sink", "chunk_shape", "create_sink", "open_reader"]

_CHUNK_BYTES = 1 << 20

# What h5py raises when the library fails: OSError and RuntimeError mostly, KeyError for damaged
# links, ValueError and TypeError for damaged types.
_FAULTS = (OSError, RuntimeError, KeyError, ValueError, TypeError)


@contextmanager
def _read_faults(name: str) -> Iterator[None]:
    try:
        yield
    except Refused as error:
        raise InputError(f"{name}: {error}", hint=error.hint) from error
    except BlockingIOError as error:
        raise InputError(
            f"{name}: another process holds it open for writing",
            hint="Wait until that process has closed the file, or read a copy of it.",
        ) from error
    except _FAULTS as error:
        raise InputError(
            f"{name}: cannot be read as HDF5: {_reason(error)}",
            hint="The file is damaged, unfinished, or uses a filter that this h5py lacks.",
        ) from error


@contextmanager
def _write_faults(name: str) -> Iterator[None]:
    try:
        yield
    except _FAULTS as error:
        # HDF5 buries the system's error number in a long sentence about its own doings
        number = re.search(r"errno = (\d+)", str(error))
        if number:
            with write_faults(name):
                raise OSError(int(number[1]), os.strerror(int(number[1]))) from error
        raise RunError(f"{name}: cannot be written: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    """The system's words where there are some, else HDF5's own on one line."""
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else " ".join(str(error).split())


class Hdf5Reader(FileReader):
    """An HDF5 file. Specs come from object headers; the whole tree is walked only when it is asked for."""

    format = "hdf5"

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._specs: dict[str, TensorSpec] | None = None
        self._datasets: dict[str, h5py.Dataset] = {}
        with _read_faults(path):
            self._file = h5py.File(path, "r", locking="best-effort")

    def specs(self) -> Mapping[str, TensorSpec]:
        """Every numeric dataset, dimension scales left out, in natural order of the paths."""
        if self._specs is None:
            with self._lock, _read_faults(self.path):
                found = {}
                for key, dataset in walk(self._file):
                    with suppress(Refused):
                        if not is_scale(dataset):
                            found[key] = self._spec(key, dataset)
                self._specs = found
        return self._specs

    def find(self, key: str) -> TensorSpec | None:
        """The dataset at path `key`; InputError when what stands there cannot be read as a tensor."""
        name = f"{self.path}::{key}"
        with self._lock, _read_faults(name):
            found = resolve(self._file, key)
            if isinstance(found, h5py.Group):
                raise Refused("is a group, not a dataset", f"'{name}/*' stands for everything in it.")
            return None if found is None else self._spec(key, found)

    def _spec(self, key: str, dataset: h5py.Dataset) -> TensorSpec:
        """The dataset's spec; Refused when it is no tensor, or reads other files."""
        dtype = tensor_dtype(dataset)
        layout, source = dataset_layout(dataset)
        return TensorSpec(
            f"{self.path}::{key}",
            tuple(dataset.shape),
            dtype,
            path=self.path,
            key=key,
            format=self.format,
            layout=layout,
            layout_source=source,
            chunks=dataset.chunks,
        )

    def read(self, key: str, window: Window) -> Array:
        """The block at `window` of the dataset at `key`."""
        with self._lock, _read_faults(f"{self.path}::{key}"):
            dataset = self._dataset(key)
            block = np.asarray(dataset[window])  # a 0-d dataset comes as a scalar
            result: Array = block.astype(tensor_dtype(dataset), copy=False)
            return result

    def _dataset(self, key: str) -> h5py.Dataset:
        if key not in self._datasets:
            found = resolve(self._file, key)
            if not isinstance(found, h5py.Dataset):
                raise Refused("is no dataset", "")
            tensor_dtype(found)
            self._datasets[key] = found
        return self._datasets[key]

    def conflict(self, key: str, *, force: bool) -> str | None:
        """Why a dataset `key` cannot be added, None when it can."""
        with self._lock, _read_faults(self.path):
            return find_conflict(self._file, key, force=force)

    def close(self) -> None:
        with self._lock, _read_faults(self.path):
            self._datasets.clear()
            self._file.close()


def open_reader(path: str) -> Hdf5Reader:
    """Open the HDF5 file at `path` for reading only."""
    return Hdf5Reader(path)


def chunk_shape(shape: Sequence[int], itemsize: int) -> tuple[int, ...] | None:
    """Chunks of about 1 MiB that are runs of the leading axes, the trailing ones whole.

    None (contiguous storage) for what HDF5 cannot chunk: 0-d and zero-size tensors.
    """
    if not shape or 0 in shape:
        return None
    chunks = list(shape)
    for axis in range(len(chunks)):
        inner = itemsize * int(np.prod(chunks[axis + 1 :], dtype=object))
        chunks[axis] = max(1, min(chunks[axis], _CHUNK_BYTES // inner))
    return tuple(chunks)


class Hdf5Sink:
    """An HDF5 file being written."""

    def __init__(
        self,
        output: OutputFile,
        file: h5py.File,
        tensors: Sequence[OutputTensor],
        provenance: Mapping[str, str],
    ) -> None:
        self._output = output
        self._file = file
        self._lock = threading.Lock()
        self._dtypes = {tensor.key: tensor.dtype for tensor in tensors}
        self._datasets = {tensor.key: _create_dataset(file, tensor, provenance) for tensor in tensors}

    def write(self, key: str, window: Window, block: Array) -> None:
        """Store `block` at `window` of the tensor `key`."""
        dataset = self._datasets[key]
        check_block(block, self._dtypes[key], window)
        if block.size:
            with self._lock, _write_faults(self._output.name):
                dataset[window] = block

    def commit(self) -> int:
        """Put the file in its place; its size in bytes."""
        try:
            with self._lock, _write_faults(self._output.name):
                self._datasets.clear()
                self._file.close()
            return self._output.commit()
        except BaseException:
            self.abort()
            raise

    def abort(self) -> None:
        """Remove what was written."""
        with self._lock, suppress(*_FAULTS):
            self._datasets.clear()
            self._file.close()
        self._output.abort()


def _create_dataset(file: h5py.File, tensor: OutputTensor, provenance: Mapping[str, str]) -> h5py.Dataset:
    """An empty dataset for `tensor` with its axes labelled; one that was there is replaced."""
    if tensor.key in file:
        del file[tensor.key]
    dataset = file.create_dataset(
        tensor.key,
        shape=tensor.shape,
        dtype=tensor.dtype,
        chunks=chunk_shape(tensor.shape, tensor.dtype.itemsize),
        dcpl=_early_allocation(),
        fill_time="never",  # every element will be written
    )
    for axis, letter in enumerate(tensor.layout or ""):
        dataset.dims[axis].label = letter
    for name, value in provenance.items():
        dataset.attrs[name] = value
    return dataset


def _early_allocation() -> Any:
    """Chunks are placed when the dataset is made: the file does not depend on the order of writing."""
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    return properties


def create_sink(
    output: AtomicFile,
    tensors: Sequence[OutputTensor],
    provenance: Mapping[str, str],
    existing: str | None,
) -> Hdf5Sink:
    """A sink for `tensors`; with `existing`, they are added to a copy of what is there."""
    if existing is not None:
        output.copy_target()
    with _write_faults(output.name):
        file = h5py.File(output.temporary, "w" if existing is None else "r+", locking="best-effort")
        try:
            return Hdf5Sink(output, file, tensors, provenance)
        except BaseException:
            with suppress(*_FAULTS):
                file.close()
            raise
