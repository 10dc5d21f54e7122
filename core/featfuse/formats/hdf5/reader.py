"""HDF5: datasets in groups, found and described by h5py, one call at a time, and read past it where possible.

Whatever would make the library read another file of this machine is refused: external links, external
storage and virtual datasets.
"""

import errno
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import h5py
import numpy as np

from featfuse.errors import InputError
from featfuse.formats.hdf5.chunk_cache import CACHE
from featfuse.formats.hdf5.datasets import Facts, is_scale, no_tensor, tensor_facts
from featfuse.formats.hdf5.direct import Data, open_direct
from featfuse.formats.hdf5.tree import FAULTS, Refused, find_conflict, reason, resolve, walk
from featfuse.formats.interface import Conflict, NoTensor, Reader
from featfuse.model.dtypes import DTYPES
from featfuse.model.tensor import Array, TensorSpec, Window
from featfuse.process.sandbox import new_token, release, try_in_child
from featfuse.storage.byte_source import ByteSource
from featfuse.storage.local import open_source

__all__ = ["Hdf5Reader", "open_reader"]

_SHORTAGES = (errno.EMFILE, errno.ENFILE)


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


class _Listing(NamedTuple):
    """What the whole tree holds, by key in natural order: tensors, dimension scales, and what is neither."""

    tensors: dict[str, TensorSpec]
    scales: dict[str, TensorSpec]
    refused: dict[str, NoTensor]


def _tuple(sizes: list[int] | None) -> tuple[int, ...] | None:
    return None if sizes is None else tuple(sizes)


class Hdf5Reader(Reader):
    """An HDF5 file. Specs come from object headers; the whole tree is walked only when it is asked for."""

    format = "hdf5"

    def __init__(self, source: ByteSource) -> None:
        super().__init__(source)
        self._local_path = source.local_path()
        self._lock = threading.Lock()
        self._listing: _Listing | None = None
        self._data: dict[str, Data] = {}
        self._decoded: dict[str, h5py.Dataset] = {}
        self._token = new_token()
        self._try_in_child("")
        try:
            self._file = h5py.File(self._local_path, "r", locking="best-effort")
        except FAULTS as error:
            if getattr(error, "errno", None) in _SHORTAGES:  # no fault of the file's
                raise
            with _read_faults(self.path):
                raise

    def _try_in_child(self, method: str, *arguments: object, name: str | None = None) -> bytes:
        trial = _open_in_child, self._token, self._local_path
        return try_in_child(*trial, method, *arguments, name=name or self.path)

    def specs(self) -> Mapping[str, TensorSpec]:
        """Every numeric dataset, dimension scales left out, in natural order of the paths."""
        return self._listed().tensors

    def aside(self) -> Mapping[str, TensorSpec]:
        """The dimension scales: coordinates of an axis of other datasets."""
        return self._listed().scales

    def refusals(self) -> Mapping[str, NoTensor]:
        """Why each dataset that is no tensor is none."""
        return self._listed().refused

    def _listed(self) -> _Listing:
        """The walk over the tree, of which there is one: a child's, where there is a child."""
        if self._listing is None:
            told = self._try_in_child("list_as_json")
            self._listing = self._from_json(told) if told else self._list()
        return self._listing

    def _list(self) -> _Listing:
        listing = _Listing({}, {}, {})
        with self._lock, _read_faults(self.path):
            for key, dataset in walk(self._file):
                try:
                    spec = self._spec(key, dataset)
                    (listing.scales if is_scale(dataset) else listing.tensors)[key] = spec
                except Refused as error:
                    listing.refused[key] = no_tensor(f"{self.path}::{key}", dataset, error)
        return listing

    def list_as_json(self) -> bytes:
        """What the child found, for its parent."""
        tensors, scales, refused = self._list()
        specs = [
            [
                (
                    key,
                    spec.shape,
                    spec.dtype.name,
                    spec.layout,
                    spec.layout_source,
                    spec.chunks,
                    spec.unpacked,
                )
                for key, spec in found.items()
            ]
            for found in (tensors, scales)
        ]
        errors = [
            (key, error.message, error.hint, error.shape, error.dtype, error.nbytes)
            for key, error in refused.items()
        ]
        return json.dumps((*specs, errors)).encode()

    def _from_json(self, text: bytes) -> _Listing:
        tensors, scales, errors = json.loads(text)
        refused = {
            key: NoTensor(message, hint=hint, shape=_tuple(shape), dtype=dtype, nbytes=nbytes)
            for key, message, hint, shape, dtype, nbytes in errors
        }
        return _Listing(self._specs_from(tensors), self._specs_from(scales), refused)

    def _specs_from(self, rows: list[list[Any]]) -> dict[str, TensorSpec]:
        found = {}
        for key, shape, dtype, layout, layout_source, chunks, unpacked in rows:
            facts = Facts(tuple(shape), DTYPES[dtype], layout, layout_source, _tuple(chunks), unpacked)
            found[key] = self._spec_of(key, facts)
        return found

    def find(self, key: str) -> TensorSpec | None:
        """The dataset at path `key`; InputError when what stands there cannot be read as a tensor."""
        name = f"{self.path}::{key}"
        self._try_in_child("find", key)
        with self._lock, _read_faults(name):
            found = resolve(self._file, key)
            if isinstance(found, h5py.Group):
                raise Refused("is a group, not a dataset", f"'{name}/*' stands for everything in it.")
            return None if found is None else self._spec(key, found.id)

    def _spec(self, key: str, dataset: h5py.h5d.DatasetID) -> TensorSpec:
        """The dataset's spec; Refused when it is no tensor, or reads other files."""
        return self._spec_of(key, tensor_facts(dataset))

    def _spec_of(self, key: str, facts: Facts) -> TensorSpec:
        return TensorSpec(
            f"{self.path}::{key}",
            facts.shape,
            facts.dtype,
            path=self.path,
            key=key,
            format=self.format,
            layout=facts.layout,
            layout_source=facts.layout_source,
            chunks=facts.chunks,
            unpacked=facts.unpacked,
        )

    def read(self, key: str, window: Window) -> Array:
        """The block at `window` of the dataset at `key`."""
        name = f"{self.path}::{key}"
        with _read_faults(name):
            with self._lock:
                if key not in self._data:
                    self._data[key] = self._open_data(key, name)
                data = self._data[key]
            return data.read(window)

    def locate(self, key: str) -> None:
        """Let the library say where the chunks of the dataset at `key` are."""
        with _read_faults(self.path), self._lock:
            self._open_data(key, self.path)

    def decode(self, key: str, bounds: Sequence[tuple[int, int]]) -> None:
        """Let the library read the window with these `bounds`, and forget it."""
        with _read_faults(self.path), self._lock:
            if key not in self._decoded:
                self._decoded[key] = self._dataset(key)
            self._decoded[key][tuple(slice(*ends) for ends in bounds)]

    def _dataset(self, key: str) -> h5py.Dataset:
        found = resolve(self._file, key)
        if not isinstance(found, h5py.Dataset):
            raise Refused("is no dataset", "")
        return found

    def _open_data(self, key: str, name: str) -> Data:
        found = self._dataset(key)
        if found.chunks is not None:  # their index, a tree in the file, is parsed now
            self._try_in_child("locate", key, name=name)
        dtype = tensor_facts(found.id).dtype

        def try_read(window: Window) -> None:
            bounds = tuple((int(part.start), int(part.stop)) for part in window)
            self._try_in_child("decode", key, bounds, name=name)

        library = _Library(found, dtype, self._lock, try_read)
        return open_direct(found, dtype, self.source, name, library.read) or library

    def release(self, key: str) -> None:
        """Close the dataset, here and in the child, and forget its chunks."""
        self._try_in_child("release", key)
        with self._lock:
            self._decoded.pop(key, None)
            data = self._data.pop(key, None)
        if data is not None:
            CACHE.forget(data)

    def conflict(self, key: str) -> Conflict | None:
        """What is in the way of a dataset `key`, None when nothing is."""
        self._try_in_child("find", key)  # the same steps
        with self._lock, _read_faults(self.path):
            return find_conflict(self._file, key)

    def close(self) -> None:
        release(_open_in_child, self._token, self._local_path)
        try:
            with self._lock, _read_faults(self.path):
                for data in self._data.values():
                    CACHE.forget(data)
                self._data.clear()
                self._decoded.clear()
                self._file.close()
        finally:
            super().close()


def _open_in_child(path: str) -> Hdf5Reader:
    """The reader that asks first: all that its process was told is a path."""
    source = open_source(path)
    try:
        return Hdf5Reader(source)
    except BaseException:
        source.close()
        raise


class _Library:
    """A dataset read by h5py, which can do everything, but one window at a time, each tried in a child."""

    def __init__(
        self,
        dataset: h5py.Dataset,
        dtype: np.dtype[Any],
        lock: threading.Lock,
        try_read: Callable[[Window], None],
    ) -> None:
        self._dataset, self._dtype, self._lock, self._try_read = dataset, dtype, lock, try_read

    def read(self, window: Window) -> Array:
        self._try_read(window)  # not under the lock: another file's window need not wait for this one
        with self._lock:
            block = np.asarray(self._dataset[window])  # a 0-d dataset comes as a scalar
        result: Array = block.astype(self._dtype, copy=False)
        return result


def open_reader(source: ByteSource) -> Hdf5Reader:
    """A reader of the HDF5 file that `source` holds."""
    return Hdf5Reader(source)
