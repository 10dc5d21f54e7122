"""Outputs that are inputs of the very run that writes them: what is said of them.

They come out right: an output appears whole, in place of the file, when all has been read.
"""

import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from featfuse.errors import RunError
from featfuse.formats.registry import output_format
from featfuse.io.address import Address
from featfuse.storage.byte_source import SourceState
from featfuse.storage.local import find_state
from featfuse.storage.standard_streams import STREAM
from featfuse.wording import worded

__all__ = ["Named", "check_own_inputs"]


class Named(NamedTuple):
    """A tensor of a file that a run reads: what it is there for, where it is, the file's state at first."""

    role: str
    address: Address
    state: SourceState | None


def check_own_inputs(
    named: Sequence[Named], outputs: Iterable[str], *, force: bool, dry_run: bool = False
) -> tuple[str, ...]:
    """A warning for each of `outputs` (`PATH[::KEY]`) that is one of the tensors or files that the run reads.

    Links, hard links and relative names are seen through. RunError without `force`, but for a `dry_run`.
    """
    warnings = []
    for out in outputs:
        found = _find(named, out)
        if not found:
            continue
        roles, linked, whole = _told(found), _linked_name(found, out), _is_whole_file(out)
        if not force and not dry_run:
            same = f"the same file as {roles}" if linked else f"the file of {roles}" if whole else roles
            all_of_it = " with all it holds" if whole else ""
            way = f"{worded('force', True)} replaces it{all_of_it} when the result is whole"
            raise RunError(f"{out} is {same} of this very run", hint=f"{way}; or choose another name.")
        place, rest = (f"the file of {roles}", ", and all it held") if whole else (roles, "")
        told = f"{out} replaces {place} of this very run{rest}"
        if linked:
            told = f"{out} is no longer the same file as {roles} of this very run, {linked}, which stays"
        warnings.append(told if force else f"{told}; it needs {worded('force', True)}")
    return tuple(warnings)


def _find(named: Sequence[Named], out: str) -> list[Named]:
    """What the run reads of the tensor (without a key: of the whole file) that `out` would replace."""
    path, key = Address.parse(out)
    state = None if path == STREAM else find_state(path)
    if state is None:
        return []
    row = output_format(path)

    def same(held: str | None) -> bool:
        return key is None or row is None or row.plain_key(held or "") == row.plain_key(key)

    return [it for it in named if it.state and it.state[:2] == state[:2] and same(it.address.key)]


def _told(found: Sequence[Named]) -> str:
    """`input 1`, `input 1 and --mask`."""
    roles = dict.fromkeys(it.role if it.role.startswith("input") else worded(str(it.role)) for it in found)
    return " and ".join(roles)


def _linked_name(found: Sequence[Named], out: str) -> str:
    """The name of an input that is a hard link to the output's file: it stays when that is replaced."""
    path = Address.parse(out).path
    if os.stat(path).st_nlink < 2:  # noqa: PTH116 (a Path cannot hold all strings)
        return ""
    names = [it.address.path for it in found if it.address.path != STREAM]
    here = os.path.realpath(path)
    return "" if any(os.path.realpath(name) == here for name in names) else next(iter(names), "")


def _is_whole_file(out: str) -> bool:
    """Whether more than one tensor may be replaced."""
    path, key = Address.parse(out)
    row = output_format(path)
    return key is None and row is not None and row.container
