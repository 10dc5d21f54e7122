"""The tensors of an open file that a key stands for."""

import difflib
import fnmatch
from collections.abc import Iterable, Mapping

from featfuse.errors import InputError, meant
from featfuse.formats.headers import natural_key
from featfuse.formats.interface import Reader
from featfuse.model.tensor import TensorSpec

__all__ = ["is_glob", "select"]

_LISTED = 20  # tensors an error shows before it says how many more there are


def select(reader: Reader, key: str | None) -> list[TensorSpec]:
    """The tensors of `reader` that `key` stands for, at least one.

    None is the file's only tensor; an exact key wins over a glob; a glob is all that match, in natural
    order (layer2 before layer10). Raises InputError listing the keys with their shapes otherwise.
    """
    if key is None:
        return [_only(reader)]
    found = reader.find(key)
    if found is not None:
        return [found]
    specs = reader.specs()
    if "" in specs:
        raise InputError(
            f"{reader.path} holds one bare tensor, which has no key", hint=f"Write {reader.path} alone."
        )
    matches = sorted(fnmatch.filter(specs, key.strip("/")), key=natural_key) if is_glob(key) else []
    if not matches:
        if not specs:
            raise InputError(f"{reader.path} has no tensor {key!r}: it holds no numeric tensor")
        raise InputError(
            f"{reader.path} has no tensor {key!r}:", details=_listing(specs), hint=_nearest(key, specs)
        )
    return [specs[match] for match in matches]


def _only(reader: Reader) -> TensorSpec:
    specs = reader.specs()
    if len(specs) == 1:
        return next(iter(specs.values()))
    if not specs:
        why = reader.refusal()
        if why is None:
            raise InputError(f"{reader.path} holds no numeric tensor")
        raise InputError(f"{reader.path} holds no numeric tensor; {why.message}", hint=why.hint)
    first = min(specs, key=natural_key)
    raise InputError(
        f"{reader.path} holds {len(specs)} tensors:",
        details=_listing(specs),
        hint=f"Say which one: '{reader.path}::{first}' (a glob such as '*' takes all that match).",
    )


def is_glob(key: str) -> bool:
    """Whether a key or a path stands for all that match."""
    return any(letter in key for letter in "*?[")


def _listing(specs: Mapping[str, TensorSpec]) -> list[str]:
    """A line per tensor."""
    keys = sorted(specs, key=natural_key)
    width = max(len(key) for key in keys[:_LISTED])
    lines = [f"  {key:<{width}}  {specs[key].shape} {specs[key].dtype.name}" for key in keys[:_LISTED]]
    more = len(keys) - len(lines)
    return [*lines, *([f"  ... and {more} more"] if more else [])]


def _nearest(key: str, keys: Iterable[str]) -> str:
    """The key that was probably meant: the same name elsewhere in the tree, or a similar spelling."""
    known = list(keys)
    last = [other for other in known if other.rsplit("/", 1)[-1] == key.rsplit("/", 1)[-1]]
    near = last or difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    return meant(near[:1])
