"""Reading option values: what a user types, as the type the planner wants. UsageError names the option.

Each function takes the option, which writes itself into a message as its reader names it, and the value as
given: a text from the command line or a recipe, or what a Python caller wrote.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from featfuse.errors import UsageError, did_you_mean
from featfuse.methods import find_method
from featfuse.model.dtype_names import DTYPE_NAMES, dtype_hint
from featfuse.wording import Blank, worded

__all__ = [
    "TARGETS",
    "ByAxis",
    "check_choice",
    "read_dtype",
    "read_method",
    "read_number",
    "read_offset",
    "read_padding",
    "read_projections",
    "read_region",
    "read_scale",
    "read_sides",
    "read_size_or_0",
    "read_sizes",
    "read_switch",
    "read_target",
    "read_text",
    "read_weights",
]

TARGETS = ("auto", "largest", "smallest", "first", "last")

_MOST_DIGITS = 15
"""Of a size: what a double, and so every formula here, holds exactly."""


class ByAxis(dict[str, Any]):
    """A value for each of some axes, by letter. It can be hashed, and refuses to be changed."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[type, tuple[dict[str, Any]]]:
        return type(self), (dict(self),)

    def _refuse(self, *_: object, **__: object) -> None:
        raise TypeError("values by axis cannot be changed")

    __setitem__ = __delitem__ = update = clear = _refuse
    pop = popitem = setdefault = __ior__ = _refuse  # type: ignore[assignment]


def check_choice(option: str, value: str, choices: Iterable[str]) -> None:
    """UsageError with the nearest choice when `value` is none of them."""
    if value not in choices:
        raise UsageError(f"{option}: unknown choice {value!r}", hint=did_you_mean(value, choices))


def _sizes(option: str, value: object, at_least: int) -> tuple[int, ...]:
    if hasattr(value, "tolist"):  # NumPy's numbers and arrays
        value = value.tolist()
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        parts = [str(part) for part in value]
    else:
        parts = str(value).lower().replace("×", "x").split("x")
    sound = all(part.isdecimal() for part in parts)
    if sound and any(len(part) > _MOST_DIGITS for part in parts):
        raise UsageError(f"{option}: {value!r} is larger than any file", hint="Leave some digits out.")
    if not sound or any(int(part) < at_least for part in parts):
        raise UsageError(
            f"{option}: {value!r} is not a size",
            hint=f"Write whole numbers of at least {at_least} joined by x, like 3 or 3x3.",
        )
    return tuple(int(part) for part in parts)


def read_sizes(option: str, value: object) -> object:
    """`3` -> (3,), `3x4` -> (3, 4); at least 1."""
    return _sizes(option, value, at_least=1)


def read_size_or_0(option: str, value: object) -> object:
    """Like `read_sizes`; 0 is allowed."""
    return _sizes(option, value, at_least=0)


def read_grids(option: str, value: object) -> object:
    """`14x14` -> ((14, 14),), `56x56,28x28` -> ((56, 56), (28, 28)); `auto` stays a word."""
    if isinstance(value, str):
        parts: Sequence[object] = [part.strip() for part in value.split(",")]
    elif isinstance(value, Sequence) and not all(isinstance(part, int) for part in value):
        parts = value
    else:
        parts = [value]
    grids = tuple(part if part == "auto" else read_sizes(option, part) for part in parts)
    if not grids or any(grid != "auto" and len(grid) != 2 for grid in grids):  # type: ignore[arg-type]
        raise UsageError(f"{option} takes two sizes", hint="Write it like 14x14, or auto.")
    return grids


def read_counts(option: str, value: object) -> object:
    """`1` -> (1,), `1,0` -> (1, 0); at least 0."""
    if isinstance(value, str):
        value = [int(part) if part.strip().isdecimal() else part for part in value.split(",")]
    parts = list(value) if isinstance(value, Sequence) else [value]
    if not parts or any(isinstance(it, bool) or not isinstance(it, int) or it < 0 for it in parts):
        told = ",".join(map(str, parts))
        raise UsageError(
            f"{worded(str(option), told)}: must be whole numbers of at least 0",
            hint="Write it like 1 or 1,0.",
        )
    return tuple(parts)


def read_target(option: str, value: object) -> object:
    """`auto` and its kin stay words; `64x48` becomes (64, 48), `H:64` a size by axis."""
    if isinstance(value, Mapping) or (isinstance(value, str) and ":" in value):
        sizes = {letter: _sizes(option, size, 1) for letter, size in _by_axis(option, value, "H:64,W:48")}
        if any(len(size) != 1 for size in sizes.values()):
            raise UsageError(f"{option}: {value!r} is not a size per axis", hint="Write it like H:64,W:48.")
        return ByAxis({letter: size for letter, (size,) in sizes.items()})
    if isinstance(value, str) and (factor := _as_factor(value)):
        raise UsageError(
            f"{worded(str(option), value)}: a factor is no size",
            hint=f"Use {worded('scale', Blank(factor))}.",
        )
    if isinstance(value, str) and not any(letter.isdigit() for letter in value):
        check_choice(option, value, (*TARGETS, "64x48"))
        return value
    return read_sizes(option, value)


def _as_factor(text: str) -> str:
    """What `x2`, `2x`, `50%` or `1.5` means as a --scale; nothing where it is none of them."""
    number = text.strip().lower().replace("×", "x").removesuffix("%").removeprefix("x").removesuffix("x")
    try:
        factor = float(number)
    except ValueError:
        return ""
    if number == text.strip() and number.isdecimal():
        return ""
    return f"{factor / 100 if text.strip().endswith('%') else factor:g}"


def _pairs(value: object) -> list[tuple[str, object]]:
    """(letter, what stands behind its colon) of `H:3,W:1`, or of a mapping."""
    if isinstance(value, Mapping):
        return [(str(letter), it) for letter, it in value.items()]
    split = (part.strip().partition(":") for part in str(value).split(","))
    return [(letter, it) for letter, _, it in split]


def _by_axis(option: str, value: object, like: str) -> Iterator[tuple[str, object]]:
    """The same, where each letter is one, and something stands behind it."""
    for letter, it in _pairs(value):
        if len(letter) != 1 or not letter.isalpha() or it == "":
            raise UsageError(f"{option}: {value!r} is not a list by axis", hint=f"Write it like {like}.")
        yield letter.upper(), it


def read_scale(option: str, value: object) -> object:
    """`2` -> (2.0,), `1.37x2` -> (1.37, 2.0), `H:2` -> a factor by axis."""
    if isinstance(value, Mapping) or (isinstance(value, str) and ":" in value):
        return ByAxis({letter: _factor(option, it) for letter, it in _by_axis(option, value, "H:2,W:1.5")})
    if isinstance(value, str):
        return tuple(_factor(option, part) for part in value.lower().replace("×", "x").split("x"))
    return tuple(_factor(option, part) for part in (value if isinstance(value, Sequence) else (value,)))


def _factor(option: str, value: object) -> float:
    try:
        factor = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        factor = math.nan
    if not 0 < factor < math.inf:
        raise UsageError(f"{option}: {value!r} is not a factor", hint="Write it like 2, 0.5 or 1.37x2.")
    return factor


def read_region(option: str, value: object) -> object:
    """`H:0.25:0.75` -> {"H": (0.25, 0.75)}, shares of the way from the first sample to the last."""
    like = "H:0.25:0.75,W:0:1"
    region = {}
    for letter, it in _by_axis(option, value, like):
        ends = it.split(":") if isinstance(it, str) else it
        try:
            start, end = (float(part) for part in ends)  # type: ignore[attr-defined]
        except (TypeError, ValueError):
            start = end = math.nan
        if not math.isfinite(start) or not math.isfinite(end):
            raise UsageError(f"{option}: {value!r} is not a region", hint=f"Write it like {like}.")
        region[letter] = (start, end)
    return ByAxis(region)


def read_padding(option: str, value: object) -> object:
    """`same` and `valid` are Keras' words; numbers are torch's."""
    if value in ("same", "valid"):
        return value
    if isinstance(value, str) and not value[:1].isdigit():
        check_choice(option, value, ("same", "valid", "0", "1", "1x1"))
    return read_size_or_0(option, value)


def read_sides(option: str, value: object) -> object:
    """`same` stays a word; `1` -> (1,), `1x0` -> (1, 0), `1+2x0` -> ((1, 2), 0): before and after."""
    if isinstance(value, str) and value == "same":
        return value
    parts = value if isinstance(value, (tuple, list)) else str(value).lower().replace("×", "x").split("x")
    return tuple(_sides(option, part) for part in parts)


def _sides(option: str, value: object) -> int | tuple[int, int]:
    words = value if isinstance(value, (tuple, list)) else str(value).split("+")
    if len(words) > 2 or not all(str(word).strip().isdecimal() for word in words):
        raise UsageError(
            f"{option}: {value!r} is not a border",
            hint="Write it like 1, 1x0 (one for each axis), 1+2 (before and after), or same.",
        )
    sizes = [size for word in words for size in _sizes(option, str(word).strip(), at_least=0)]
    return (sizes[0], sizes[1]) if len(sizes) > 1 else sizes[0]


def read_number(option: str, value: object) -> object:
    """A float."""
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise UsageError(f"{option}: {value!r} is not a number", hint="Write it like -0.5.") from None


def read_text(option: str, value: object) -> object:
    """A text, and nothing that only looks like one."""
    if not isinstance(value, str):
        raise UsageError(f"{option}: {value!r} is not a text", hint="Several go into one text, with commas.")
    return value


def read_dtype(option: str, value: object) -> object:
    """A name; in Python also what has one, like numpy.float32 or an array's dtype, torch.float16 too."""
    name = value if isinstance(value, str) else getattr(value, "name", getattr(value, "__name__", None))
    if name is None and type(value).__name__ == "dtype":
        name = str(value).rpartition(".")[2]
    word = str(read_text(option, name if isinstance(name, str) else value))
    if word not in DTYPE_NAMES:
        raise UsageError(f"{option}: unknown dtype {word!r}", hint=dtype_hint(word))
    return word


def read_switch(option: str, value: object) -> object:
    """True or False. No text: "no" would be true."""
    if isinstance(value, str) or value not in (0, 1):
        raise UsageError(f"{option}: {value!r} is neither True nor False")
    return bool(value)


def read_weights(option: str, value: object) -> object:
    """Numbers become a tuple; anything else names an INPUT that holds them."""
    if isinstance(value, str):
        try:
            return tuple(float(part) for part in value.split(","))
        except ValueError:
            if "," in value:
                raise UsageError(
                    f"{option}: {value!r} is not a list of numbers", hint="Write one per input, like 1,0.5."
                ) from None
            return value
    if isinstance(value, (tuple, list)):
        return tuple(float(part) for part in value)
    return value


def read_offset(option: str, value: object) -> object:
    """`H:3,W:1` -> {"H": 3, "W": 1}; a mapping is taken as it is."""
    if isinstance(value, Mapping):
        value = ",".join(f"{letter}:{start}" for letter, start in value.items())
    offsets: dict[str, int] = {}
    for letter, it in _pairs(value):
        start = str(it)
        if not letter.isalpha() or not start.removeprefix("-").isdecimal():
            raise UsageError(f"{option}: {value!r} is not an offset", hint="Write it like H:3,W:1.")
        offsets[letter.upper()] = int(start)
    return ByAxis(offsets)


def read_projections(option: str, value: object) -> object:
    """`1=w.npy` (or several) -> ((1, "w.npy", None),); a bias follows a comma. In Python also {1: array}."""
    if isinstance(value, Mapping):
        pairs = ((number, it if isinstance(it, tuple) else (it, None)) for number, it in value.items())
        return tuple((int(number), kernel, bias) for number, (kernel, bias) in pairs)
    if not isinstance(value, (str, list, tuple)):
        raise UsageError(f"{option}: {value!r} is not a projection", hint="Write INPUT-NUMBER=KERNEL.")
    items = [value] if isinstance(value, str) else list(value)
    projections = []
    for item in items:
        number, equals, files = str(item).partition("=")
        if not equals or not number.strip().isdecimal() or not files:
            raise UsageError(
                f"{worded(str(option), str(item))}: not a projection",
                hint="Write INPUT-NUMBER=KERNEL or INPUT-NUMBER=KERNEL,BIAS.",
            )
        kernel, _, bias = files.partition(",")
        projections.append((int(number), kernel, bias or None))
    return tuple(projections)


def read_method(_option: str, value: object) -> object:
    """A method's name, or another word for it."""
    find_method(str(value))
    return str(value)
