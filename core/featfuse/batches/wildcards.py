"""Wildcards in the path of a pattern, as a shell has them: `L3/*.npy`, `runs/*/feat.h5`, `maps/**/*.npy`."""

import fnmatch
import os
import re
from collections.abc import Iterator, Sequence

__all__ = ["files_that_match", "folder_above"]

_ANY = re.compile(r"[*?[]")
_ANY_DEPTH = "**"


def folder_above(path: str) -> str:
    """The folder above the first wildcard, with a slash at its end; empty for the working directory."""
    found = _ANY.search(path)
    fixed = path[: found.start()] if found else path
    return fixed[: fixed.rfind("/") + 1]


def files_that_match(path: str) -> Iterator[str]:
    """Every file that `path` names, in order. `**` is any number of folders, but for those behind links.

    What is hidden must be named: a wildcard does not stand for the dot that a name begins with.
    """
    top = folder_above(path)
    parts = [part for part in path[len(top) :].split("/") if part]
    return iter(dict.fromkeys(_files(top, parts)))  # several `**` come to a file by several ways


def _files(folder: str, parts: Sequence[str]) -> Iterator[str]:
    part, *rest = parts
    if part == _ANY_DEPTH:
        yield from _files(folder, rest or ["*"])
    match = re.compile(fnmatch.translate("*" if part == _ANY_DEPTH else part)).match
    for entry in _entries(folder):
        if not match(entry.name) or (entry.name.startswith(".") and not part.startswith(".")):
            continue
        if part == _ANY_DEPTH:
            if entry.is_dir(follow_symlinks=False):
                yield from _files(f"{folder}{entry.name}/", parts)
        elif rest and entry.is_dir():
            yield from _files(f"{folder}{entry.name}/", rest)
        elif not rest and entry.is_file():
            yield folder + entry.name


def _entries(folder: str) -> "list[os.DirEntry[str]]":
    """What is in the folder, in order; nothing where it cannot be read."""
    try:
        with os.scandir(folder or ".") as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []
