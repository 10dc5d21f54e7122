"""Judging one dataset of an HDF5 file: whether it is a tensor, and all that its header says.

A file may hold tens of thousands of them, so each fact is asked for once, and of h5py's inner classes: the
outer ones ask for it anew at each use.
"""

import math
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple

import h5py
import numpy as np

from featfuse.formats.hdf5.chunk_cache import CACHE_BYTES
from featfuse.formats.hdf5.tree import FAULTS, Refused
from featfuse.formats.headers import BOMB_BYTES, clip, is_bomb, layout_from_names, native_dtype, unreadable
from featfuse.formats.interface import NoTensor

__all__ = ["Facts", "is_scale", "no_tensor", "tensor_facts"]

_MAX_CHUNKS = 1 << 20


class Facts(NamedTuple):
    """What a header says, as `TensorSpec` has it; `dtype` is in this machine's byte order."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    layout: str | None
    layout_source: str | None
    chunks: tuple[int, ...] | None
    unpacked: int


def tensor_facts(dataset: h5py.h5d.DatasetID) -> Facts:
    """The header of a dataset; Refused when it is no tensor or its data lies in other files."""
    shape = _shape(dataset)
    if shape is None:
        raise Refused("is empty: it has a type but no shape", "")
    # what has a place in this file is neither chunked nor anywhere else
    properties = dataset.get_create_plist() if dataset.get_offset() is None else None
    if properties is not None:
        _refuse_elsewhere(properties)
    stored, native = _dtypes(dataset.get_type())
    if native is None:
        raise Refused(*_no_tensor(stored))
    chunks, unpacked = (None, 0) if properties is None else _chunks(properties, stored.itemsize)
    _refuse_bomb(dataset, shape, stored.itemsize, chunks)
    return Facts(shape, native, *_layout(dataset, len(shape)), chunks, unpacked)


def _chunks(properties: h5py.h5p.PropDCID, itemsize: int) -> tuple[tuple[int, ...] | None, int]:
    """The shape of a chunk, and its bytes where filters must be undone for any element of it.

    These are 0 when that costs no more: chunks without filters are read in place, by us and, beyond a
    megabyte, by the library too. Those that the cache holds take no more than it does, whatever the budget (a
    worker's share of it can be small).
    """
    if properties.get_layout() != h5py.h5d.CHUNKED:
        return None, 0
    chunks = properties.get_chunk()
    nbytes = math.prod(chunks) * itemsize if properties.get_nfilters() else 0
    return chunks, nbytes if nbytes > CACHE_BYTES else 0


def _shape(dataset: h5py.h5d.DatasetID) -> tuple[int, ...] | None:
    """None where there is a type alone."""
    shape: tuple[int, ...] = dataset.shape
    return shape if shape or dataset.get_space().get_simple_extent_type() != h5py.h5s.NULL else None


def _dtypes(kind: h5py.h5t.TypeID) -> tuple[np.dtype[Any], np.dtype[Any] | None]:
    """NumPy's type for that of a dataset, and which of DTYPES it is; Refused when NumPy has none."""
    return _known_dtypes(kind.encode())


@lru_cache(maxsize=256)
def _known_dtypes(kind: bytes) -> tuple[np.dtype[Any], np.dtype[Any] | None]:
    try:
        stored = h5py.h5t.decode(kind).dtype
    except (TypeError, ValueError) as error:
        raise Refused(f"is of a type that NumPy lacks ({error})", "Convert it to float32.") from error
    return stored, native_dtype(stored)


def _refuse_elsewhere(properties: h5py.h5p.PropDCID) -> None:
    """Refuse what has its data in other files."""
    if properties.get_layout() == h5py.h5d.VIRTUAL:
        raise Refused(
            "is a virtual dataset, which reads other files",
            "Copy it into a plain dataset, e.g. with h5repack.",
        )
    if properties.get_external_count():
        raise Refused(
            "has external storage, which reads other files",
            "Copy it into a plain dataset, e.g. with h5repack.",
        )


def _refuse_bomb(
    dataset: h5py.h5d.DatasetID, shape: tuple[int, ...], itemsize: int, steps: tuple[int, ...] | None
) -> None:
    """Refuse sizes that next to nothing is stored of: a few bytes can claim any number of fill values."""
    nbytes = math.prod(shape) * itemsize
    if nbytes > BOMB_BYTES:
        stored = min(dataset.get_storage_size(), _file_size(dataset))  # of contiguous data it is a claim too
        if is_bomb(nbytes, stored):
            raise Refused(
                f"claims {nbytes:,} bytes, of which the file stores {stored:,}",
                "No real data packs so well. Copy what you need of it into a dataset of its own.",
            )
    if steps is None:
        return
    # each stored chunk takes some bytes, and the library many more for each that a window crosses
    chunks = math.prod(-(-size // step) for size, step in zip(shape, steps, strict=True))
    if chunks > _MAX_CHUNKS and chunks > _file_size(dataset):
        raise Refused(
            f"claims {chunks:,} chunks in a file of {_file_size(dataset):,} bytes",
            "Copy what you need of it into a dataset with larger chunks.",
        )


def _file_size(dataset: h5py.h5d.DatasetID) -> int:
    size: int = h5py.h5i.get_file_id(dataset).get_filesize()
    return size


def _no_tensor(dtype: np.dtype[Any]) -> tuple[str, str]:
    if h5py.check_string_dtype(dtype) is not None:
        return "holds text", "Only numeric datasets can be fused."
    if h5py.check_vlen_dtype(dtype) is not None:
        return "holds rows of unequal length", "Pad the rows to one length and save them as a plain dataset."
    if h5py.check_ref_dtype(dtype) is not None:
        return "holds references to other datasets", "Name the dataset itself."
    what, hint = unreadable(dtype)
    return f"holds {what}", hint


def no_tensor(name: str, dataset: h5py.h5d.DatasetID, error: Refused) -> NoTensor:
    """Why a dataset called `name` is no tensor, with what can be told of it all the same."""
    shape, words, nbytes = None, "", None
    with suppress(*FAULTS, Refused):
        shape = _shape(dataset)
        stored, _ = _dtypes(dataset.get_type())
        if not stored.hasobject:
            words = clip(str(stored))
            nbytes = None if shape is None else math.prod(shape) * stored.itemsize
    return NoTensor(f"{name}: {error}", hint=error.hint, shape=shape, dtype=words, nbytes=nbytes)


def is_scale(dataset: h5py.h5d.DatasetID) -> bool:
    """Whether the dataset only holds the coordinates of an axis of others."""
    try:
        if not h5py.h5a.get_num_attrs(dataset) or not h5py.h5a.exists(dataset, b"CLASS"):
            return False
        return _text(h5py.Dataset(dataset).attrs["CLASS"]) == "DIMENSION_SCALE"
    except FAULTS:
        return False


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _layout(dataset: h5py.h5d.DatasetID, rank: int) -> tuple[str | None, str | None]:
    """(layout, where it comes from) by the dimension labels and, where these are missing, the scales.

    The attributes are read as what they are: the library's own functions for labels and scales crash
    the process when these are damaged (HDF5 2.0.0).
    """
    if not rank or not h5py.h5a.get_num_attrs(dataset):
        return None, None
    labelled, scaled = (h5py.h5a.exists(dataset, b"DIMENSION_" + it) for it in (b"LABELS", b"LIST"))
    if not labelled and not scaled:
        return None, None
    outer = h5py.Dataset(dataset)
    try:
        labels = [_text(it) for it in outer.attrs["DIMENSION_LABELS"]] if labelled else [""] * rank
        scales = outer.attrs["DIMENSION_LIST"] if scaled else [()] * rank
        names = [label or _scale_name(outer.file, axis) for label, axis in zip(labels, scales, strict=True)]
    except FAULTS:
        return None, None  # damaged labels are no labels
    layout = layout_from_names(names)
    if layout is None or len(layout) != rank:
        return None, None
    return layout, "dimension labels" if all(labels) else "dimension scales"


def _scale_name(file: h5py.File, references: Any) -> str:
    """The name of the first dimension scale of an axis, "" when it has none.

    Only a reference to an object is followed: a text would be a path, which may lead to other files.
    """
    if not len(references) or type(references[0]) is not h5py.Reference:
        return ""
    scale = file[references[0]]
    name = _text(scale.attrs.get("NAME", ""))
    # netCDF writes a sentence instead of a name when the axis has a length but no coordinates
    if not name or name.startswith("This is a netCDF dimension"):
        name = str(scale.name)
    return name.rsplit("/", 1)[-1]
