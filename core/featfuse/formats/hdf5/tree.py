"""Finding and judging what an HDF5 file holds, without ever leaving the file.

Links are followed here, name by name, and never by the HDF5 library: it would open whatever file an
external link names.
"""

import math
import os
import re
from collections import deque
from collections.abc import Iterator
from enum import Enum
from typing import Any

import h5py
import numpy as np

from featfuse.formats.hdf5.chunk_cache import CACHE_BYTES
from featfuse.formats.headers import (
    BOMB_BYTES,
    clip,
    is_bomb,
    layout_from_names,
    native_dtype,
    natural_key,
    unreadable,
)
from featfuse.formats.interface import Conflict

__all__ = [
    "FAULTS",
    "Refused",
    "dataset_layout",
    "find_conflict",
    "is_scale",
    "reason",
    "resolve",
    "tensor_dtype",
    "unpacked_bytes",
    "walk",
]

FAULTS = (OSError, RuntimeError, KeyError, ValueError, TypeError)
"""What h5py raises when the library fails: OSError and RuntimeError mostly, KeyError for damaged links,
ValueError and TypeError for damaged types."""

_MAX_CHUNKS = 1 << 20
_MAX_SOFT_LINKS = 16  # on one path, as in the HDF5 library
# Nested aliases can spell any number of paths in a small file; a link of its own takes more bytes than this.
_MAX_PATHS = 1_000_000
_BYTES_A_PATH = 8
_MIN_PATHS = 1_000


class Refused(Exception):
    """An object that exists but is no tensor we read; the caller adds the name."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def reason(error: BaseException) -> str:
    """The system's words where there are some, else HDF5's own on one line."""
    number = getattr(error, "errno", None)
    cut = re.search(r"truncated file: eof = (\d+).* stored_eof = (\d+)", str(error))
    if cut:
        return f"truncated: its header promises {int(cut[2]):,} bytes, the file holds {int(cut[1]):,}"
    return os.strerror(number) if number else clip(" ".join(str(error).split()))


class _Link(Enum):
    NONE = 0
    HARD = 1
    SOFT = 2


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name not in {"", "."}]


def _raw(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")  # as h5py spells names that are not UTF-8


def _link(group: h5py.Group, name: str) -> _Link:
    """What kind of link `name` is; Refused for those that lead elsewhere."""
    links = group.id.links
    if not links.exists(_raw(name)):
        return _Link.NONE
    kind = links.get_info(_raw(name)).type
    if kind == h5py.h5l.TYPE_HARD:
        return _Link.HARD
    if kind == h5py.h5l.TYPE_SOFT:
        return _Link.SOFT
    if kind == h5py.h5l.TYPE_EXTERNAL:
        file, path = (part.decode("utf-8", "replace") for part in links.get_val(_raw(name)))
        raise Refused(
            f"is an external link to {file}, which is not followed", f"Name it directly: {file}::{path}"
        )
    raise Refused("is a link of an unknown kind", "Copy what it stands for into the file.")


def resolve(file: h5py.File, path: str) -> h5py.Group | h5py.Dataset | None:
    """The object at `path`, soft links followed; None when there is none; Refused when it leads elsewhere."""
    node: Any = file
    pending = deque(_names(path))
    followed = 0
    while pending:
        name = pending.popleft()
        if not isinstance(node, h5py.Group):
            return None
        link = _link(node, name)
        if link is _Link.NONE:
            return None
        if link is _Link.HARD:
            node = node[name]
            continue
        followed += 1
        if followed > _MAX_SOFT_LINKS:
            raise Refused("leads through too many soft links, perhaps in a circle", "")
        aim = node.id.links.get_val(_raw(name)).decode("utf-8", "surrogateescape")
        pending.extendleft(reversed(_names(aim)))
        if aim.startswith("/"):
            node = file
    return node if isinstance(node, (h5py.Group, h5py.Dataset)) else None


def walk(file: h5py.File) -> Iterator[tuple[str, h5py.Dataset]]:
    """Every dataset that a path within the file leads to, in natural order of the paths."""
    stack: list[tuple[str, Any, tuple[Any, ...]]] = [("", file, ())]
    visited, limit = 0, min(_MAX_PATHS, max(_MIN_PATHS, file.id.get_filesize() // _BYTES_A_PATH))
    while stack:
        path, node, above = stack.pop()
        visited += 1
        if visited > limit:
            raise Refused(
                f"has more than {limit:,} paths, many of which lead to the same object",
                "Name the one you need: FILE::KEY.",
            )
        if isinstance(node, h5py.Dataset):
            yield path, node
        elif isinstance(node, h5py.Group) and node.id not in above:  # a group may hold itself
            for name in sorted(node, key=natural_key, reverse=True):
                child = f"{path}/{name}" if path else name
                stack.append((child, _child(file, node, name, child), (*above, node.id)))


def _child(file: h5py.File, group: h5py.Group, name: str, path: str) -> Any:
    """The object that `name` leads to, None when it leads nowhere or elsewhere."""
    try:
        return group[name] if _link(group, name) is _Link.HARD else resolve(file, path)
    except Refused:
        return None


def is_scale(dataset: h5py.Dataset) -> bool:
    """Whether the dataset only holds the coordinates of an axis of others."""
    try:
        return _text(dataset.attrs.get("CLASS", "")) == "DIMENSION_SCALE"
    except FAULTS:
        return False


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def tensor_dtype(dataset: h5py.Dataset) -> np.dtype[Any]:
    """The native dtype of a dataset; Refused when it is no tensor or its data lies in other files."""
    if dataset.shape is None:
        raise Refused("is empty: it has a type but no shape", "")
    if dataset.is_virtual:
        raise Refused(
            "is a virtual dataset, which reads other files",
            "Copy it into a plain dataset, e.g. with h5repack.",
        )
    if dataset.id.get_create_plist().get_external_count():
        raise Refused(
            "has external storage, which reads other files",
            "Copy it into a plain dataset, e.g. with h5repack.",
        )
    try:
        stored = dataset.dtype
    except (TypeError, ValueError) as error:
        raise Refused(f"is of a type that NumPy lacks ({error})", "Convert it to float32.") from error
    dtype = native_dtype(stored)
    if dtype is None:
        raise Refused(*_no_tensor(stored))
    _refuse_bomb(dataset)
    return dtype


def _refuse_bomb(dataset: h5py.Dataset) -> None:
    """Refuse sizes that next to nothing is stored of: a few bytes can claim any number of fill values."""
    file_size = dataset.file.id.get_filesize()
    if dataset.nbytes > BOMB_BYTES:
        stored = min(dataset.id.get_storage_size(), file_size)  # that of contiguous data is a claim too
        if is_bomb(dataset.nbytes, stored):
            raise Refused(
                f"claims {dataset.nbytes:,} bytes, of which the file stores {stored:,}",
                "No real data packs so well. Copy what you need of it into a dataset of its own.",
            )
    if dataset.chunks is not None:
        # each stored chunk takes some bytes, and the library many more for each that a window crosses
        chunks = math.prod(-(-size // step) for size, step in zip(dataset.shape, dataset.chunks, strict=True))
        if chunks > max(_MAX_CHUNKS, file_size):
            raise Refused(
                f"claims {chunks:,} chunks in a file of {file_size:,} bytes",
                "Copy what you need of it into a dataset with larger chunks.",
            )


def unpacked_bytes(dataset: h5py.Dataset) -> int:
    """Bytes of one chunk where filters must be undone for any element of it; 0 when that costs no more.

    Chunks without filters are read in place, by us and, beyond a megabyte, by the library too. Those that
    the cache holds take no more than it does, whatever the budget (a worker's share of it can be small).
    """
    if dataset.chunks is None or not dataset.id.get_create_plist().get_nfilters():
        return 0
    nbytes: int = math.prod(dataset.chunks) * dataset.id.get_type().get_size()
    return nbytes if nbytes > CACHE_BYTES else 0


def _no_tensor(dtype: np.dtype[Any]) -> tuple[str, str]:
    if h5py.check_string_dtype(dtype) is not None:
        return "holds text", "Only numeric datasets can be fused."
    if h5py.check_vlen_dtype(dtype) is not None:
        return "holds rows of unequal length", "Pad the rows to one length and save them as a plain dataset."
    if h5py.check_ref_dtype(dtype) is not None:
        return "holds references to other datasets", "Name the dataset itself."
    what, hint = unreadable(dtype)
    return f"holds {what}", hint


def dataset_layout(dataset: h5py.Dataset) -> tuple[str | None, str | None]:
    """(layout, where it comes from) by the dimension labels and, where these are missing, the scales.

    The attributes are read as what they are: the library's own functions for labels and scales crash
    the process when these are damaged (HDF5 2.0.0).
    """
    attributes = dataset.attrs
    if not dataset.shape or not ("DIMENSION_LABELS" in attributes or "DIMENSION_LIST" in attributes):
        return None, None
    try:
        labels = [_text(label) for label in attributes.get("DIMENSION_LABELS", [""] * dataset.ndim)]
        scales = attributes.get("DIMENSION_LIST", [()] * dataset.ndim)
        names = [label or _scale_name(dataset.file, axis) for label, axis in zip(labels, scales, strict=True)]
    except FAULTS:
        return None, None  # damaged labels are no labels
    layout = layout_from_names(names)
    if layout is None or len(layout) != dataset.ndim:
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


def find_conflict(file: h5py.File, key: str) -> Conflict | None:
    """What is in the way of a dataset at `key`, None when nothing is; only a dataset can be replaced."""
    if file.userblock_size:
        return Conflict("a file with a user block (MATLAB writes them) cannot be added to")
    *parents, last = _names(key)
    node: Any = file
    try:
        for name in parents:
            link = _link(node, name)
            if link is _Link.NONE:
                return None
            node = node[name] if link is _Link.HARD else None
            if not isinstance(node, h5py.Group):
                return Conflict(f"{name} in {key} is not a group")
        link = _link(node, last)
    except Refused as error:
        return Conflict(f"{key} {error}")
    if link is _Link.NONE:
        return None
    if link is _Link.SOFT or isinstance(node[last], h5py.Group):
        return Conflict(f"{key} is a group or a link, which is not replaced")
    return Conflict(f"{key} exists already", replaceable=True)
