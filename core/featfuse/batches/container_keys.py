"""The keys of containers, looked up once per file: those of partners, and those of outputs that exist."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from featfuse.errors import FeatfuseError
from featfuse.formats import Reader
from featfuse.formats.registry import Format, find_format, unknown_suffix
from featfuse.io.readers import open_input
from featfuse.io.sinks import check_key

__all__ = ["KnownKeys", "conflicts", "plain_key"]


def plain_key(path: str, key: str) -> str:
    """The key as the container at `path` names it."""
    row = find_format(path)
    return key if row is None else row.plain_key(key)


class KnownKeys:
    """Which keys the containers hold. Each file is opened once."""

    def __init__(self) -> None:
        self._keys: dict[str, frozenset[str] | None] = {}

    def of(self, path: str) -> frozenset[str] | None:
        """The keys of the file, None when it cannot be read."""
        if path not in self._keys:
            try:
                with open_input(path) as reader:
                    self._keys[path] = frozenset(reader.specs())
            except FeatfuseError:
                self._keys[path] = None
        return self._keys[path]

    def holds(self, path: str, key: str) -> bool:
        """Whether the file can be read and holds `key`."""
        return plain_key(path, key) in (self.of(path) or ())


def conflicts(path: str, keys: Sequence[str]) -> list[tuple[str | None, bool]]:
    """For each key: why it cannot be put into the container at `path`, and whether it is there already.

    The container need not exist. Raises InputError when it does and cannot be read.
    """
    row = find_format(path)
    target = _Target(path)
    try:
        result: list[tuple[str | None, bool]] = []
        for key in keys:
            if row is None:
                result.append((unknown_suffix(path).message, False))
                continue
            try:
                check_key(path, row, key)
            except FeatfuseError as error:
                result.append((str(error), False))
                continue
            result.append(target.ask(key, row))
        return result
    finally:
        target.close()


class _Target:
    """A container that items will be put into, opened when the first key asks."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._opened = False

    @cached_property
    def _reader(self) -> Reader | None:
        if not Path(self.path).exists():
            return None
        reader = open_input(self.path)
        self._opened = True
        return reader

    def ask(self, key: str, row: Format) -> tuple[str | None, bool]:
        reader = self._reader
        if reader is None:
            return None, False
        if reader.format != row.name:
            return f"{self.path} is a {reader.format} file in spite of its suffix", False
        conflict = reader.conflict(key)
        if conflict is None:
            return None, False
        return (None, True) if conflict.replaceable else (conflict.reason, False)

    def close(self) -> None:
        if self._opened and self._reader is not None:
            self._reader.close()
