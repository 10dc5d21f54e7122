"""Joining: branches on one grid become one tensor, and a reduction may follow."""

from collections.abc import Mapping, Sequence
from typing import Any, assert_never

import numpy as np

from featfuse.errors import ShapeError, UsageError
from featfuse.model.constant import Constant
from featfuse.model.dtypes import DTYPES, common_dtype, is_float, weighted_dtype
from featfuse.model.layout import SPATIAL, Layout, Origin, OriginKind, Reading
from featfuse.planning.branches import constant_bias, reconcile, start
from featfuse.planning.build import Header
from featfuse.planning.extras import Extras
from featfuse.planning.masking import NEAREST, nearest_goal
from featfuse.planning.parameters import mixing_matrix
from featfuse.planning.plan import (
    Branch,
    Combination,
    Components,
    Elementwise,
    Join,
    Member,
    Mix,
    Pool,
    Reduction,
    Single,
    Untrained,
    Weighted,
)
from featfuse.request.combining import COMBINES, REDUCES
from featfuse.request.options import Options
from featfuse.wording import worded

__all__ = ["combination", "effective_combine", "reduced_header", "reduction"]

DType = np.dtype[Any]

MOST_WEIGHTS = 1 << 28
"""Numbers of the largest kernel that is made up."""


def effective_combine(options: Options) -> str:
    """A grouped reduction of a concatenation is the elementwise combine of the same inputs."""
    name: str = options.combine
    grouped = REDUCES[options.reduce].grouped if options.reduce else ""
    if grouped and COMBINES[name].joins != "C":
        raise UsageError(
            f"{worded('reduce', options.reduce)} needs {worded('combine', 'concat')}, not {name}",
            hint=f"It takes the place of the concatenation; or use {worded('combine', grouped)}.",
        )
    return grouped or name


def combination(
    branches: Sequence[Branch],
    layout: Layout,
    target: Mapping[str, int],
    options: Options,
    extras: Extras,
    *,
    wide: bool = False,
) -> Combination:
    """How the branches become one tensor. `wide` keeps integers in 64 bits, for a result that is combined
    again."""
    name = options.combine
    row = COMBINES[name]
    common = _roomy(common_dtype([branch.dtype for branch in branches]), options)
    weighing = extras.numbers is not None or extras.weight_maps is not None
    if row.joins:
        return Join(name, common, row.joins)
    if len(branches) == 1 and not weighing and not row.normalized:
        return Single(common)
    if row.weighted or weighing:
        common = weighted_dtype(common)
    elif common.kind == "b" and row.counts:
        common = DTYPES["uint8"]  # True + True is 2, not True
    if not weighing and not row.normalized:
        return Elementwise(name, common, _final_type(common, options, wide=wide))
    if extras.weight_maps is None:
        return Weighted(name, common, extras.numbers or (1.0,) * len(branches), None)
    return Weighted(name, common, None, _weight_maps(len(branches), layout, target, extras))


def _roomy(common: DType, options: Options) -> DType:
    """Integers that are joined or compared are brought to a wide --dtype first, not past a narrower one."""
    wanted = DTYPES[options.dtype] if options.dtype else None
    moves = COMBINES[options.combine].moves
    if wanted is None or not moves or is_float(common) or wanted.itemsize < 8:
        return common
    return wanted


def _final_type(common: DType, options: Options, *, wide: bool) -> DType:
    """What sums and products of integers must fit: the output's type, if nothing else follows."""
    if wide and not is_float(common):
        return DTYPES["uint64" if common == DTYPES["uint64"] else "int64"]
    if options.reduce is not None and not REDUCES[options.reduce].grouped:
        return weighted_dtype(common)
    return DTYPES[options.dtype] if options.dtype else common


def _weight_maps(count: int, layout: Layout, target: Mapping[str, int], extras: Extras) -> Branch:
    """Weights per position, a channel per input, on the target grid."""
    maps = extras.weight_maps
    assert maps is not None
    plain, told = layout.letters, worded("weights", maps.spec.name)
    if "C" not in plain:
        raise ShapeError(f"{told}: weights per position need a channel axis in {plain}")
    letters = _map_layout(maps.spec.shape, maps.spec.layout, plain, maps.spec.name)
    reading = Reading(letters, Origin(OriginKind.INFERRED))
    member = Member(maps.spec, reading)
    for letter, size in member.sizes.items():
        if letter not in SPATIAL and letter != "C" and size not in (1, target[letter]):
            raise ShapeError(
                f"{told}: axis {letter}: {size} does not broadcast to {target[letter]} "
                f"(read as {reading.layout}, shape {maps.spec.shape})",
                hint="Weights per position have one channel per input and the result's other axes.",
            )
    if member.sizes["C"] != count:
        raise ShapeError(
            f"{told}: {member.sizes['C']} channels for {count} inputs "
            f"(read as {reading.layout}, shape {maps.spec.shape})",
            hint="Weights per position have one channel per input.",
        )
    return reconcile(start(maps.place, maps.spec, reading), layout, nearest_goal(member, target), NEAREST)


def _map_layout(shape: tuple[int, ...], own: str | None, layout: str, name: str) -> str:
    if own is not None and len(own) == len(shape) and "C" in own and set(own) <= set(layout):
        return own
    for candidate in (layout, layout.replace("N", "")):
        if len(candidate) == len(shape):
            return candidate
    raise ShapeError(
        f"{worded('weights', name)}: shape {shape} fits neither a list of numbers nor the layout {layout}",
        hint=f"Give one number per input, or a {layout} tensor with one channel per input.",
    )


def reduction(before: Header, layout: Layout, options: Options, extras: Extras) -> Reduction | None:
    """What --reduce makes of the combined tensor, whose blocks are `before`."""
    name = options.reduce
    if name is None or REDUCES[name].grouped:
        return None
    if name == "gap":
        return _pool(before, layout, options)
    if "C" not in layout.letters:
        raise ShapeError(f"{worded('reduce', name)} needs a channel axis, the layout is {layout.axes}")
    channels = before.shape[layout.place("C")]
    return _components(before, channels, options) if name == "pca" else _mix(channels, options, extras)


def _pool(before: Header, layout: Layout, options: Options) -> Pool:
    if not layout.space:
        raise ShapeError(f"{worded('reduce', 'gap')} needs a spatial axis, the layout is {layout.axes}")
    if 0 in before.shape:
        raise ShapeError(
            f"{worded('reduce', 'gap')}: the combined inputs are empty: {before.shape}",
            hint="No mean of nothing.",
        )
    return Pool(layout.space, options.keepdims is not False)


def _components(before: Header, channels: int, options: Options) -> Components:
    if 0 in before.shape:
        raise ShapeError(
            f"{worded('reduce', 'pca')}: the combined inputs are empty: {before.shape}",
            hint="There is nothing to fit.",
        )
    assert options.out_channels is not None
    if options.out_channels > channels:
        raise ShapeError(
            f"{worded('reduce', 'pca')}: {options.out_channels} components of {channels} channels",
            hint=f"{worded('out_channels')} may be 1 to {channels}.",
        )
    return Components(channels, options.out_channels)


def _mix(channels: int, options: Options, extras: Extras) -> Mix:
    if extras.kernel is not None:
        matrix = mixing_matrix(extras.kernel, channels, options.kernel_layout, "the combined inputs")
        return Mix(Constant(matrix), constant_bias(extras.bias, len(matrix)), channels, len(matrix))
    assert options.out_channels is not None
    if options.out_channels * channels > MOST_WEIGHTS:
        raise ShapeError(
            f"{worded('out_channels', options.out_channels)}: a kernel from {channels} channels is too large",
            hint="Choose fewer.",
        )
    weights = Untrained(options.out_channels, channels, options.seed or 0)
    return Mix(weights, constant_bias(extras.bias, options.out_channels), channels, options.out_channels)


def reduced_header(before: Header, layout: Layout, following: Reduction | None, dtype: DType) -> Header:
    """Shape and element type of the result; `dtype` is the type that the combined tensor counts as."""
    match following:
        case None:
            return Header(before.shape, dtype)
        case Mix() | Components():
            place = layout.place("C")
            shape = (*before.shape[:place], following.out_channels, *before.shape[place + 1 :])
        case Pool(axes, keepdims):
            sizes = zip(layout.axes, before.shape, strict=True)
            shape = tuple(1 if axis in axes else size for axis, size in sizes if keepdims or axis not in axes)
        case _:
            assert_never(following)
    return Header(shape, weighted_dtype(dtype))
