"""How tests draw maps: every method, over sizes and over every value of every option it reads."""

import math
from collections.abc import Callable
from typing import Any

from featfuse import CHANNEL_MODES, CONVENTIONS, METHODS
from featfuse.methods import INTERPOLATIONS
from featfuse.methods.channels import channel_map
from featfuse.methods.conventions import COORDS, EDGES, NEAREST_ROUNDINGS
from featfuse.methods.pooling import pooled_size
from featfuse.methods.settings import AxisSettings
from featfuse.model.axis import AxisMap
from featfuse.request.defaults import conventions_of
from featfuse.request.table import PAD_MODES
from hypothesis import assume
from hypothesis import strategies as st

Draw = Callable[[Any], Any]

Settings = Callable[..., AxisSettings]

MAPPED = tuple(row.name for row in METHODS.values() if not row.shuffles)
"""The methods that are a map of one axis at a time."""

OPTION_VALUES: dict[str, tuple[object, ...]] = {
    "convention": tuple(CONVENTIONS),
    "scale": (None, 0.4, 1.37, 2.0),
    "roi": (None, (0.0, 1.0), (-0.5, 0.7), (0.9, 0.2)),
    "extrapolation_value": (0.0, -3.0),
    "coords": (None, *COORDS),
    "antialias": (None, True, False),
    "edge": (None, *EDGES),
    "cubic_a": (None, -0.5, -0.75, -1.0),
    "nearest_rounding": (None, *NEAREST_ROUNDINGS),
    "pad_mode": PAD_MODES,
    "pad_value": (0.0, 1.5, -2.0),
    "anchor": ("center", "start", "end"),
    "odd": ("floor", "ceil", "round", "monai"),
    "offset": (None, 0, 1, 3),
    "interpolation": INTERPOLATIONS,
    "pool_size": (None, 1, 2, 3, 5),
    "pool_stride": (None, 1, 2, 3),
    "pool_padding": (0, 1, 2, (0, 1), (2, 1), "same"),
    "pool_dilation": (1, 2, 3),
    "ceil_mode": (False, True),
    "count_include_pad": (None, True, False),
}
"""Every option a method may list, with the values worth trying. A new option needs a line here."""

BUILDER_OPTIONS = set(AxisSettings._fields)
"""What the builders of maps are told. Learned kernels are no maps, and so is what belongs to them."""

FEASIBLE: dict[str, Callable[[int, int], int]] = {
    # method: (in_size, any size from 1 to 40) -> a size the method can reach
    "strict": lambda in_size, size: size if in_size == 1 else in_size,
    "stride": lambda in_size, size: math.ceil(in_size / size),
    "transposed-conv": lambda in_size, size: in_size * (1 + size % 5),
    "crop": min,
    "pad": lambda in_size, size: in_size + size,
}
"""The methods that do not reach every size from every other."""


def draw_chain(
    draw: Draw, method: str, axis_settings: Settings, most: int = 24
) -> tuple[tuple[AxisMap, ...], dict[str, Any]]:
    """Maps of `method` for drawn sizes (up to `most`) and options, and the options."""
    row = METHODS[method]
    options = {
        name: draw(st.sampled_from(OPTION_VALUES[name] if name != "convention" else conventions_of(row)))
        for name in row.options
        if name in BUILDER_OPTIONS
    }
    in_size, size = draw(st.integers(1, most)), draw(st.integers(1, most))
    out_size = FEASIBLE.get(method, lambda _in_size, any_size: any_size)(in_size, size)
    if options.get("pool_size") is not None:
        out_size = pooled_size(in_size, axis_settings(method, in_size, 1, options))
        assume(out_size > 0 and _holds_samples(in_size, out_size, options))
    if options.get("scale") is not None:
        out_size = math.floor(in_size * options["scale"])
        assume(out_size > 0)
    if options.get("offset") is not None:
        options["offset"] = min(options["offset"], abs(in_size - out_size))
    return row.build()(in_size, out_size, axis_settings(method, in_size, out_size, options)), options


def _holds_samples(in_size: int, out_size: int, options: dict[str, Any]) -> bool:
    """Whether each window has a sample."""
    padding, size, dilation = options["pool_padding"], options["pool_size"], options["pool_dilation"]
    stride = options["pool_stride"] or size
    before = padding[0] if isinstance(padding, tuple) else padding
    if padding == "same":
        before = max((out_size - 1) * stride + (size - 1) * dilation + 1 - in_size, 0) // 2
    taps = [[place * stride - before + tap * dilation for tap in range(size)] for place in range(out_size)]
    return all(any(0 <= at < in_size for at in window) for window in taps)


# ----------------------------------------------------------------- each strategy is really taken


def build(
    name: str, in_size: int, out_size: int, options: dict[str, Any], axis_settings: Settings
) -> AxisMap:
    """The one map of a method, or of a way to treat channels."""
    if name in CHANNEL_MODES:
        return channel_map(in_size, out_size, name, "input 1")
    (axis_map,) = METHODS[name].build()(in_size, out_size, axis_settings(name, in_size, out_size, options))
    return axis_map
