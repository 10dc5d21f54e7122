"""Kinds of option values: how one is read, which type Python takes, and how it is spelt on a command line.

Many options share a kind: a new option seldom needs a new one.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from featfuse.request import parsing

__all__ = [
    "BORDER",
    "CHOICE",
    "COUNTS",
    "DTYPE",
    "GRIDS",
    "MASK",
    "METHOD",
    "NUMBER",
    "OFFSET",
    "PADDING",
    "PROJECTIONS",
    "REGION",
    "SCALE",
    "SIDES",
    "SIZES",
    "SOURCE",
    "SWITCH",
    "TARGET",
    "TENSOR",
    "TEXT",
    "WEIGHTS",
    "WHOLE",
    "ElementType",
    "Kind",
]

TENSOR = "<tensor>"
"""What stands for a tensor where only facts are kept: never what an option may hold."""


class _ItemSized(Protocol):
    """An element type as arrays have it, like a numpy.dtype or a torch.dtype."""

    @property
    def itemsize(self) -> int: ...


ElementType = _ItemSized | type[object]
"""An element type that is no word: `array.dtype`, `numpy.float16`, `torch.float16`."""


def _as_given(_option: str, value: object) -> object:
    return value


def _spell(_name: str, value: object) -> list[str]:
    return [str(value)]


class Kind(NamedTuple):
    """`parse(option, value)` reads a value; `keyword` is the type a Python caller gives, `word` the one that
    the command line reads (a list: the option may be repeated). `values` says in words what is taken.

    `spell(name, value)` gives the words that follow the flag, once for each time it is written. `facts` is
    there where a value may name tensors: it is the value with TENSOR for each of them.
    """

    parse: Callable[[str, object], object]
    keyword: object
    word: object = str
    values: str = ""
    spell: Callable[[str, object], list[str]] = _spell
    facts: Callable[[object], object] | None = None


def _spell_sizes(_name: str, value: object) -> list[str]:
    if isinstance(value, Mapping):
        return _spell_by_axis(_name, value)
    return ["x".join(f"{part:g}" for part in value) if isinstance(value, (tuple, list)) else str(value)]


def _spell_sides(_name: str, value: object) -> list[str]:
    if not isinstance(value, (tuple, list)):
        return [str(value)]
    return ["x".join("+".join(map(str, it)) if isinstance(it, (tuple, list)) else str(it) for it in value)]


def _spell_grids(_name: str, value: object) -> list[str]:
    """One grid, or one each."""
    several = isinstance(value, (tuple, list)) and not all(isinstance(part, int) for part in value)
    grids: Sequence[object] = value if several else [value]  # type: ignore[assignment]
    return [",".join(_spell_sizes("", grid)[0] for grid in grids)]


def _spell_counts(_name: str, value: object) -> list[str]:
    return [",".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)]


def _spell_by_axis(_name: str, value: object) -> list[str]:
    pairs = value.items() if isinstance(value, Mapping) else ()
    return [",".join(f"{letter}:{_of_axis(it)}" for letter, it in pairs) or str(value)]


def _of_axis(value: object) -> str:
    return ":".join(f"{part:g}" for part in value) if isinstance(value, tuple) else f"{value:g}"


def _spell_source(name: str, value: object) -> list[str]:
    """An array, which Python callers may give, gets a name to replace."""
    return [str(value) if isinstance(value, (str, Path)) else f"{name}.npy"]


def _spell_weights(name: str, value: object) -> list[str]:
    if isinstance(value, (tuple, list)) and value:
        return [",".join(f"{part:g}" for part in value)]
    return _spell_source(name, value)


def _spell_projections(name: str, value: object) -> list[str]:
    if isinstance(value, Mapping):
        return [f"{number}={name}{number}.npy" for number in value]
    items = [value] if isinstance(value, str) or not isinstance(value, Sequence) else value
    return [str(item) for item in items]


def _source_facts(_value: object) -> object:
    return TENSOR


def _mask_facts(value: object) -> object:
    return value if isinstance(value, str) and value == "auto" else TENSOR


def _weights_facts(value: object) -> object:
    return value if isinstance(value, tuple) else TENSOR


def _projection_facts(value: object) -> object:
    """`value` as `read_projections` gives it."""
    assert isinstance(value, tuple)
    return tuple((number, TENSOR, None if bias is None else TENSOR) for number, _, bias in value)


CHOICE = Kind(_as_given, str)
TEXT = Kind(parsing.read_text, str)
METHOD = Kind(parsing.read_method, str)
DTYPE = Kind(parsing.read_dtype, ElementType)
NUMBER = Kind(parsing.read_number, float, float, "a number")
WHOLE = Kind(_as_given, int, int, "a number")
SWITCH = Kind(parsing.read_switch, bool, bool, "yes or no")
TARGET = Kind(parsing.read_target, str | int | tuple[int, ...] | Mapping[str, int], spell=_spell_sizes)
SCALE = Kind(
    parsing.read_scale,
    str | float | tuple[float, ...] | Mapping[str, float],
    str,
    "like 2, 0.5, 1.37x2 or H:2",
    _spell_sizes,
)
REGION = Kind(
    parsing.read_region,
    str | Mapping[str, tuple[float, float]],
    str,
    "like H:0.25:0.75,W:0:1",
    _spell_by_axis,
)
GRIDS = Kind(
    parsing.read_grids, str | Sequence[object], str, "like 14x14 or 56x56,28x28, or auto", _spell_grids
)
COUNTS = Kind(parsing.read_counts, str | int | Sequence[int], str, "like 1, or 1,0", _spell_counts)
SIZES = Kind(parsing.read_sizes, str | int | tuple[int, ...], str, "like 2 or 2x2", _spell_sizes)
BORDER = Kind(parsing.read_size_or_0, str | int | tuple[int, ...], str, "like 1 or 1x1", _spell_sizes)
PADDING = BORDER._replace(parse=parsing.read_padding, values="like 1 or 1x1, or same, valid (Keras)")
SIDES = Kind(
    parsing.read_sides,
    str | int | tuple[int | tuple[int, int], ...],
    str,
    "like 1, 1x0 or 1+2, or same (Keras, TF)",
    _spell_sides,
)
OFFSET = Kind(parsing.read_offset, str | Mapping[str, int], str, "like H:3,W:1", _spell_by_axis)
SOURCE = Kind(_as_given, object, str, "an INPUT", _spell_source, _source_facts)
MASK = SOURCE._replace(values="an INPUT, or auto", facts=_mask_facts)
WEIGHTS = Kind(parsing.read_weights, object, str, "like 1,0.5, or an INPUT", _spell_weights, _weights_facts)
PROJECTIONS = Kind(
    parsing.read_projections,
    str | Sequence[str] | Mapping[int, object],
    list[str],
    "like 1=KERNEL or 1=KERNEL,BIAS",
    _spell_projections,
    _projection_facts,
)
