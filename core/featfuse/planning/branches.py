"""Branches: each input on its way to the common grid, operation by operation."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from featfuse.errors import ShapeError, UsageError
from featfuse.methods import METHODS
from featfuse.model.axis import TapReduction
from featfuse.model.constant import Constant
from featfuse.model.dtypes import compute_dtype, is_float, weighted_dtype
from featfuse.model.layout import SPATIAL, Layout, Origin, OriginKind, Reading
from featfuse.model.tensor import TensorSpec
from featfuse.planning.build import branch_header
from featfuse.planning.extras import Projection
from featfuse.planning.parameters import bias_vector, mixing_matrix
from featfuse.planning.plan import (
    Branch,
    Chain,
    Fusion,
    Member,
    Mix,
    Normalize,
    Operation,
    Power,
    Read,
    Remap,
)
from featfuse.planning.reconcile import NO_FACTORS, chains_for, is_weighted
from featfuse.request.defaults import EXPONENT, convention_of
from featfuse.request.options import Options
from featfuse.wording import phrase, worded

__all__ = ["as_branch", "constant_bias", "grown", "normalize", "project", "reconcile", "resized", "start"]

DType = np.dtype[Any]


def start(place: int, spec: TensorSpec, reading: Reading) -> Branch:
    """Open tensor number `place` as it is read."""
    member = Member(spec, reading)
    return Branch(Read(place, member), (), member, spec.dtype)


def as_branch(fusion: Fusion, name: str, shape: tuple[int, ...], layout: Layout) -> Branch:
    """A result so far, as an input of the next fusion."""
    reading = Reading(layout.letters, Origin(OriginKind.INFERRED))
    return Branch(fusion, (), Member(TensorSpec(name, shape, fusion.dtype), reading), fusion.dtype)


def grown(branch: Branch, operation: Operation, **changes: Any) -> Branch:
    """The branch with one more operation."""
    return branch._replace(operations=(*branch.operations, operation), **changes)


def resized(branch: Branch, sizes: Mapping[str, int]) -> Member:
    """The member with some sizes changed."""
    member = branch.member
    shape = tuple(sizes.get(letter, size) for letter, size in member.sizes.items())
    return Member(member.spec._replace(shape=shape), member.reading)


def project(branch: Branch, projection: Projection) -> Branch:
    """The input through a 1x1 convolution: the lateral convolution of an FPN."""
    channels = branch.member.sizes.get("C")
    if channels is None:
        raise ShapeError(f"{branch.member.spec.name}: {worded('project')} needs a channel axis")
    matrix = mixing_matrix(projection.kernel, channels, None, branch.member.spec.name)
    mix = Mix(Constant(matrix), constant_bias(projection.bias, len(matrix)), channels, len(matrix))
    return grown(
        branch,
        mix,
        member=resized(branch, {"C": mix.out_channels}),
        dtype=weighted_dtype(branch.dtype),
    )


def constant_bias(bias: Any, out_channels: int) -> Constant | None:
    """The bias as (out channels,); ShapeError when its length differs."""
    vector = bias_vector(bias, out_channels)
    return None if vector is None else Constant(vector)


def reconcile(
    branch: Branch,
    layout: Layout,
    target: Mapping[str, int],
    options: Options,
    factors: Mapping[str, float] = NO_FACTORS,
    *,
    alone: bool = False,
) -> Branch:
    """The input brought to `target` by AxisMaps; what is there already stays as it is."""
    chains = chains_for(branch.member, layout, target, options, factors, alone=alone)
    if layout.stacked:
        chains = ((), *chains)
    weighted = is_weighted(options)
    in_space = [letter in SPATIAL and letter in branch.member.grid for letter in layout.axes]
    moves = any(chain for chain, spatial in zip(chains, in_space, strict=True) if spatial)
    if moves and METHODS[options.method].powers:
        exponent = options.p or EXPONENT
        raised = grown(branch, Power(exponent, convention_of(options).lp_norm == "absolute"))
        sums = tuple(chain if spatial else () for chain, spatial in zip(chains, in_space, strict=True))
        branch = grown(_mapped(raised, layout, sums, weighted=True), Power(1 / exponent, absolute=False))
        chains = tuple(() if spatial else chain for chain, spatial in zip(chains, in_space, strict=True))
    branch = _mapped(branch, layout, chains, weighted=weighted)
    dtype = weighted_dtype(branch.dtype) if weighted else branch.dtype
    return branch._replace(dtype=dtype, moved=branch.moved or moves)


def _mapped(branch: Branch, layout: Layout, chains: tuple[Chain, ...], *, weighted: bool) -> Branch:
    """The branch through the maps, if there are any."""
    if not any(chains):
        return branch
    letters = sorted(branch.member.reading.layout, key="C".__eq__)  # channels last: new ones have no border
    order = [layout.place(letter) for letter in letters]
    order += [axis for axis in range(len(layout.axes)) if axis not in order]
    working = _working_dtype(branch_header(branch, layout).dtype, chains, weighted=weighted)
    _check_fill(chains, branch.member.spec.name, working)
    return grown(branch, Remap(chains, tuple(axis for axis in order if chains[axis]), working))


def _working_dtype(dtype: DType, chains: Sequence[Chain], *, weighted: bool) -> DType:
    """The type the maps are applied in: one to compute in where there are weights.

    Short floats are compared in float32 too: NumPy compares them one by one, through casts of its own.
    """
    steps = list(itertools.chain.from_iterable(chains))
    compares = is_float(dtype) and any(step.reduce is TapReduction.MAX for step in steps)
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
                f"{worded('pad_value', value)} does not fit {name}, which is padded as {dtype.name}",
                hint=way_out,
            )


def normalize(branch: Branch, norm: str) -> Branch:
    """The channel vectors scaled to length one."""
    if "C" not in branch.member.sizes:
        raise ShapeError(
            f"{branch.member.spec.name}: {worded('normalize', norm)} needs a channel axis, the layout is "
            f"{branch.member.reading.layout}",
            hint=phrase("Name the channel axis with {layout}."),
        )
    return grown(branch, Normalize(norm), dtype=weighted_dtype(branch.dtype))
