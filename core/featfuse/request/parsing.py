"""Reading option values: what a user types, as the type the planner wants. UsageError names the option."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from featfuse.errors import UsageError, did_you_mean
from featfuse.methods import find_method

__all__ = ["PAD_MODE_ALIASES", "PARSERS", "TARGETS", "check_choice", "flag"]

TARGETS = ("auto", "largest", "smallest", "first", "last")
PAD_MODE_ALIASES = MappingProxyType({"replicate": "edge", "circular": "wrap"})

_MOST_DIGITS = 15
"""Of a size: what a double, and so every formula here, holds exactly."""


def flag(name: str) -> str:
    """The command-line spelling of an option."""
    return "--" + name.replace("_", "-")


def check_choice(option: str, value: str, choices: Iterable[str]) -> None:
    """UsageError with the nearest choice when `value` is none of them."""
    if value not in choices:
        raise UsageError(f"{option}: unknown choice {value!r}", hint=did_you_mean(value, choices))


def _sizes(option: str, value: object, at_least: int) -> tuple[int, ...]:
    if isinstance(value, (tuple, list)):
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


def _positive(option: str, value: object) -> object:
    return _sizes(option, value, at_least=1)


def _not_negative(option: str, value: object) -> object:
    return _sizes(option, value, at_least=0)


def _target(option: str, value: object) -> object:
    """`auto` and its kin stay words; `64x48` becomes (64, 48)."""
    if isinstance(value, str) and not any(letter.isdigit() for letter in value):
        check_choice(option, value, (*TARGETS, "64x48"))
        return value
    return _positive(option, value)


def _padding(option: str, value: object) -> object:
    """`same` and `valid` are Keras' words; numbers are torch's."""
    if value in ("same", "valid"):
        return value
    if isinstance(value, str) and not value[:1].isdigit():
        check_choice(option, value, ("same", "valid", "0", "1", "1x1"))
    return _not_negative(option, value)


def _number(option: str, value: object) -> object:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise UsageError(f"{option}: {value!r} is not a number", hint="Write it like -0.5.") from None


def _word(option: str, value: object) -> object:
    if not isinstance(value, str):
        raise UsageError(f"{option}: {value!r} is not a text", hint="Several go into one text, with commas.")
    return value


def _dtype(option: str, value: object) -> object:
    """A name; in Python also what has one, like numpy.float32 or an array's dtype."""
    name = value if isinstance(value, str) else getattr(value, "name", getattr(value, "__name__", None))
    return _word(option, name if isinstance(name, str) else value)


def _switch(option: str, value: object) -> object:
    """True or False. No text: "no" would be true."""
    if isinstance(value, str) or value not in (0, 1):
        raise UsageError(f"{option}: {value!r} is neither True nor False")
    return bool(value)


def _weights(_option: str, value: object) -> object:
    """Numbers become a tuple; anything else names an INPUT that holds them."""
    if isinstance(value, str):
        try:
            return tuple(float(part) for part in value.split(","))
        except ValueError:
            if "," in value:
                raise UsageError(
                    f"{_option}: {value!r} is not a list of numbers", hint="Write one per input, like 1,0.5."
                ) from None
            return value
    if isinstance(value, (tuple, list)):
        return tuple(float(part) for part in value)
    return value


def _offset(option: str, value: object) -> object:
    """`H:3,W:1` -> {"H": 3, "W": 1}; a mapping is taken as it is."""
    if isinstance(value, Mapping):
        value = ",".join(f"{letter}:{start}" for letter, start in value.items())
    offsets: dict[str, int] = {}
    for part in str(value).split(","):
        letter, _, start = part.strip().partition(":")
        if not letter.isalpha() or not start.removeprefix("-").isdecimal():
            raise UsageError(f"{option}: {value!r} is not an offset", hint="Write it like H:3,W:1.")
        offsets[letter.upper()] = int(start)
    return offsets


def _project(option: str, value: object) -> object:
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
                f"{option} {item}: not a projection",
                hint="Write INPUT-NUMBER=KERNEL or INPUT-NUMBER=KERNEL,BIAS.",
            )
        kernel, _, bias = files.partition(",")
        projections.append((int(number), kernel, bias or None))
    return tuple(projections)


def _method(_option: str, value: object) -> object:
    return find_method(str(value)).name


def _pad_mode(_option: str, value: object) -> object:
    return PAD_MODE_ALIASES.get(str(value), value)


PARSERS: Mapping[str, Callable[[str, object], object]] = MappingProxyType(
    {
        "layout": _word,
        "dtype": _dtype,
        "kernel_layout": _word,
        "cubic_a": _number,
        "pad_value": _number,
        "method": _method,
        "interpolation": _method,
        "pad_mode": _pad_mode,
        "to": _target,
        "weights": _weights,
        "offset": _offset,
        "pool_size": _positive,
        "pool_stride": _positive,
        "pool_padding": _not_negative,
        "stride": _positive,
        "padding": _padding,
        "output_padding": _not_negative,
        "dilation": _positive,
        "grid": _positive,
        "project": _project,
        "antialias": _switch,
        "ceil_mode": _switch,
        "count_include_pad": _switch,
        "mask_invert": _switch,
        "keepdims": _switch,
    }
)
"""The options whose values are more than a word, a number or a path."""
