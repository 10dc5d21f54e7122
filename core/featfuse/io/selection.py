"""The tensors of an open file that a key stands for."""

import difflib
import fnmatch
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from featfuse.errors import InputError, meant
from featfuse.formats.headers import natural_key
from featfuse.formats.interface import NoTensor, Reader
from featfuse.model.tensor import TensorSpec
from featfuse.text import aligned, shorten

__all__ = ["Found", "SeveralTensors", "is_glob", "list_all", "listing", "select"]

_LISTED = 20  # tensors an error shows before it says how many more there are
_LONGEST_KEY = 120
_LONGEST_TYPED = 1000  # characters of keys that may be a slip of the finger for one another


class SeveralTensors(InputError):
    """A file without a key holds several tensors, `specs` by key, and one must be chosen."""

    def __init__(self, reader: Reader, specs: Mapping[str, TensorSpec]) -> None:
        first = shorten(min(specs, key=natural_key), _LONGEST_KEY)
        super().__init__(
            f"{reader.path} holds {len(specs)} tensors:",
            details=listing(specs),
            hint=f"Say which one: '{reader.path}::{first}' (a glob such as '*' takes all that match).",
        )
        self.path, self.specs = reader.path, specs


class Found(NamedTuple):
    """Something in a file: a tensor, perhaps one that no glob takes, or what is none, and why."""

    key: str
    spec: TensorSpec | None
    refusal: NoTensor | None = None
    aside: bool = False


def list_all(reader: Reader, key: str | None) -> tuple[list[Found], int | None]:
    """All in `reader` that `key` stands for (None: everything), in natural order, readable or not, and how
    many things the file holds (None when only one was looked for).

    Raises InputError, with the keys and their shapes, when a key stands for nothing.
    """
    if key is not None:
        found = _find(reader, key)
        if found is not None:
            return [found], None
    specs, aside, refusals = reader.specs(), reader.aside(), reader.refusals()
    everything = sorted({**specs, **aside, **refusals}, key=natural_key)
    keys = everything if key is None else _matches(key, everything)
    if key is not None and not keys:
        raise _missing(reader, key)
    rows = [Found(it, specs.get(it) or aside.get(it), refusals.get(it), it in aside) for it in keys]
    return rows, len(everything)


def _find(reader: Reader, key: str) -> Found | None:
    """What is called exactly `key`."""
    try:
        spec = reader.find(key)
    except InputError:
        refusal = reader.refusals().get(key.strip("/"))
        if refusal is None:
            raise
        return Found(key, None, refusal)
    return None if spec is None else Found(key, spec)


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
    matches = _matches(key, sorted(specs, key=natural_key))
    if not matches:
        raise _missing(reader, key)
    return [specs[match] for match in matches]


def _matches(key: str, keys: list[str]) -> list[str]:
    """Those of `keys` that a glob takes."""
    return fnmatch.filter(keys, key.strip("/")) if is_glob(key) and keys != [""] else []


def _missing(reader: Reader, key: str) -> InputError:
    specs = reader.specs()
    if "" in specs or "" in reader.refusals():
        return InputError(
            f"{reader.path} holds one bare tensor, which has no key", hint=f"Write {reader.path} alone."
        )
    if not specs:
        return InputError(f"{reader.path} has no tensor {key!r}: it holds no numeric tensor")
    return InputError(
        f"{reader.path} has no tensor {shorten(key, _LONGEST_KEY)!r}:",
        details=listing(specs),
        hint=_nearest(key, specs),
    )


def _only(reader: Reader) -> TensorSpec:
    specs = reader.specs()
    if len(specs) == 1:
        return next(iter(specs.values()))
    if not specs:
        why = next(iter(reader.refusals().values()), None)
        if why is None:
            raise InputError(f"{reader.path} holds no numeric tensor")
        if "" in reader.refusals():  # a bare array
            raise why
        raise InputError(f"{reader.path} holds no numeric tensor; {why.message}", hint=why.hint)
    raise SeveralTensors(reader, specs)


def is_glob(key: str) -> bool:
    """Whether a key or a path stands for all that match."""
    return any(letter in key for letter in "*?[")


def listing(specs: Mapping[str, TensorSpec], most: int = _LISTED, more: str = "more") -> list[str]:
    """A line for each of the first tensors, and how many more there are."""
    keys = sorted(specs, key=natural_key)
    cells = [(shorten(it, _LONGEST_KEY), f"{specs[it].shape} {specs[it].dtype.name}") for it in keys[:most]]
    lines = [f"  {line.rstrip()}" for line in aligned(cells)]
    left = len(keys) - len(lines)
    return [*lines, *([f"  ... and {left} {more}"] if left else [])]


def _nearest(key: str, keys: Iterable[str]) -> str:
    """The key that was probably meant: the same name elsewhere in the tree, or a similar spelling."""
    if len(key) > _LONGEST_TYPED:
        return ""
    known = [other for other in keys if len(other) <= _LONGEST_TYPED]
    last = [other for other in known if other.rsplit("/", 1)[-1] == key.rsplit("/", 1)[-1]]
    near = last or difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    return meant(near[:1])
