"""Every option of a fusion, by the name it has on the command line (underscores for dashes).

None means "not given": the default comes from the method and the convention, and only what was given
can be refused as not used. This module needs no NumPy.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, TypedDict

from featfuse.errors import UsageError, did_you_mean
from featfuse.methods import INTERPOLATIONS, METHODS
from featfuse.methods.conventions import CONVENTIONS, COORDS, EDGES, NEAREST_ROUNDINGS
from featfuse.request.combining import CHANNEL_MODES, COMBINES, REDUCES
from featfuse.request.parsing import PAD_MODE_ALIASES, PARSERS, TARGETS, check_choice, flag

__all__ = [
    "CHOICES",
    "METHOD_OPTIONS",
    "PAD_MODES",
    "PAD_MODE_ALIASES",
    "REDUCE_OPTIONS",
    "TARGETS",
    "FusionOptions",
    "Options",
    "flag",
    "idle_options",
    "resizing_name",
]

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


class FusionOptions(TypedDict, total=False):
    """Keyword arguments of the Python verbs; the same names and defaults as the command line."""

    method: str
    to: str | tuple[int, ...]
    like: object
    layout: str
    combine: str
    weights: object
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
    offset: str | Mapping[str, int]
    interpolation: str
    pool_size: str | int | tuple[int, ...]
    pool_stride: str | int | tuple[int, ...]
    pool_padding: str | int | tuple[int, ...]
    ceil_mode: bool
    count_include_pad: bool
    stride: str | int | tuple[int, ...]
    padding: str | int | tuple[int, ...]
    output_padding: str | int | tuple[int, ...]
    dilation: str | int | tuple[int, ...]
    groups: int
    mask: object
    mask_invert: bool
    mask_mode: str
    reduce: str
    kernel: object
    bias: object
    kernel_layout: str
    out_channels: int
    seed: int
    keepdims: bool
    project: str | Sequence[str] | Mapping[int, object]
    normalize: str
    grid: str | tuple[int, ...]
    skip_tokens: int
    fold: str
    dtype: object
    on_overflow: str


class Options(NamedTuple):
    """How to fuse. `resolve` has checked every choice; the planner fills in the defaults."""

    method: str = "strict"
    to: str | tuple[int, ...] = "auto"
    like: object = None
    layout: str | None = None
    combine: str = "add"
    weights: object = None
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
    stride: tuple[int, ...] | None = None
    padding: str | tuple[int, ...] | None = None
    output_padding: tuple[int, ...] | None = None
    dilation: tuple[int, ...] | None = None
    groups: int | None = None
    mask: object = None
    mask_invert: bool | None = None
    mask_mode: str | None = None
    reduce: str | None = None
    kernel: object = None
    bias: object = None
    kernel_layout: str | None = None
    out_channels: int | None = None
    seed: int | None = None
    keepdims: bool | None = None
    project: tuple[tuple[int, object, object], ...] = ()
    normalize: str = "none"
    grid: tuple[int, ...] | None = None
    skip_tokens: int | None = None
    fold: str | None = None
    dtype: str | None = None
    on_overflow: str = "error"

    @property
    def facts(self) -> "Options":
        """The same without the tensors that options name, and hashable: what a plan depends on."""
        sources = {name: True for name in SOURCES if _is_given(getattr(self, name))}
        pairs = {"offset": tuple(self.offset.items())} if self.offset is not None else {}
        return self._replace(**sources, **pairs)  # type: ignore[arg-type]

    @classmethod
    def resolve(cls, given: FusionOptions) -> "Options":
        """Parse and check what the user gave; UsageError names the option and the way out."""
        known = cls._fields
        for name in given:
            if name not in known:
                raise UsageError(f"unknown option {name!r}", hint=did_you_mean(name, known))
        values: dict[str, object] = {name: value for name, value in given.items() if value is not None}
        for name, parse in PARSERS.items():
            if name in values:
                values[name] = parse(flag(name), values[name])
        for name, choices in CHOICES.items():
            if name in values:
                check_choice(flag(name), str(values[name]), choices)
        options = cls(**values)  # type: ignore[arg-type]
        _check_ranges(options)
        _check_used(options, values)
        return options


SOURCES = ("like", "mask", "weights", "kernel", "bias", "project")
"""The options that name tensors."""


def _is_given(value: object) -> bool:
    return value is not None and not (isinstance(value, tuple) and not value)


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
        "mask_mode": ("multiply", "blend"),
        "reduce": tuple(REDUCES),
        "normalize": ("none", "l2"),
        "fold": ("coarse-to-fine",),
        "on_overflow": ("error", "saturate"),
    }
)
"""The options that take one word out of a few. Checks, completion and the documentation read this."""

METHOD_OPTIONS = frozenset(name for row in METHODS.values() for name in row.options)
REDUCE_OPTIONS = frozenset(name for row in REDUCES.values() for name in row.options)
"""The options that belong to methods and reductions: one that nothing chosen lists is refused."""

_COMPANIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "mask": ("mask_invert", "mask_mode"),
        "grid": ("skip_tokens",),
    }
)
"""Options that mean something only beside another one."""


def _check_ranges(options: Options) -> None:
    for name, least in (("groups", 1), ("out_channels", 1), ("skip_tokens", 0), ("seed", 0)):
        value = getattr(options, name)
        if value is not None and (not isinstance(value, int) or value < least):
            raise UsageError(
                f"{flag(name)} {value}: must be a whole number of at least {least}",
                hint=f"Write it like {flag(name)} {least + 1}.",
            )
    numbers = options.weights if isinstance(options.weights, tuple) else ()
    for name, given in (("cubic_a", (options.cubic_a,)), ("weights", numbers)):
        if any(value is not None and not math.isfinite(value) for value in given):
            raise UsageError(f"{flag(name)}: must be finite numbers", hint="Leave NaN and inf out.")


def _check_used(options: Options, given: Iterable[str]) -> None:
    """An option that nothing reads is an error, never ignored."""
    method = METHODS[options.method]
    reduction = REDUCES[options.reduce].options if options.reduce else ()
    for name in given:
        belongs = name in METHOD_OPTIONS or name in REDUCE_OPTIONS
        if belongs and name not in method.options and name not in reduction:
            raise _unused(name, options)
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
    for leader, companions in _COMPANIONS.items():
        for name in companions:
            if name in given and leader not in given:
                raise UsageError(
                    f"{flag(name)} needs {flag(leader)}", hint=f"Give both, or leave {flag(name)} out."
                )
    for name in given:
        if name in idle_options(options):
            raise _idle(name, options)
    _check_learned(options, given)


def _unused(name: str, options: Options) -> UsageError:
    users = [f"--method {row.name}" for row in METHODS.values() if name in row.options]
    users += [f"--reduce {row.name}" for row in REDUCES.values() if name in row.options]
    chosen = f"--method {options.method}" + (f" or --reduce {options.reduce}" if options.reduce else "")
    return UsageError(
        f"{flag(name)} is not used by {chosen}",
        hint=f"It belongs to: {', '.join(users)}. Leave it out, or choose one of these.",
    )


def _idle(name: str, options: Options) -> UsageError:
    """The error for an option that the method knows, but would not read."""
    if name == "pad_value":
        return UsageError(
            f"--pad-value is not used by --pad-mode {options.pad_mode}",
            hint="It belongs to: constant, linear_ramp.",
        )
    if name == "odd":
        return UsageError(
            f"--odd is not used by --anchor {options.anchor}", hint="It belongs to --anchor center."
        )
    if name in _RESIZING:
        return UsageError(
            f"{flag(name)} is not used by --interpolation {resizing_name(options)}",
            hint="Leave it out, or choose another interpolation.",
        )
    leader = "--pool-size" if name.startswith(("pool", "ceil", "count")) else "--kernel"
    return UsageError(f"{flag(name)} needs {leader}", hint=f"Give both, or leave {flag(name)} out.")


def resizing_name(options: Options) -> str:
    """The method that resizes: --interpolation's, for a letterbox."""
    return (options.interpolation or "bilinear") if options.method == "letterbox" else options.method


def idle_options(options: Options) -> frozenset[str]:
    """Options that the method lists but does not read, given the others."""
    row = METHODS[options.method]
    idle: set[str] = set()
    if options.pool_size is None:
        idle |= {"pool_stride", "pool_padding", "ceil_mode", "count_include_pad"}
    if options.kernel is None:
        idle |= {*_GEOMETRY} if options.reduce == "conv1x1" else {*_GEOMETRY, "kernel_layout", "bias"}
    if row.name == "letterbox":
        idle |= {*_RESIZING} - set(METHODS[resizing_name(options)].options)
    if (options.pad_mode or "constant") not in ("constant", "linear_ramp"):
        idle.add("pad_value")
    if (options.anchor or "center") != "center":
        idle.add("odd")
    return frozenset(idle & set(row.options))


_RESIZING = ("convention", "coords", "antialias", "edge", "cubic_a", "nearest_rounding")

_GEOMETRY = ("stride", "padding", "output_padding", "dilation", "groups")


def _check_learned(options: Options, given: Iterable[str]) -> None:
    """Options of learned kernels, which two places can read."""
    transposed = options.method == "transposed-conv"
    if transposed and options.reduce == "conv1x1" and options.kernel is not None:
        raise UsageError(
            "--kernel would belong to both --method transposed-conv and --reduce conv1x1",
            hint="Do it in two commands, the second with - as its input.",
        )
    if isinstance(options.padding, str) and options.output_padding is not None:
        raise UsageError(
            f"--output-padding is not used by --padding {options.padding}", hint="Keras' geometry has none."
        )
    if options.reduce == "conv1x1":
        if (options.kernel is None) == (options.out_channels is None):
            raise UsageError(
                "--reduce conv1x1 needs either --kernel or --out-channels",
                hint="Give trained weights with --kernel, or --out-channels N for an untrained kernel.",
            )
        for name in ("seed",) if options.kernel is not None else ("bias", "kernel_layout"):
            if name in given:
                raise UsageError(
                    f"{flag(name)} does not go with "
                    + ("--kernel" if options.kernel is not None else "an untrained kernel")
                )
    if options.reduce == "pca" and options.out_channels is None:
        raise UsageError("--reduce pca needs --out-channels", hint="Say how many components to keep.")
