"""Branches: each input on its way to the common grid, step by step, with what the report says of it."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from featfuse.errors import ShapeError, UsageError
from featfuse.model.axis import Reduce
from featfuse.model.dtypes import compute_dtype, is_float, weighted_dtype
from featfuse.model.layout import SPATIAL, Reading
from featfuse.model.tensor import TensorSpec
from featfuse.planning.parameters import Weights, bias_vector, mixing_matrix
from featfuse.planning.reconcile import Chain, Member, chains_for, is_weighted
from featfuse.request.options import Options
from featfuse.steps.base import Step
from featfuse.steps.mix import ChannelMix, Normalize
from featfuse.steps.remap import Remap
from featfuse.steps.source import Source

__all__ = ["Branch", "as_branch", "normalize", "project", "reconcile", "resized", "start"]

DType = np.dtype[Any]


class Branch(NamedTuple):
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


def resized(branch: Branch, sizes: Mapping[str, int]) -> Member:
    """The member with some sizes changed."""
    member = branch.member
    shape = tuple(sizes.get(letter, size) for letter, size in member.sizes.items())
    return Member(member.spec._replace(shape=shape), member.reading)


def project(branch: Branch, kernel: Weights, bias: Weights | None, layout: str) -> Branch:
    """The input through a 1x1 convolution: the lateral convolution of an FPN."""
    channels = branch.member.sizes.get("C")
    if channels is None:
        raise ShapeError(f"{branch.member.spec.name}: --project needs a channel axis")
    matrix = mixing_matrix(kernel, channels, None, branch.member.spec.name)
    out_channels = len(matrix)
    step = ChannelMix(branch.step, layout.index("C"), matrix, bias_vector(bias, out_channels))
    return branch._replace(
        member=resized(branch, {"C": out_channels}),
        step=step,
        dtype=weighted_dtype(branch.dtype),
        actions=branch.acted("C", f"conv1x1 → {out_channels}"),
    )


def reconcile(
    branch: Branch, layout: str, target: Mapping[str, int], options: Options, *, alone: bool = False
) -> Branch:
    """The input brought to `target` by AxisMaps; what is there already stays as it is."""
    member = branch.member
    chains = chains_for(member, layout.replace("S", ""), target, options, alone=alone)
    if layout.startswith("S"):
        chains = ((), *chains)
    dtype = weighted_dtype(branch.dtype) if is_weighted(options) else branch.dtype
    if not any(chains):
        return branch._replace(dtype=dtype, chains=chains)
    letters = sorted(member.reading.layout, key="C".__eq__)  # channels last: new ones have no border
    order = [layout.index(letter) for letter in letters]
    order += [axis for axis in range(len(layout)) if axis not in order]
    working = _working_dtype(branch.step.dtype, chains, weighted=is_weighted(options))
    _check_fill(chains, member.spec.name, working)
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
    return branch._replace(step=step, dtype=dtype, actions=actions, moved=moved, chains=chains)


def _working_dtype(dtype: DType, chains: Sequence[Chain], *, weighted: bool) -> DType:
    """The type the maps are applied in: one to compute in where there are weights.

    Short floats are compared in float32 too: NumPy compares them one by one, through casts of its own.
    """
    steps = list(itertools.chain.from_iterable(chains))
    compares = is_float(dtype) and any(step.reduce is Reduce.MAX for step in steps)
    computes = any(step.weighted or (weighted and step.fill) for step in steps)
    return compute_dtype(dtype) if computes or compares else dtype


def _check_fill(chains: Sequence[Chain], name: str, dtype: DType) -> None:
    """A pad value must be one that the type padding is done in can hold."""
    for step in itertools.chain.from_iterable(chains):
        if step.fill is None or step.fill.kind not in ("constant", "linear_ramp"):
            continue
        value = step.fill.value
        if is_float(dtype):
            with np.errstate(over="ignore"):
                fits = not np.isfinite(value) or bool(np.isfinite(np.asarray(value).astype(dtype)))
            way_out = "Choose a smaller one, or bring the input to a wider type before."
        else:
            low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
            fits = bool(np.isfinite(value)) and value == int(value) and low <= value <= high
            way_out = f"Choose a whole number from {low} to {high}."
        if not fits:
            raise UsageError(
                f"--pad-value {value:g} does not fit {name}, which is padded as {dtype.name}", hint=way_out
            )


def normalize(branch: Branch, layout: str) -> Branch:
    """The channel vectors scaled to length one."""
    if "C" not in branch.member.sizes:
        raise ShapeError(
            f"{branch.member.spec.name}: --normalize l2 needs a channel axis, the layout is "
            f"{branch.member.reading.layout}",
            hint="Name the channel axis with --layout.",
        )
    return branch._replace(
        step=Normalize(branch.step, layout.index("C")),
        dtype=weighted_dtype(branch.dtype),
        actions=branch.acted("C", "l2"),
    )
