"""From a plan to the steps that compute it: the executor's reading of a FusionPlan.

Steps that few plans have are imported by those that do.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, assert_never

import numpy as np

from featfuse.model.constant import Constant
from featfuse.model.layout import Arrangement, Layout
from featfuse.model.tensor import Array
from featfuse.planning.parameters import glorot_uniform
from featfuse.planning.plan import (
    Branch,
    Components,
    Elementwise,
    Fusion,
    FusionPlan,
    InsideData,
    Join,
    Level,
    Mask,
    MaskFactors,
    Mix,
    Normalize,
    Operation,
    Pool,
    Power,
    Read,
    Reduction,
    Remap,
    Shuffle,
    Single,
    Untrained,
    Upsample,
    Weighted,
)
from featfuse.steps import elementwise as combining
from featfuse.steps.base import Step
from featfuse.steps.convert import Convert
from featfuse.steps.input_tensor import InputTensor
from featfuse.steps.remap import Remap as RemapStep

__all__ = [
    "Header",
    "branch_header",
    "build_level",
    "build_steps",
    "fusion_header",
    "kernel_array",
    "reduced_letters",
]

DType = np.dtype[Any]


class Header(NamedTuple):
    """Shape and type of the blocks that a step gives."""

    shape: tuple[int, ...]
    dtype: DType


def build_steps(plan: FusionPlan) -> Step:
    """The step that computes the plan's result; new at each call, so that runs share nothing."""
    step = _reduced(_fusion(plan.fusion, plan.layout), plan.reduction, plan.layout)
    return _finished(step, plan.dtype, reduced_letters(plan.layout, plan.reduction), plan.arrangement)


def build_level(level: Level, layout: Layout) -> Step:
    """The step that computes one level of a fold, but for what follows the last."""
    result = level.result
    step = _branch(result, layout) if isinstance(result, Branch) else _fusion(result, layout)
    return _finished(step, level.dtype, layout.axes, level.arrangement)


def _finished(step: Step, dtype: DType, letters: str, arrangement: Arrangement | None) -> Step:
    """In the output's element type and order of axes."""
    if step.dtype != dtype:
        step = Convert(step, dtype)
    if arrangement is None:
        return step
    from featfuse.steps.arrange import Arrange

    return Arrange(step, [tuple(map(letters.index, group)) for group in arrangement])


def reduced_letters(layout: Layout, following: Reduction | None) -> str:
    """The axes that are left."""
    match following:
        case Pool(axes, False):
            return "".join(letter for letter in layout.axes if letter not in axes)
        case _:
            return layout.axes


def branch_header(branch: Branch, layout: Layout) -> Header:
    """What the blocks of a branch will be."""
    step = _branch(branch, layout)
    return Header(step.shape, step.dtype)


def fusion_header(fusion: Fusion, layout: Layout) -> Header:
    """What the blocks of a fusion will be."""
    step = _fusion(fusion, layout)
    return Header(step.shape, step.dtype)


def kernel_array(weights: Constant | Untrained) -> Array:
    """A mixing kernel as (out channels, in channels)."""
    if isinstance(weights, Untrained):
        return glorot_uniform(weights.out_channels, weights.in_channels, weights.seed)
    return weights.array


def _branch(branch: Branch, layout: Layout) -> Step:
    origin = branch.origin
    match origin:
        case Read(place, member):
            step: Step = InputTensor(place, member.spec, member.reading.layout, layout.axes)
        case Fusion():
            step = _fusion(origin, layout)
        case _:
            assert_never(origin)
    for operation in branch.operations:
        step = _operated(step, operation, layout)
    return step


def _operated(step: Step, operation: Operation, layout: Layout) -> Step:
    match operation:
        case Mix():
            return _mixed(step, operation, layout)
        case Upsample():
            from featfuse.steps.transposed import TransposedConvolution

            geometry = {layout.place(letter): it for letter, it in operation.geometry}
            return TransposedConvolution(
                step,
                layout.place("C"),
                geometry,
                operation.kernel.array,
                _array(operation.bias),
                operation.groups,
            )
        case Shuffle():
            from featfuse.steps.shuffle import DepthToSpace, SpaceToDepth

            axes = [layout.place(letter) for letter in operation.axes]
            kind = DepthToSpace if operation.to_space else SpaceToDepth
            return kind(step, layout.place("C"), axes, operation.factor, blocks=operation.blocks)
        case Remap():
            return RemapStep(step, operation.chains, operation.dtype, operation.order).split
        case Power():
            from featfuse.steps.power import Power as PowerStep

            return PowerStep(step, operation.exponent, absolute=operation.absolute)
        case Normalize():
            from featfuse.steps.mix import Normalize as NormalizeStep

            return NormalizeStep(step, layout.place("C"))
        case _:
            assert_never(operation)


def _mixed(step: Step, mix: Mix, layout: Layout) -> Step:
    from featfuse.steps.mix import ChannelMix

    return ChannelMix(step, layout.place("C"), kernel_array(mix.weights), _array(mix.bias))


def _array(constant: Constant | None) -> Array | None:
    return None if constant is None else constant.array


def _fusion(fusion: Fusion, layout: Layout) -> Step:
    steps = [_branch(branch, layout) for branch in fusion.branches]
    if fusion.mask is not None:
        steps = _masked(steps, fusion.mask, layout)
    combination = fusion.combination
    match combination:
        case Single():
            (step,) = steps
            return step
        case Elementwise(name, dtype, final):
            return combining.Elementwise(steps, name, dtype, final)
        case Weighted(name, dtype, numbers, maps):
            from featfuse.steps.weighted_sum import WeightedSum

            if maps is None:
                return WeightedSum(steps, name, dtype, numbers, None, None)
            return WeightedSum(steps, name, dtype, None, _branch(maps, layout), layout.place("C"))
        case Join(_, dtype, axis):
            return combining.Join(steps, layout.place(axis), dtype)
        case _:
            assert_never(combination)


def _masked(steps: Sequence[Step], mask: Mask, layout: Layout) -> list[Step]:
    """The branches with the mask on those that it masks; a blend leaves one."""
    from featfuse.steps import mask as masking

    result = list(steps)
    for item in mask.masked:
        step = steps[item.branch]
        values = _factors(item, step, layout)
        factors = masking.MaskValues(values, step.dtype, invert=mask.inverted, scale=mask.scale)
        if mask.under is not None:
            return [masking.Blend(steps[mask.under], step, factors)]
        result[item.branch] = masking.Masked(step, factors, counts=item.counts)
    return result


def _factors(item: MaskFactors, step: Step, layout: Layout) -> Step:
    if isinstance(item.factors, InsideData):
        from featfuse.steps.mask import Inside

        return Inside(step.shape, item.factors.box)
    return _branch(item.factors, layout)


def _reduced(step: Step, reduction: Reduction | None, layout: Layout) -> Step:
    match reduction:
        case None:
            return step
        case Mix():
            return _mixed(step, reduction, layout)
        case Pool(axes, keepdims):
            from featfuse.steps.gap import GlobalMean

            return GlobalMean(step, [layout.place(axis) for axis in axes], keepdims=keepdims)
        case Components(_, out_channels):
            from featfuse.steps.pca import PrincipalComponents

            return PrincipalComponents(step, layout.place("C"), out_channels)
        case _:
            assert_never(reduction)
