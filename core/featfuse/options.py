"""Every option of a fusion, by the name it has on the command line (underscores for dashes).

None means "not given": the default comes from the method and the convention, and only what was given
can be refused as not used. This module needs no NumPy.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import TypedDict

from featfuse.combine import CHANNEL_MODES, COMBINES
from featfuse.errors import UsageError, did_you_mean
from featfuse.methods import INTERPOLATIONS, METHODS, find_method
from featfuse.methods.conventions import CONVENTIONS, COORDS, EDGES, NEAREST_ROUNDINGS

__all__ = ["CHOICES", "PAD_MODES", "PAD_MODE_ALIASES", "TARGETS", "FusionOptions", "Options", "flag"]

PAD_MODES = (
    "constant",
    "edge",
    "reflect",
    "symmetric",
    "wrap",
    "linear_ramp",
    "maximum",
    "mean",
    "median",
    "minimum",
)
PAD_MODE_ALIASES = MappingProxyType({"replicate": "edge", "circular": "wrap"})
TARGETS = ("auto", "largest", "smallest", "first", "last")


class FusionOptions(TypedDict, total=False):
    """Keyword arguments of the Python verbs; the same names and defaults as the command line."""

    method: str
    to: str | tuple[int, ...]
    like: object
    layout: str
    combine: str
    weights: str | tuple[float, ...]
    channels: str
    convention: str
    coords: str
    antialias: bool
    cubic_a: float
    edge: str
    nearest_rounding: str
    pad_mode: str
    pad_value: float
    anchor: str
    odd: str
    offset: str
    interpolation: str
    pool_size: str | int
    pool_stride: str | int
    pool_padding: str | int
    ceil_mode: bool
    count_include_pad: bool
    dtype: str
    on_overflow: str


@dataclass(frozen=True, slots=True)
class Options:
    """How to fuse. `resolve` has checked every choice; the planner fills in the defaults."""

    method: str = "strict"
    to: str | tuple[int, ...] = "auto"
    like: object = None
    layout: str | None = None
    combine: str = "add"
    weights: tuple[float, ...] | None = None
    channels: str = "strict"
    convention: str | None = None
    coords: str | None = None
    antialias: bool | None = None
    cubic_a: float | None = None
    edge: str | None = None
    nearest_rounding: str | None = None
    pad_mode: str | None = None
    pad_value: float | None = None
    anchor: str | None = None
    odd: str | None = None
    offset: Mapping[str, int] | None = None
    interpolation: str | None = None
    pool_size: tuple[int, ...] | None = None
    pool_stride: tuple[int, ...] | None = None
    pool_padding: tuple[int, ...] | None = None
    ceil_mode: bool | None = None
    count_include_pad: bool | None = None
    dtype: str | None = None
    on_overflow: str = "error"

    @classmethod
    def resolve(cls, given: FusionOptions) -> "Options":
        """Parse and check what the user gave; UsageError names the option and the way out."""
        known = {field.name for field in fields(cls)}
        for name in given:
            if name not in known:
                raise UsageError(f"unknown option {name!r}", hint=did_you_mean(name, known))
        values: dict[str, object] = {name: value for name, value in given.items() if value is not None}
        for name, parse in _PARSERS.items():
            if name in values:
                values[name] = parse(flag(name), values[name])
        for name, choices in CHOICES.items():
            if name in values and not isinstance(values[name], tuple):
                _check_choice(flag(name), str(values[name]), choices)
        options = cls(**values)  # type: ignore[arg-type]
        _check_used(options, values)
        return options


def flag(name: str) -> str:
    """The command-line spelling of an option."""
    return "--" + name.replace("_", "-")


def _check_choice(option: str, value: str, choices: Iterable[str]) -> None:
    if value not in choices:
        raise UsageError(f"{option}: unknown choice {value!r}", hint=did_you_mean(value, choices))


def _parse_target(option: str, value: object) -> object:
    """`auto` and its kin stay words; `64x48` becomes (64, 48)."""
    text = str(value)
    if isinstance(value, str) and not text[:1].isdigit():
        _check_choice(option, text, TARGETS)
        return text
    return _sizes(option, value, at_least=1)


def _sizes(option: str, value: object, at_least: int) -> tuple[int, ...]:
    if isinstance(value, (tuple, list)):
        parts = [str(part) for part in value]
    else:
        parts = str(value).lower().replace("×", "x").split("x")
    if not all(part.isdigit() for part in parts) or any(int(part) < at_least for part in parts):
        raise UsageError(
            f"{option}: {value!r} is not a size",
            hint=f"Write whole numbers of at least {at_least} joined by x, like 3 or 3x3.",
        )
    return tuple(int(part) for part in parts)


def _parse_positive(option: str, value: object) -> object:
    return _sizes(option, value, at_least=1)


def _parse_padding(option: str, value: object) -> object:
    return _sizes(option, value, at_least=0)


def _parse_weights(option: str, value: object) -> object:
    parts = value.split(",") if isinstance(value, str) else value
    try:
        return tuple(float(part) for part in parts)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        raise UsageError(
            f"{option}: {value!r} is not a list of numbers", hint="Write one number per input, like 1,0.5."
        ) from None


def _parse_offset(option: str, value: object) -> object:
    """`H:3,W:1` -> {"H": 3, "W": 1}; a mapping is taken as it is."""
    if isinstance(value, Mapping):
        return {str(letter).upper(): int(start) for letter, start in value.items()}
    offsets: dict[str, int] = {}
    for part in str(value).split(","):
        letter, _, start = part.strip().partition(":")
        if not letter.isalpha() or not start.lstrip("-").isdigit():
            raise UsageError(f"{option}: {value!r} is not an offset", hint="Write it like H:3,W:1.")
        offsets[letter.upper()] = int(start)
    return offsets


def _parse_method(_option: str, value: object) -> object:
    return find_method(str(value)).name


def _parse_pad_mode(_option: str, value: object) -> object:
    return PAD_MODE_ALIASES.get(str(value), value)


_PARSERS = {
    "method": _parse_method,
    "interpolation": _parse_method,
    "pad_mode": _parse_pad_mode,
    "to": _parse_target,
    "weights": _parse_weights,
    "offset": _parse_offset,
    "pool_size": _parse_positive,
    "pool_stride": _parse_positive,
    "pool_padding": _parse_padding,
}

CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "method": tuple(METHODS),
        "combine": tuple(COMBINES),
        "channels": tuple(CHANNEL_MODES),
        "convention": tuple(CONVENTIONS),
        "coords": COORDS,
        "edge": EDGES,
        "nearest_rounding": NEAREST_ROUNDINGS,
        "pad_mode": PAD_MODES,
        "anchor": ("center", "start", "end"),
        "odd": ("floor", "ceil", "round", "monai"),
        "interpolation": INTERPOLATIONS,
        "on_overflow": ("error", "saturate"),
    }
)
"""The options that take one word out of a few. Checks, completion and the documentation read this."""

METHOD_OPTIONS = frozenset(name for row in METHODS.values() for name in row.options)
"""The options that belong to methods: one that the chosen method does not list is refused."""


def _check_used(options: Options, given: Iterable[str]) -> None:
    """An option that nothing reads is an error, never ignored."""
    method = METHODS[options.method]
    for name in given:
        if name in METHOD_OPTIONS and name not in method.options:
            users = ", ".join(row.name for row in METHODS.values() if name in row.options)
            raise UsageError(
                f"{flag(name)} is not used by --method {method.name}",
                hint=f"It belongs to: {users}. Leave it out, or choose one of these methods.",
            )
    if "to" in given and "like" in given:
        raise UsageError("--to and --like exclude each other", hint="Give the target grid once.")
    if method.name == "strict" and ("to" in given or "like" in given):
        name = "to" if "to" in given else "like"
        raise UsageError(
            f"{flag(name)} needs a --method: strict changes nothing",
            hint="Choose how sizes are reconciled, for example --method bilinear.",
        )
    if options.weights is not None and not COMBINES[options.combine].weights:
        users = ", ".join(row.name for row in COMBINES.values() if row.weights)
        raise UsageError(
            f"--weights is not used by --combine {options.combine}", hint=f"It belongs to: {users}."
        )
    if options.pool_size is None:
        for name in ("pool_stride", "pool_padding", "ceil_mode", "count_include_pad"):
            if name in given:
                raise UsageError(
                    f"{flag(name)} needs --pool-size",
                    hint="Without it the windows are adaptive: they hit the target exactly.",
                )
    if options.pad_value is not None and (options.pad_mode or "constant") not in ("constant", "linear_ramp"):
        raise UsageError(
            f"--pad-value is not used by --pad-mode {options.pad_mode}",
            hint="It belongs to: constant, linear_ramp.",
        )
