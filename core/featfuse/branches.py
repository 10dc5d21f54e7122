"""Branches: each input on its way to the common grid, step by step, with what the report says of it."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from featfuse.dtypes import compute_dtype, is_float, weighted_dtype
from featfuse.errors import ShapeError, UsageError
from featfuse.extras import Side
from featfuse.layout import SPATIAL, Reading
from featfuse.options import Options
from featfuse.reconcile import Chain, Member, chains_for, is_weighted, per_axis
from featfuse.steps.base import Step
from featfuse.steps.mask import Inside, MaskValues
from featfuse.steps.mix import ChannelMix, Normalize
from featfuse.steps.remap import Remap
from featfuse.steps.source import Source
from featfuse.steps.transposed import Geometry, TransposedConvolution
from featfuse.tensor import TensorSpec
from featfuse.weights import Weights, bias_vector, mixing_matrix, transposed_kernel

__all__ = ["Branch", "as_branch", "convolve", "mask_step", "normalize", "project", "reconcile", "start"]

DType = np.dtype[Any]


@dataclass(frozen=True, slots=True)
class Branch:
    """`step` computes what `member` describes; `dtype` is the type it counts as when combined.

    `actions` says, by axis letter, what has been done. `moved` tells that the grid was changed, and
    `chains` by which maps.
    """

    member: Member
    step: Step
    dtype: DType
    actions: Mapping[str, tuple[str, ...]]
    moved: bool = False
    chains: tuple[Chain, ...] = ()

    def acted(self, letter: str, action: str) -> Mapping[str, tuple[str, ...]]:
        """The actions with one more."""
        return {**self.actions, letter: (*self.actions.get(letter, ()), action)}


def start(index: int, spec: TensorSpec, reading: Reading, layout: str) -> Branch:
    """Input `index` as it is read."""
    return Branch(Member(spec, reading), Source(index, spec, reading.layout, layout), spec.dtype, {})


def as_branch(name: str, step: Step, dtype: DType, layout: str) -> Branch:
    """A result so far, as an input of the next fusion."""
    kept = layout.replace("S", "")
    return Branch(Member(TensorSpec(name, step.shape, dtype), Reading(kept, "")), step, dtype, {})


def _resized(branch: Branch, sizes: Mapping[str, int]) -> Member:
    """The member with some sizes changed."""
    member = branch.member
    shape = tuple(sizes.get(letter, size) for letter, size in member.sizes.items())
    return Member(replace(member.spec, shape=shape), member.reading)


def project(branch: Branch, kernel: Weights, bias: Weights | None, layout: str) -> Branch:
    """The input through a 1x1 convolution: the lateral convolution of an FPN."""
    channels = branch.member.sizes.get("C")
    if channels is None:
        raise ShapeError(f"{branch.member.spec.name}: --project needs a channel axis")
    matrix = mixing_matrix(kernel, channels, None, branch.member.spec.name)
    out_channels = len(matrix)
    step = ChannelMix(branch.step, layout.index("C"), matrix, bias_vector(bias, out_channels))
    return replace(
        branch,
        member=_resized(branch, {"C": out_channels}),
        step=step,
        dtype=weighted_dtype(branch.dtype),
        actions=branch.acted("C", f"conv1x1 → {out_channels}"),
    )


def convolve(
    branch: Branch,
    kernel: Weights,
    bias: Weights | None,
    layout: str,
    options: Options,
    target: Mapping[str, int],
) -> Branch:
    """The input through a learned transposed convolution; its grid must come out as `target`.

    An axis that `target` lacks takes whatever size the geometry gives.
    """
    member = branch.member
    space = [letter for letter in layout if letter in SPATIAL and letter in member.grid]
    channels = member.sizes.get("C")
    if channels is None:
        raise ShapeError(f"{member.spec.name}: --kernel needs a channel axis")
    groups = options.groups or 1
    weights = transposed_kernel(kernel, channels, groups, len(space), options.kernel_layout, member.spec.name)
    geometry, reached = {}, {}
    for place, letter in enumerate(space):
        along = _geometry(member.grid[letter], weights.shape[2 + place], place, space, options)
        wanted = target.get(letter, along.out_size)
        if along.out_size != wanted:
            raise _missed(member, letter, along, wanted, options)
        geometry[layout.index(letter)], reached[letter] = along, along.out_size
    out_channels = weights.shape[1] * groups
    step = TransposedConvolution(
        branch.step, layout.index("C"), geometry, weights, bias_vector(bias, out_channels), groups
    )
    actions = branch.actions
    for letter in space:
        scale = reached[letter] / member.grid[letter]
        actions = replace(branch, actions=actions).acted(letter, f"×{scale:.4g} transposed-conv")
    if out_channels != channels:
        actions = replace(branch, actions=actions).acted("C", f"transposed-conv → {out_channels}")
    return replace(
        branch,
        member=_resized(branch, {"C": out_channels, **reached}),
        step=step,
        dtype=weighted_dtype(branch.dtype),
        actions=actions,
        moved=True,
    )


def _geometry(in_size: int, taps: int, place: int, space: Sequence[str], options: Options) -> Geometry:
    """DESIGN 4.2: torch and ONNX by numbers, Keras by `same` and `valid`."""
    stride = per_axis("--stride", options.stride, place, space) or 1
    dilation = per_axis("--dilation", options.dilation, place, space) or 1
    reach = dilation * (taps - 1) + 1
    if options.padding == "same":
        left = min(-(-(stride + reach - 2) // 2), reach - 1)
        return Geometry(in_size, in_size * stride, taps, stride, dilation, reach - 1 - left)
    if options.padding == "valid":
        return Geometry(in_size, in_size * stride + max(reach - stride, 0), taps, stride, dilation, 0)
    assert not isinstance(options.padding, str)
    padding = per_axis("--padding", options.padding, place, space) or 0
    extra = per_axis("--output-padding", options.output_padding, place, space) or 0
    if extra >= max(stride, dilation):
        raise UsageError(
            f"--output-padding {extra} must be smaller than --stride {stride} or --dilation {dilation}"
        )
    out_size = (in_size - 1) * stride - 2 * padding + reach + extra
    if out_size < 1:
        raise ShapeError(
            f"axis {space[place]}: the transposed convolution of {in_size} samples leaves {out_size}",
            hint="Choose a smaller --padding.",
        )
    return Geometry(in_size, out_size, taps, stride, dilation, padding)


def _missed(member: Member, letter: str, along: Geometry, wanted: int, options: Options) -> ShapeError:
    """The geometry misses the target: say by how much, and what would reach it."""
    space = list(member.grid)
    given = options.output_padding
    extra = 0 if given is None else given[0] if len(given) == 1 else given[space.index(letter)]
    needed = wanted - along.out_size + extra
    hint = "Choose another --stride or --padding, or --method bilinear, which reaches any size."
    if 0 <= needed < max(along.stride, along.dilation) and not isinstance(options.padding, str):
        hint = f"--output-padding {needed} reaches {wanted}; so does --method bilinear."
    return ShapeError(
        f"{member.spec.name}: axis {letter}: the transposed convolution of {along.in_size} gives "
        f"{along.out_size}, the target is {wanted}",
        hint=hint,
    )


def reconcile(
    branch: Branch, layout: str, target: Mapping[str, int], options: Options, *, alone: bool = False
) -> Branch:
    """The input brought to `target` by AxisMaps; what is there already stays as it is."""
    member = branch.member
    chains = chains_for(member, layout.replace("S", ""), target, options, alone=alone)
    if layout.startswith("S"):
        chains = ((), *chains)
    _check_fill(chains, member.spec)
    dtype = weighted_dtype(branch.dtype) if is_weighted(options) else branch.dtype
    if not any(chains):
        return replace(branch, dtype=dtype, chains=chains)
    order = [layout.index(letter) for letter in member.reading.layout]
    order += [axis for axis in range(len(layout)) if axis not in order]
    computing = any(step.weighted for chain in chains for step in chain)
    working = compute_dtype(branch.step.dtype) if computing else branch.step.dtype
    actions = dict(branch.actions)
    for letter, chain in zip(layout, chains, strict=True):
        if chain:
            actions[letter] = (*actions.get(letter, ()), *(step.action for step in chain))
    moved = branch.moved or any(
        chain
        for letter, chain in zip(layout, chains, strict=True)
        if letter in SPATIAL and letter in member.grid
    )
    step = Remap(branch.step, chains, working, order)
    return replace(branch, step=step, dtype=dtype, actions=actions, moved=moved, chains=chains)


def _check_fill(chains: Sequence[Chain], spec: TensorSpec) -> None:
    """A pad value must be one that the tensor's type can hold."""
    for step in itertools.chain.from_iterable(chains):
        if step.fill is None or is_float(spec.dtype) or spec.dtype.kind == "b":
            continue
        info, value = np.iinfo(spec.dtype), step.fill.value
        if not np.isfinite(value) or value != int(value) or not info.min <= value <= info.max:
            raise UsageError(
                f"--pad-value {value:g} does not fit {spec.name}, which is {spec.dtype.name}",
                hint=f"Choose a whole number from {info.min} to {info.max}.",
            )


def normalize(branch: Branch, layout: str) -> Branch:
    """The channel vectors scaled to length one."""
    if "C" not in branch.member.sizes:
        raise ShapeError(
            f"{branch.member.spec.name}: --normalize l2 needs a channel axis, the layout is "
            f"{branch.member.reading.layout}",
            hint="Name the channel axis with --layout.",
        )
    return replace(
        branch,
        step=Normalize(branch.step, layout.index("C")),
        dtype=weighted_dtype(branch.dtype),
        actions=branch.acted("C", "l2"),
    )


def mask_step(
    mask: Side | None, branch: Branch, layout: str, target: Mapping[str, int], options: Options
) -> tuple[Step, str]:
    """The factors for one branch, and the mask's layout: from --mask INPUT, or where `branch` has data."""
    invert = bool(options.mask_invert)
    if mask is None:
        inside = Inside(branch.step.shape, _data_box(branch))
        return MaskValues(inside, branch.step.dtype, invert=invert), ""
    reading = Reading(_mask_layout(mask.spec, layout.replace("S", "")), "")
    member = Member(mask.spec, reading)
    for letter, size in member.sizes.items():
        if letter not in SPATIAL and size not in (1, target[letter]):
            raise ShapeError(
                f"--mask {mask.spec.name}: axis {letter}: {size} does not broadcast to {target[letter]} "
                f"(read as {reading.layout}, shape {mask.spec.shape})",
                hint="A mask has one channel, or as many as the result.",
            )
    by_nearest = Options(method="nearest")
    goal = {
        letter: size if letter in SPATIAL else member.sizes.get(letter, 1) for letter, size in target.items()
    }
    goal |= {letter: 1 for letter in target if letter not in member.sizes}
    source = start(mask.index, mask.spec, reading, layout)
    brought = reconcile(source, layout, goal, by_nearest)
    return MaskValues(brought.step, branch.step.dtype, invert=invert), reading.layout


def _mask_layout(spec: TensorSpec, layout: str) -> str:
    """The file's own word; HW for two axes; else the output's layout without batch, then channels."""
    rank = len(spec.shape)
    if spec.layout is not None and len(spec.layout) == rank and set(spec.layout) <= set(layout):
        return spec.layout
    space = "".join(letter for letter in layout if letter in SPATIAL)
    for candidate in (layout, layout.replace("N", ""), space, layout.replace("C", "")):
        if len(candidate) == rank:
            return candidate
    raise ShapeError(
        f"--mask {spec.name}: shape {spec.shape} has {rank} axes, which fits no part of the layout {layout}",
        hint=f"A mask has the axes {space}, or all of {layout}.",
    )


def _data_box(branch: Branch) -> list[tuple[int, int]]:
    """Where in the padded result the input's own samples lie, per axis."""
    box = []
    chains = branch.chains or ((),) * len(branch.step.shape)
    for size, chain in zip(branch.step.shape, chains, strict=True):
        padded = [step for step in chain if step.inner is not None]
        box.append(padded[-1].inner if padded and padded[-1].inner else (0, size))
    return box
