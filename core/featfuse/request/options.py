"""The options of one fusion as a value, made from what a user gave by the rules of OPTIONS.

None means "not given": the default comes from the method and the convention, and only what was given
can be refused as not used. This module needs no NumPy.
"""

import math
from collections.abc import Mapping, Sequence
from operator import is_
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypedDict

from featfuse.errors import UsageError, did_you_mean
from featfuse.request.kinds import WHOLE, ElementType
from featfuse.request.option import Option
from featfuse.request.parsing import check_choice
from featfuse.request.table import OPTIONS
from featfuse.request.usage import check_used
from featfuse.wording import Named, worded

__all__ = ["FusionOptions", "Options"]


_Interpolation = Literal[
    "nearest", "nearest-exact", "bilinear", "bicubic", "lanczos3", "lanczos5", "mitchell", "gaussian", "area"
]
_Pool = Literal["avg-pool", "max-pool", "lp-pool", "stride"]
_OtherMethod = Literal[
    "strict", "transposed-conv", "pixel-shuffle", "pixel-unshuffle", "crop", "pad", "crop-or-pad", "letterbox"
]
_MethodAlias = Literal["linear", "trilinear", "cubic"]
_Coords = Literal["half-pixel", "align-corners", "asymmetric", "pytorch-half-pixel", "half-pixel-symmetric"]
_Combine = Literal["add", "sub", "mul", "mean", "max", "min", "fast-normalized", "softmax", "concat", "stack"]
_PadMode = Literal["constant", "edge", "reflect", "symmetric", "wrap", "linear_ramp"]
_PadStatistic = Literal["maximum", "mean", "median", "minimum"]
_PadAlias = Literal["replicate", "circular"]
_Float = Literal["float16", "bfloat16", "float32", "float64", "float8_e4m3fn", "float8_e5m2"]
_Whole = Literal["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]


class FusionOptions(TypedDict, total=False):
    """Keyword arguments of the Python verbs; the same names and defaults as the command line.

    The rows of OPTIONS and their words once more, for type checkers, in the order in which records name them.
    """

    method: _Interpolation | _Pool | _OtherMethod | _MethodAlias
    to: str | int | tuple[int, ...] | Mapping[str, int]
    like: object
    scale: str | float | tuple[float, ...] | Mapping[str, float]
    recompute_scale_factor: bool
    keep_aspect: Literal["stretch", "not-larger", "not-smaller"]
    roi: str | Mapping[str, tuple[float, float]]
    extrapolation_value: float
    layout: str
    out_layout: str
    combine: _Combine
    weights: object
    channels: Literal["strict", "tile", "repeat", "zero-pad", "truncate", "mean"]
    convention: Literal["torch", "tf", "onnx", "opencv", "pillow", "jax"]
    coords: _Coords
    antialias: bool
    cubic_a: float
    edge: Literal["clamp", "renormalize"]
    nearest_rounding: Literal["floor", "ceil", "prefer-floor", "prefer-ceil"]
    pad_mode: _PadMode | _PadStatistic | _PadAlias
    pad_value: float
    anchor: Literal["center", "start", "end"]
    odd: Literal["floor", "ceil", "round", "monai"]
    offset: str | Mapping[str, int]
    interpolation: _Interpolation | _MethodAlias
    pool_size: str | int | tuple[int, ...]
    pool_stride: str | int | tuple[int, ...]
    pool_padding: str | int | tuple[int | tuple[int, int], ...]
    pool_dilation: str | int | tuple[int, ...]
    ceil_mode: bool
    count_include_pad: bool
    p: float
    stride: str | int | tuple[int, ...]
    padding: str | int | tuple[int, ...]
    output_padding: str | int | tuple[int, ...]
    dilation: str | int | tuple[int, ...]
    groups: int
    mask: object
    mask_invert: bool
    mask_mode: Literal["multiply", "blend"]
    mask_scale: float
    reduce: Literal["conv1x1", "gap", "mean", "max", "sum", "pca"]
    kernel: object
    bias: object
    kernel_layout: str
    out_channels: int
    seed: int
    keepdims: bool
    project: str | Sequence[str] | Mapping[int, object]
    normalize: Literal["none", "l2"]
    grid: str | Sequence[object]
    skip_tokens: str | int | Sequence[int]
    fold: Literal["coarse-to-fine"]
    dtype: _Float | _Whole | ElementType
    on_overflow: Literal["error", "saturate"]


_ROWS = tuple(OPTIONS[name] for name in dict.fromkeys((*FusionOptions.__annotations__, *OPTIONS)))
_NOTHING_GIVEN = {row.name: row.default if row.always else None for row in _ROWS}
_SOURCES = {row.name: row.kind.facts for row in _ROWS if row.kind.facts is not None}


class Options:
    """How to fuse: an attribute for each row of OPTIONS, None where nothing was given. Immutable.

    `resolve` has checked every value; the planner fills in the defaults.
    """

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def __init__(self, **values: object) -> None:
        own = self.__dict__
        own.update(_NOTHING_GIVEN)
        own.update(values)
        if len(own) > len(_NOTHING_GIVEN):
            raise TypeError(f"no option is called {list(own)[-1]!r}")

    @classmethod
    def resolve(cls, given: FusionOptions) -> "Options":
        """Parse and check what the user gave; UsageError names the option and the way out."""
        for name in given:
            if name not in OPTIONS:
                raise UsageError(f"unknown option {name!r}", hint=did_you_mean(name, _NOTHING_GIVEN))
        values: dict[str, object] = {name: value for name, value in given.items() if value is not None}
        rows = [row for name, row in OPTIONS.items() if name in values]
        for row in rows:
            value = row.kind.parse(Named(row.name), values[row.name])
            values[row.name] = value if row.as_typed else row.aliased(value)
        for row in rows:
            if row.choices:
                check_choice(worded(row.name), str(row.aliased(values[row.name])), row.chosen_from)
        for row in rows:
            _check_range(row, values[row.name])
        options = cls(**values)
        check_used(options, values)
        return options

    @property
    def facts(self) -> "Options":
        """The same with a mark for each tensor that is named or held: what a plan may be kept by."""
        named = {name: getattr(self, name) for name in _SOURCES}
        hidden = {name: _SOURCES[name](value) for name, value in named.items() if value is not None}
        return self._replace(**hidden) if hidden else self

    def _replace(self, **changes: object) -> "Options":
        return type(self)(**self.__dict__ | changes)

    def _asdict(self) -> dict[str, object]:
        """All options by name, in the order in which records name them."""
        return dict(self.__dict__)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"options cannot be changed: {name}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"options cannot be changed: {name}")

    def __eq__(self, other: object) -> bool:
        """Equal values; tensors that are held, not named, must be the same objects."""
        if not isinstance(other, Options):
            return NotImplemented
        ours, others = self.__dict__.values(), other.__dict__.values()
        if all(map(is_, ours, others)):  # as between the items of a batch
            return True
        return all(mine is its or _alike(mine, its) for mine, its in zip(ours, others, strict=True))

    def __hash__(self) -> int:
        """Where a tensor cannot be hashed, none of them counts."""
        try:
            return hash(tuple(self.__dict__.values()))
        except TypeError:
            return hash(tuple(value for name, value in self.__dict__.items() if name not in _SOURCES))

    def __repr__(self) -> str:
        given = (f"{name}={value!r}" for name, value in self.__dict__.items() if value is not None)
        return f"Options({', '.join(given)})"


def _alike(mine: object, theirs: object) -> bool:
    """Equal plain values. Of arrays == tells no single answer, so two of them are never alike."""
    if isinstance(mine, tuple) and isinstance(theirs, tuple):
        return len(mine) == len(theirs) and all(
            a is b or _alike(a, b) for a, b in zip(mine, theirs, strict=True)
        )
    return type(mine) is type(theirs) and not hasattr(mine, "__array__") and bool(mine == theirs)


def _check_range(row: Option, value: object) -> None:
    if row.kind is WHOLE and (not isinstance(value, int) or value < (row.least or 0)):
        least = row.least or 0
        raise UsageError(
            f"{worded(row.name, value)}: must be a whole number of at least {least}",
            hint=f"Write it like {worded(row.name, least + 1)}.",
        )
    numbers = value if isinstance(value, tuple) else (value,)
    if row.finite and any(isinstance(it, float) and not math.isfinite(it) for it in numbers):
        raise UsageError(f"{worded(row.name)}: must be finite numbers", hint="Leave NaN and inf out.")
    if row.above is not None and isinstance(value, (int, float)) and value <= row.above:
        raise UsageError(
            f"{worded(row.name, value)}: must be above {row.above:g}",
            hint=f"Write it like {worded(row.name, row.above + 2)}.",
        )
