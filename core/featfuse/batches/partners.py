"""Partners: what belongs to an item of the first pattern, by another pattern, and what is wrong with it."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from featfuse.batches.container_keys import KnownKeys
from featfuse.batches.items import real_path
from featfuse.batches.patterns import FOLDER_FIELD, Found, Pattern
from featfuse.io.address import Address
from featfuse.io.selection import is_glob

__all__ = ["Partner", "Partners", "Table"]


class Table:
    """Matches of a pattern by name, and names that several files answer to. `own` outputs are left out."""

    def __init__(self, pattern: Pattern, found: Iterable[Found], own: Collection[str]) -> None:
        self.matches: dict[str, Found] = {}
        self._doubled: dict[str, list[Address]] = {}
        fields = pattern.names
        for match in found:
            if own and real_path(match.source.path) in own:
                continue
            name = "/".join(match.fields[field] for field in fields)
            if name in self.matches:
                self._doubled.setdefault(name, [self.matches[name].source]).append(match.source)
            else:
                self.matches[name] = match

    @property
    def sources(self) -> Sequence[Address]:
        """Everything that matches, but for what could not be read."""
        return [match.source for match in self.matches.values() if match.problem is None]

    def several(self, name: str) -> str | None:
        """The problem of two files for one stem."""
        twice = self._doubled.get(name)
        return f"several files of one name: {', '.join(map(str, twice))}" if twice else None


class Partner(NamedTuple):
    """What belongs to an item; what is wrong with it; whether it is missing."""

    source: Address
    problem: str | None = None
    missing: bool = False


class Partners:
    """The further inputs of items, or what an `option` (the mask) is for each of them, by one pattern."""

    def __init__(self, pattern: Pattern, own: Collection[str], option: str | None = None) -> None:
        self.pattern = pattern
        self.option = option
        self.what = option or "partner"
        self._own = own
        self._table = Table(pattern, pattern.find(), own) if pattern.folder else None
        self._keys = KnownKeys()

    def find(self, name: str, match: Found) -> Partner:
        """What belongs to the item called `name`."""
        source = self.pattern.fill(match.fields)
        if self._table is not None:
            return self._look_up(match.fields.get(FOLDER_FIELD, name))
        path, key = source
        if not Path(path).exists():
            return Partner(source, f"no {self.what}: {source}", missing=True)
        if key is not None and key != self.pattern.key and not is_glob(key):
            keys = self._keys.of(path)
            if keys is not None and not self._keys.holds(path, key):
                return Partner(source, f"no {self.what}: {path} has no key {key}", missing=True)
        return Partner(source)

    def _look_up(self, name: str) -> Partner:
        assert self._table is not None
        match = self._table.matches.get(name)
        if match is None:
            source = self.pattern.fill({FOLDER_FIELD: name})
            return Partner(source, f"no {self.what} in {self.pattern.text}: {source.path}.*", missing=True)
        return Partner(match.source, self._table.several(name))

    @property
    def sources(self) -> Sequence[Address]:
        """Everything that the pattern could mean, whether an item asks for it or not."""
        table = self._table or Table(self.pattern, self.pattern.find(), self._own)
        return table.sources
