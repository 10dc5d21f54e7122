"""Joining: branches on one grid become one tensor, and a reduction may follow."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from featfuse.errors import ShapeError, UsageError
from featfuse.model.dtypes import DTYPES, common_dtype, is_float, parse_dtype, weighted_dtype
from featfuse.model.layout import SPATIAL, Reading
from featfuse.model.tensor import Array
from featfuse.planning.branches import Branch, start
from featfuse.planning.branches import reconcile as reconcile_branch
from featfuse.planning.extras import Extras
from featfuse.planning.parameters import bias_vector, glorot_uniform, mixing_matrix
from featfuse.planning.reconcile import Member
from featfuse.request.combining import COMBINES, REDUCES
from featfuse.request.options import Options
from featfuse.steps.base import Step
from featfuse.steps.combine import Elementwise, Join
from featfuse.steps.gap import GlobalMean
from featfuse.steps.mix import ChannelMix
from featfuse.steps.pca import PrincipalComponents
from featfuse.steps.weighted import WeightedSum

__all__ = ["Reduction", "combine", "effective_combine", "reduce"]

DType = np.dtype[Any]

MOST_WEIGHTS = 1 << 28
"""Numbers of the largest kernel that is made up."""

_GROUPED = {"mean": "mean", "max": "max", "sum": "add"}


def effective_combine(options: Options) -> str:
    """A grouped reduction of a concatenation is the elementwise combine of the same inputs."""
    if options.reduce is None or not REDUCES[options.reduce].grouped:
        return options.combine
    if options.combine != "concat":
        raise UsageError(
            f"--reduce {options.reduce} needs --combine concat, not {options.combine}",
            hint=f"It takes the place of the concatenation; or use --combine {_GROUPED[options.reduce]}.",
        )
    return _GROUPED[options.reduce]


def combine(
    branches: Sequence[Branch],
    layout: str,
    target: dict[str, int],
    options: Options,
    extras: Extras,
    *,
    wide: bool = False,
) -> tuple[Step, DType]:
    """The branches as one step, and the element type the result counts as. `wide` keeps integers in 64
    bits, for a result that is combined again."""
    name = options.combine
    row = COMBINES[name]
    steps = [branch.step for branch in branches]
    common = _roomy(common_dtype([branch.dtype for branch in branches]), options)
    weighing = extras.numbers is not None or extras.weight_maps is not None
    if not row.elementwise:
        return Join(steps, 0 if name == "stack" else layout.index("C"), common), common
    if len(steps) == 1 and not weighing and name not in ("fast-normalized", "softmax"):
        return steps[0], common
    if row.weighted or weighing:
        common = weighted_dtype(common)
    elif common.kind == "b" and name in ("add", "sub", "mul"):
        common = DTYPES["uint8"]  # True + True is 2, not True
    if not weighing and name not in ("fast-normalized", "softmax"):
        return Elementwise(steps, name, common, _final_type(common, options, wide=wide)), common
    return _weighted(steps, name, common, layout, target, extras), common


def _roomy(common: DType, options: Options) -> DType:
    """Integers that are joined or compared are brought to a wide --dtype first, not past a narrower one."""
    wanted = parse_dtype(options.dtype) if options.dtype else None
    moves = options.combine in ("concat", "stack", "max", "min")
    if wanted is None or not moves or is_float(common) or wanted.itemsize < 8:
        return common
    return wanted


def _final_type(common: DType, options: Options, *, wide: bool) -> DType:
    """What sums and products of integers must fit: the output's type, if nothing else follows."""
    if wide and not is_float(common):
        return DTYPES["uint64" if common == DTYPES["uint64"] else "int64"]
    if options.reduce is not None and not REDUCES[options.reduce].grouped:
        return weighted_dtype(common)
    return parse_dtype(options.dtype) if options.dtype else common


def _weighted(
    steps: list[Step], name: str, common: DType, layout: str, target: dict[str, int], extras: Extras
) -> Step:
    numbers, maps = extras.numbers, extras.weight_maps
    if maps is None:
        return WeightedSum(steps, name, common, numbers or (1.0,) * len(steps), None, None)
    plain = layout.replace("S", "")
    if "C" not in plain:
        raise ShapeError(f"--weights {maps.spec.name}: weights per position need a channel axis in {plain}")
    reading = Reading(_map_layout(maps.spec.shape, maps.spec.layout, plain, maps.spec.name), "")
    member = Member(maps.spec, reading)
    for letter, size in member.sizes.items():
        if letter not in SPATIAL and letter != "C" and size not in (1, target[letter]):
            raise ShapeError(
                f"--weights {maps.spec.name}: axis {letter}: {size} does not broadcast to {target[letter]} "
                f"(read as {reading.layout}, shape {maps.spec.shape})",
                hint="Weights per position have one channel per input and the result's other axes.",
            )
    if member.sizes["C"] != len(steps):
        raise ShapeError(
            f"--weights {maps.spec.name}: {member.sizes['C']} channels for {len(steps)} inputs "
            f"(read as {reading.layout}, shape {maps.spec.shape})",
            hint="Weights per position have one channel per input.",
        )
    goal = {
        letter: size if letter in SPATIAL else member.sizes.get(letter, 1) for letter, size in target.items()
    }
    source = start(maps.place, maps.spec, reading, layout)
    brought = reconcile_branch(source, layout, goal, Options(method="nearest"))
    return WeightedSum(steps, name, common, None, brought.step, layout.index("C"))


def _map_layout(shape: tuple[int, ...], own: str | None, layout: str, name: str) -> str:
    if own is not None and len(own) == len(shape) and "C" in own and set(own) <= set(layout):
        return own
    for candidate in (layout, layout.replace("N", "")):
        if len(candidate) == len(shape):
            return candidate
    raise ShapeError(
        f"--weights {name}: shape {shape} fits neither a list of numbers nor the layout {layout}",
        hint=f"Give one number per input, or a {layout} tensor with one channel per input.",
    )


class Reduction(NamedTuple):
    """The result of `reduce`: its step and type, the layout it has now, and how it is told.

    `matrix` is the untrained kernel, if one was made.
    """

    step: Step
    dtype: DType
    layout: str
    words: str
    warnings: tuple[str, ...] = ()
    matrix: Array | None = None


def reduce(root: Step, dtype: DType, layout: str, options: Options, extras: Extras) -> Reduction:
    """What --reduce makes of the combined tensor."""
    name = options.reduce
    if name is None or REDUCES[name].grouped:
        return Reduction(root, dtype, layout, "" if name is None else name)
    if name == "gap":
        return _pooled(root, dtype, layout, options)
    if "C" not in layout:
        raise ShapeError(f"--reduce {name} needs a channel axis, the layout is {layout}")
    axis = layout.index("C")
    channels = root.shape[axis]
    if name == "pca":
        if root.size == 0:
            raise ShapeError(
                f"--reduce pca: the combined inputs are empty: {root.shape}", hint="There is nothing to fit."
            )
        assert options.out_channels is not None
        if options.out_channels > channels:
            raise ShapeError(
                f"--reduce pca: {options.out_channels} components of {channels} channels",
                hint=f"--out-channels may be 1 to {channels}.",
            )
        step: Step = PrincipalComponents(root, axis, options.out_channels)
        return Reduction(step, weighted_dtype(dtype), layout, f"pca {channels}→{options.out_channels}")
    warnings: tuple[str, ...] = ()
    made = None
    if extras.kernel is not None:
        matrix = mixing_matrix(extras.kernel, channels, options.kernel_layout, "the combined inputs")
    else:
        assert options.out_channels is not None
        seed = options.seed or 0
        if options.out_channels * channels > MOST_WEIGHTS:
            raise ShapeError(
                f"--out-channels {options.out_channels}: a kernel from {channels} channels is too large",
                hint="Choose fewer.",
            )
        made = matrix = glorot_uniform(options.out_channels, channels, seed)
        warnings = (f"the 1x1 kernel is untrained: Glorot-uniform, {channels}→{len(made)}, seed {seed}",)
    step = ChannelMix(root, axis, matrix, bias_vector(extras.bias, len(matrix)))
    words = f"conv1x1 {channels}→{len(matrix)}"
    return Reduction(step, weighted_dtype(dtype), layout, words, warnings, made)


def _pooled(root: Step, dtype: DType, layout: str, options: Options) -> Reduction:
    axes = [axis for axis, letter in enumerate(layout) if letter in SPATIAL]
    if not axes:
        raise ShapeError(f"--reduce gap needs a spatial axis, the layout is {layout}")
    if root.size == 0:
        raise ShapeError(
            f"--reduce gap: the combined inputs are empty: {root.shape}", hint="No mean of nothing."
        )
    keepdims = options.keepdims is not False
    step = GlobalMean(root, axes, keepdims=keepdims)
    kept = layout if keepdims else "".join(letter for letter in layout if letter not in SPATIAL)
    return Reduction(step, weighted_dtype(dtype), kept, "gap")
