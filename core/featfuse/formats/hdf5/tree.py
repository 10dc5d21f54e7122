"""Finding what an HDF5 file holds, without ever leaving the file.

Links are followed here, name by name, and never by the HDF5 library: it would open whatever file an
external link names.
"""

import os
import re
from collections import deque
from collections.abc import Iterator
from enum import Enum
from typing import Any

import h5py

from featfuse.formats.headers import clip, natural_key
from featfuse.formats.interface import Conflict

__all__ = [
    "FAULTS",
    "Refused",
    "find_conflict",
    "reason",
    "resolve",
    "walk",
]

FAULTS = (OSError, RuntimeError, KeyError, ValueError, TypeError)
"""What h5py raises when the library fails: OSError and RuntimeError mostly, KeyError for damaged links,
ValueError and TypeError for damaged types."""

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


def walk(file: h5py.File) -> Iterator[tuple[str, h5py.h5d.DatasetID]]:
    """Every dataset that a path within the file leads to, in natural order of the paths.

    In h5py's inner classes: making an outer one of each of tens of thousands takes as long as all the rest.
    """
    stack: list[tuple[str, Any, tuple[Any, ...]]] = [("", _root(file), ())]
    visited, limit = 0, min(_MAX_PATHS, max(_MIN_PATHS, file.id.get_filesize() // _BYTES_A_PATH))
    while stack:
        path, node, above = stack.pop()
        visited += 1
        if visited > limit:
            raise Refused(
                f"has more than {limit:,} paths, many of which lead to the same object",
                "Name the one you need: FILE::KEY.",
            )
        if isinstance(node, h5py.h5d.DatasetID):
            yield path, node
        elif isinstance(node, h5py.h5g.GroupID) and node not in above:  # a group may hold itself
            for name, kind in reversed(_links(node)):
                child = f"{path}/{name}" if path else name
                stack.append((child, _child(file, node, name, kind, child), (*above, node)))


def _root(file: h5py.File) -> h5py.h5g.GroupID:
    return h5py.h5g.open(file.id, b"/")


def _links(group: h5py.h5g.GroupID) -> list[tuple[str, int]]:
    """The links in a group, as (name, kind), in natural order of the names."""
    found: list[tuple[str, int]] = []
    group.links.iterate(
        lambda name, link: found.append((name.decode("utf-8", "surrogateescape"), link.type)), info=True
    )
    return sorted(found, key=lambda link: natural_key(link[0]))


def _child(file: h5py.File, group: h5py.h5g.GroupID, name: str, kind: int, path: str) -> Any:
    """The object that the link `name` leads to, None when it leads nowhere or elsewhere."""
    if kind == h5py.h5l.TYPE_HARD:
        return h5py.h5o.open(group, _raw(name))
    try:
        found = resolve(file, path)
    except Refused:
        return None
    return found and found.id


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
