"""HDF5: datasets in groups, read and written through h5py, one call at a time.

Whatever would make the library read another file of this machine is refused: external links, external
storage and virtual datasets.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import h5py
import numpy as np

from featfuse.errors import InputError
from featfuse.formats.base import FileReader
from featfuse.formats.hdf5_tree import (
    FAULTS,
    Refused,
    dataset_layout,
    find_conflict,
    is_scale,
    reason,
    resolve,
    tensor_dtype,
    walk,
)
from featfuse.formats.hdf5_write import Hdf5Sink, create_sink
from featfuse.tensor import Array, TensorSpec, Window

__all__ = ["Hdf5Reader", "Hdf5Sink", "create_sink", "open_reader"]


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
    except FAULTS as error:
        raise InputError(
            f"{name}: cannot be read as HDF5: {reason(error)}",
            hint="The file is damaged, unfinished, or uses a filter that this h5py lacks.",
        ) from error


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
