"""Items: one fusion each. What they may not do to each other is found before any work."""

import fnmatch
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from featfuse.batches.container_keys import conflicts, plain_key
from featfuse.batches.patterns import Fields
from featfuse.errors import RunError, UsageError
from featfuse.formats import find_format
from featfuse.io.address import Address
from featfuse.wording import phrase, worded

__all__ = [
    "Item",
    "Pairing",
    "bad_value",
    "check_existing",
    "check_outputs",
    "forget_folders",
    "real_path",
    "wanted",
]


@dataclass(frozen=True, slots=True)
class Item:
    """One fusion of a batch. `problem` says why it cannot even be tried.

    `own` are options that it has for itself: its mask, looked up by its name or given in its row. `side` are
    the files beside the inputs that the result depends on: its mask, weights, kernels. An item without an
    output (its `problem` says why) has an empty path there.
    """

    id: str
    inputs: tuple[Address, ...]
    out: Address
    fields: Fields = field(default_factory=dict)
    problem: str | None = None
    missing: bool = False
    own: Mapping[str, str] = field(default_factory=dict)
    side: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True)
class Pairing:
    """All items in natural order, and the folder that their outputs stay in.

    `gone` are outputs of which an earlier run had an item, and there is none any more.
    """

    items: tuple[Item, ...]
    root: Path
    gone: tuple[str, ...] = ()


def wanted(item_id: str, include: Sequence[str], exclude: Sequence[str]) -> bool:
    """Whether --include and --exclude leave the item in."""
    kept = not include or any(fnmatch.fnmatchcase(item_id, glob) for glob in include)
    return kept and not any(fnmatch.fnmatchcase(item_id, glob) for glob in exclude)


def bad_value(name: str, value: str) -> str | None:
    """Why a field's value may not become part of an output's name."""
    parts = value.split("/")
    if ".." in parts or "." in parts or value.startswith("/") or "\0" in value:
        return f"field {{{name}}} = {value!r} is not a plain name"
    if "::" in value:
        return f"field {{{name}}} = {value!r} holds ::, which separates a file from a key"
    return None


@lru_cache(maxsize=4096)
def _real_folder(folder: str) -> str:
    return os.path.realpath(folder)


def forget_folders() -> None:
    """Links and the working directory may have changed since the last batch."""
    _real_folder.cache_clear()


def real_path(path: str) -> str:
    """`os.path.realpath`, quick for many files in few folders."""
    folder, name = os.path.split(path)
    if name in ("", ".", ".."):
        return os.path.realpath(path)
    place = os.path.join(_real_folder(folder), name)  # noqa: PTH118 (100,000 of them)
    return os.path.realpath(place) if os.path.islink(place) else place  # noqa: PTH114


def check_outputs(pairing: Pairing, root: str, manifest: Path) -> Pairing:
    """Items whose output would leave `root`, the path of `pairing.root` without links, are marked.

    Raises UsageError for two items with one output, and for an output or manifest that is an input.
    """
    inputs = {real_path(it.path) for item in pairing.items for it in (*item.inputs, *item.side)}
    if os.path.realpath(manifest) in inputs:
        raise UsageError(
            f"{worded('manifest', str(manifest))} is one of the inputs", hint="Inputs are never written to."
        )
    taken = _Places()
    items = []
    for item in pairing.items:
        path, key = item.out
        if not path:
            items.append(item)
            continue
        place = real_path(path)
        if place in inputs:
            raise UsageError(
                f"{item.id}: the output {path} is one of the inputs: {_role(place, item, pairing.items)}",
                hint=phrase(
                    "A batch never writes to its inputs, not with {force:True} either: begun anew, it would "
                    "fuse them twice. Write to another folder; a file that an interrupted batch left here "
                    "can be deleted."
                ),
            )
        if item.problem is None:
            taken.take(item, place, key)
            if os.path.commonpath([root, place]) != root:
                item = replace(item, problem=f"the output {path} leaves {pairing.root}")  # noqa: PLW2901
        items.append(item)
    return replace(pairing, items=tuple(items))


def _role(place: str, item: Item, items: Sequence[Item]) -> str:
    """What the file at `place` is to `item` or, if nothing, to the first of the `items` that reads it."""
    for reader in (item, *items):
        whose = "this very item" if reader is item else reader.id
        for number, source in enumerate(reader.inputs, start=1):
            if real_path(source.path) == place:
                return f"input {number} of {whose}"
        if any(real_path(source.path) == place for source in reader.side):
            return f"a mask, weights or kernel of {whose}"
    raise LookupError(place)


class _Places:
    """The outputs that items have claimed: a file for itself alone, or keys of a file."""

    def __init__(self) -> None:
        self._owners: dict[tuple[str, str | None], str] = {}
        self._groups: dict[tuple[str, str], str] = {}

    def take(self, item: Item, place: str, key: str | None) -> None:
        """UsageError when another item writes there, or to a group that would be a tensor."""
        if key is None:
            self._claim(item, (place, None))
            return
        self._owners.setdefault((place, ""), item.id)
        key = plain_key(place, key)
        self._claim(item, (place, key), (place, None))
        row = find_format(place)
        for group in row.groups_of(key) if row is not None else ():
            self._refuse(item, self._owners.get((place, group)))
            self._groups.setdefault((place, group), item.id)
        self._refuse(item, self._groups.get((place, key)))

    def _claim(self, item: Item, place: tuple[str, str | None], *others: tuple[str, str | None]) -> None:
        whole = (place[0], "") if place[1] is None else place
        for other in (place, whole, *others):
            self._refuse(item, self._owners.get(other))
        self._owners[place] = item.id

    def _refuse(self, item: Item, owner: str | None) -> None:
        if owner is not None:
            who = f"{owner} and {item.id}" if owner != item.id else "two items"
            raise UsageError(
                f"{who} would both be written to {item.out}",
                hint=phrase("Put every field that tells items apart into {out}.")
                if item.fields
                else "Every row needs an out of its own.",
            )


def check_existing(items: Sequence[Item], *, replacing: bool) -> tuple[Item, ...]:
    """The items, those marked whose key cannot be put into the container that is there.

    Without `replacing` (--force, --resume), outputs that exist are a RunError before any work.
    """
    keyed: dict[str, list[int]] = defaultdict(list)
    existing = []
    result = list(items)
    for index, item in enumerate(items):
        if item.problem is not None:
            continue
        path, key = item.out
        if key is not None:
            keyed[path].append(index)
        elif not replacing and Path(path).exists():
            existing.append(str(item.out))
    for path, indices in keyed.items():
        found = conflicts(path, [items[index].out.key or "" for index in indices])
        for index, (problem, exists) in zip(indices, found, strict=True):
            if problem is not None:
                result[index] = replace(items[index], problem=problem)
            elif exists and not replacing:
                existing.append(str(items[index].out))
    if existing:
        raise RunError(
            f"{len(existing)} outputs exist already, the first is {existing[0]}",
            hint=phrase("{resume:True} does what is missing or changed, {force:True} replaces them all."),
        )
    return tuple(result)
