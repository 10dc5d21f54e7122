"""Patterns: paths and keys with named fields, and the folders that are sugar for them.

`runs/{run}/s{stage}/{id}.safetensors`, `feats.h5::{id}/layer3`, or a folder D, which stands for
`D/{name}` over every readable suffix, at any depth, matched by the name without the suffix. `D/*.npy` stands
for those of its files that match.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from featfuse.batches.wildcards import files_that_match, folder_above
from featfuse.errors import FeatfuseError, InputError, UsageError, meant
from featfuse.formats.registry import find_format
from featfuse.io.address import Address
from featfuse.io.near_files import near_folders
from featfuse.io.readers import open_input
from featfuse.io.selection import is_glob
from featfuse.wording import either

__all__ = [
    "FOLDER_FIELD",
    "Fields",
    "Found",
    "Pattern",
    "field_names",
    "fill_fields",
    "fixed_ends",
    "parse_pattern",
]

FOLDER_FIELD = "name"
"""The field that a folder stands for."""

_FIELD = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")

Fields = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Found:
    """One match: the values of the pattern's fields, and the input they name.

    A container that cannot be read is one match, with `problem`: which items it holds nobody can tell.
    """

    fields: Fields
    source: Address
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Pattern:
    """`text` as given; `path` and `key` with fields.

    `folder` when it was a folder, or has wildcards (`glob` is its path then): `path` ends with the field, and
    has no suffix.
    """

    text: str
    path: str
    key: str | None
    folder: bool = False
    glob: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The fields, in order of appearance."""
        whole = self.path + "::" + (self.key or "")
        return tuple(dict.fromkeys(_FIELD.findall(whole)))

    @property
    def root(self) -> Path:
        """The folder above the first field: outputs never leave it."""
        fixed = _FIELD.split(self.path, maxsplit=1)[0]
        return Path(fixed) if fixed.endswith("/") or not fixed else Path(fixed).parent

    def fill(self, fields: Fields) -> Address:
        """The pattern with its fields filled in."""
        return Address(fill_fields(self.path, fields), self.key and fill_fields(self.key, fields))

    def find(self) -> Iterator[Found]:
        """Everything that matches, in no particular order. InputError for an unreadable container."""
        for path, fields in self._paths():
            if self.key is None:
                yield Found(fields, Address(path))
            elif not _FIELD.search(self.key):
                yield Found(fields, Address(path, self.key))
            else:
                yield from self._keys(path, fields)

    def read(self, source: Address) -> Fields | None:
        """The fields with which this pattern gives `source`; None when none do."""
        if self.folder:
            inside = source.path.startswith(self.top) and source.key == self.key
            return self._named(source.path) if inside else None
        match = _matcher_of_all(self.path, self.key).fullmatch(f"{source.path}\0{source.key or ''}")
        return match and match.groupdict()

    @property
    def top(self) -> str:
        """The folder that `folder` is about, with a slash at its end; empty for the working directory."""
        return self.path.removesuffix(f"{{{FOLDER_FIELD}}}")

    def _named(self, path: str) -> dict[str, str]:
        stem = path[len(self.top) :]
        return {FOLDER_FIELD: stem[: stem.rfind(".")]}

    def _paths(self) -> Iterator[tuple[str, dict[str, str]]]:
        if self.folder:
            for path in files_that_match(self.glob) if self.glob else self._below():
                if find_format(path) is not None:
                    yield path, self._named(path)
        elif not _FIELD.search(self.path):
            if Path(self.path).exists():
                yield self.path, {}
        else:
            parts = self.path.split("/")
            start = "/" if self.path.startswith("/") else ""
            yield from _descend(start, [part for part in parts if part], {})

    def _below(self) -> Iterator[str]:
        """Every file below the folder; hidden files and folders are passed over."""
        for folder, folders, files in os.walk(self.top):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(files):
                if not name.startswith("."):
                    yield os.path.join(folder, name)  # noqa: PTH118 (100,000 of them)

    def _keys(self, path: str, fields: dict[str, str]) -> Iterator[Found]:
        assert self.key is not None
        matcher = _matcher(self.key, fields)
        try:
            with open_input(path) as reader:
                keys = list(reader.specs())
        except FeatfuseError as error:
            if not fields:
                raise
            some = {**dict.fromkeys(self.names, "*"), **fields}
            yield Found(some, self.fill(some), str(error))
            return
        for key in keys:
            match = matcher.fullmatch(key)
            if match:
                yield Found({**fields, **match.groupdict()}, Address(path, key))


def fill_fields(text: str, fields: Fields) -> str:
    """`text` with the fields it names filled in; a field that is not among `fields` stays."""
    return _FIELD.sub(lambda match: fields.get(match[1], match[0]), text)


def field_names(text: str) -> list[str]:
    """The fields that `text` names."""
    return _FIELD.findall(text)


def fixed_ends(text: str) -> tuple[str, str]:
    """What stands before the first field of `text`, and behind the last."""
    fields = list(_FIELD.finditer(text))
    return text[: fields[0].start()], text[fields[-1].end() :]


def parse_pattern(text: str) -> Pattern:
    """A pattern from the command line. UsageError when it names neither a field nor a folder."""
    path, key = Address.parse(text)
    if Path(path).is_dir():
        if key is not None:
            raise UsageError(f"{text}: a folder has no keys", hint=f"Write '{path}/{{name}}.h5::{key}'.")
        return Pattern(text, f"{path.rstrip('/')}/{{{FOLDER_FIELD}}}", None, folder=True)
    pattern = Pattern(text, path, key)
    if pattern.names:
        return pattern
    if Path(path).exists():
        folder, _, name = path.rpartition("/")
        likely = f"{folder}/*{Path(name).suffix}".lstrip("/")
        quoted = f"Quote wildcards, so that the shell leaves them alone: '{likely}'"
        wild = either(quoted, f"Write wildcards: '{likely}'")
        raise UsageError(
            f"{text}: names a single file, not many",
            hint=f"{wild}; or put a field where items differ: 'a/{{id}}.npy'.",
        )
    if not is_glob(path):
        raise InputError(
            f"{text}: no such folder",
            hint=meant(near_folders(path)) or "Give one, or a pattern with a field, like 'a/{id}.npy'.",
        )
    return Pattern(text, f"{folder_above(path)}{{{FOLDER_FIELD}}}", key, folder=True, glob=path)


@lru_cache(maxsize=64)
def _matcher_of_all(path: str, key: str | None) -> re.Pattern[str]:
    return _matcher(f"{path}\0{key or ''}", {})


def _matcher(part: str, fields: Fields) -> re.Pattern[str]:
    """A regular expression for one part of a path or a key: a field takes anything but a slash."""
    expression, place, seen = "", 0, set(fields)
    for match in _FIELD.finditer(part):
        expression += re.escape(part[place : match.start()])
        name = match[1]
        if name in fields:
            expression += re.escape(fields[name])
        elif name in seen:
            expression += f"(?P={name})"
        else:
            expression += f"(?P<{name}>[^/\0]+)"
            seen.add(name)
        place = match.end()
    return re.compile(expression + re.escape(part[place:]))


def _descend(folder: str, parts: list[str], fields: dict[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Follow the parts of a path, trying every entry where a part has fields."""
    part, *rest = parts
    if not _FIELD.search(part):
        path = folder + part
        if rest and Path(path).is_dir():
            yield from _descend(path + "/", rest, fields)
        elif not rest and Path(path).is_file():
            yield path, fields
        return
    matcher = _matcher(part, fields)
    try:
        entries = sorted(os.scandir(folder or "."), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        match = None if entry.name.startswith(".") else matcher.fullmatch(entry.name)
        if match is None:
            continue
        found = {**fields, **match.groupdict()}
        if rest and entry.is_dir():
            yield from _descend(folder + entry.name + "/", rest, found)
        elif not rest and entry.is_file():
            yield folder + entry.name, found
