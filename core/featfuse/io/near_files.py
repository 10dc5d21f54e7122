"""What may have been meant by a path where nothing is: names much like it, in the same folder."""

import difflib
import os
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from featfuse.formats.registry import find_format

__all__ = ["near_files", "near_folders"]

_LOOKED_AT = 4096
"""Entries of a folder that are compared: an error must not wait for a folder of a million files."""

_NEAR, _AS_NEAR, _MOST = 0.7, 0.1, 3
"""How like a name must be (as difflib counts), how much less so than the best, and how many are told."""


def near_files(path: str) -> list[str]:
    """Paths that may have been meant by the missing tensor file `path`, the likeliest first."""
    folder, name = os.path.split(path)
    if not os.path.isdir(folder or "."):  # noqa: PTH112 (a Path cannot hold all strings)
        return _elsewhere(folder, name)
    names = [other for other in _entries(folder) if find_format(other) and other != name]
    stem = _stem(name)
    found = sorted(other for other in names if _stem(other) == stem)[:1] or _near(name, names)
    return [os.path.join(folder, other) for other in found]  # noqa: PTH118


def near_folders(path: str) -> list[str]:
    """Folders that may have been meant by the missing folder `path`."""
    folder, name = os.path.split(path.rstrip("/"))
    if not os.path.isdir(folder or "."):  # noqa: PTH112
        return []
    places = [os.path.join(folder, other) for other in _near(name, _entries(folder))]  # noqa: PTH118
    return [f"{place}/" for place in places if Path(place).is_dir()]


def _elsewhere(folder: str, name: str) -> list[str]:
    """The same file in a folder whose name is much like the missing one's."""
    places = (Path(other, name) for other in near_folders(folder))
    return [str(place) for place in places if place.exists()]


def _entries(folder: str) -> list[str]:
    """Some of the names in a folder, all of them unless there are very many."""
    try:
        with os.scandir(folder or ".") as entries:
            return [entry.name for entry in islice(entries, _LOOKED_AT)]
    except (OSError, ValueError):
        return []


def _near(name: str, names: Iterable[str]) -> list[str]:
    """Those whose stem is much like that of `name`, in any case of letters."""
    by_stem: dict[str, list[str]] = {}
    for other in names:
        by_stem.setdefault(_stem(other).lower(), []).append(other)
    stem = _stem(name).lower()
    found = difflib.get_close_matches(stem, by_stem, n=_MOST, cutoff=_NEAR)
    likeness = [difflib.SequenceMatcher(None, other, stem).ratio() for other in found]
    near = [other for other, ratio in zip(found, likeness, strict=True) if ratio >= likeness[0] - _AS_NEAR]
    return [name for other in near for name in sorted(by_stem[other])][:_MOST]


def _stem(name: str) -> str:
    return name.rpartition(".")[0] or name
