"""Patterns: paths and keys with named fields, and the folders that are sugar for them.

`runs/{run}/s{stage}/{id}.safetensors`, `feats.h5::{id}/layer3`, or a folder D, which stands for
`D/{name}` over every readable suffix, at any depth, matched by the name without the suffix.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from featfuse.errors import FeatfuseError, InputError, UsageError, meant
from featfuse.formats.registry import find_format
from featfuse.io.address import Address
from featfuse.io.near_files import near_folders
from featfuse.io.readers import open_input

__all__ = ["FOLDER_FIELD", "Fields", "Found", "Pattern", "field_names", "fill_fields", "parse_pattern"]

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
    """`text` as given; `path` and `key` with fields; `folder` when it was a folder."""

    text: str
    path: str
    key: str | None
    folder: bool = False

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

    def _paths(self) -> Iterator[tuple[str, dict[str, str]]]:
        if self.folder:
            yield from self._folder_paths()
        elif not _FIELD.search(self.path):
            if Path(self.path).exists():
                yield self.path, {}
        else:
            parts = self.path.split("/")
            start = "/" if self.path.startswith("/") else ""
            yield from _descend(start, [part for part in parts if part], {})

    def _folder_paths(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Every readable file below the folder; hidden files and folders are passed over."""
        top = self.path.removesuffix(f"/{{{FOLDER_FIELD}}}")
        for folder, folders, files in os.walk(top):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(files):
                if find_format(name) is not None and not name.startswith("."):
                    path = os.path.join(folder, name)  # noqa: PTH118 (100,000 of them)
                    stem = os.path.relpath(path, top)
                    yield path, {FOLDER_FIELD: stem[: stem.rindex(".")]}

    def _keys(self, path: str, fields: dict[str, str]) -> Iterator[Found]:
        assert self.key is not None
        matcher = _matcher(self.key, fields)
        try:
            with open_input(path) as reader:
                keys = list(reader.specs())
        except FeatfuseError as error:
            if not fields:
                raise
            yield Found({**dict.fromkeys(self.names, "*"), **fields}, self.fill(fields), str(error))
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


def parse_pattern(text: str) -> Pattern:
    """A pattern from the command line. UsageError when it names neither a field nor a folder."""
    path, key = Address.parse(text)
    if Path(path).is_dir():
        if key is not None:
            raise UsageError(f"{text}: a folder has no keys", hint=f"Write '{path}/{{name}}.h5::{key}'.")
        return Pattern(text, f"{path.rstrip('/')}/{{{FOLDER_FIELD}}}", None, folder=True)
    pattern = Pattern(text, path, key)
    if not pattern.names:
        if not Path(path).exists():
            raise InputError(
                f"{text}: no such folder",
                hint=meant(near_folders(path)) or "Give one, or a pattern with a field, like 'a/{id}.npy'.",
            )
        raise UsageError(
            f"{text}: names a single file, not many", hint="Put a field where items differ: 'a/{id}.npy'."
        )
    return pattern


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
            expression += f"(?P<{name}>[^/]+)"
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
