"""Planning: tensor headers and options in, a tree of steps and its shape-diff out. No data is touched."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from featfuse.errors import ShapeError
from featfuse.model.dtypes import parse_dtype
from featfuse.model.layout import SPATIAL, Reading, align, is_anonymous, resolve_layouts
from featfuse.model.tensor import Array, TensorSpec
from featfuse.planning import branches as on_branch
from featfuse.planning.branches import Branch
from featfuse.planning.checks import check_counts, check_offset, needs_layout
from featfuse.planning.extras import NO_EXTRAS, Extras
from featfuse.planning.joining import combine, effective_combine, reduce
from featfuse.planning.masking import MaskUse, apply_mask
from featfuse.planning.reconcile import Member, target_sizes
from featfuse.planning.upsampling import convolve
from featfuse.report.describe import aliasing, axis_rows, pipeline, summary
from featfuse.report.shape_report import AxisRow
from featfuse.request.options import Options
from featfuse.steps.base import Step
from featfuse.steps.convert import Convert

__all__ = ["FusionPlan", "Level", "make_plan"]

DType = np.dtype[Any]

MOST_BYTES = 2**60


class Level(NamedTuple):
    """One level of a fold: its key in a container, and the step that computes it."""

    key: str
    root: Step
    layout: str | None


class FusionPlan(NamedTuple):
    """What will be done. `root` computes any window of the result; the rest is for the report.

    `readings` are the inputs' layouts, `layout` the output's (None when the axes are anonymous).
    `levels` are all results of a fold, coarsest first, the last of them `root`. `made_kernel` is the
    untrained 1x1 kernel, if one was made.
    """

    specs: tuple[TensorSpec, ...]
    readings: tuple[Reading, ...]
    root: Step
    layout: str | None
    axes: tuple[AxisRow, ...]
    pipeline: Mapping[str, object]
    summary: str
    warnings: tuple[str, ...]
    mask: MaskUse | None = None
    levels: tuple[Level, ...] = ()
    made_kernel: Array | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The result's shape."""
        return self.root.shape

    @property
    def dtype(self) -> DType:
        """The result's element type."""
        return self.root.dtype


class _Fused(NamedTuple):
    """Branches brought together: what `combine` and `reduce` made of them."""

    branches: list[Branch]
    target: dict[str, int]
    root: Step
    dtype: DType
    mask: MaskUse | None


def make_plan(specs: Sequence[TensorSpec], options: Options, extras: Extras = NO_EXTRAS) -> FusionPlan:
    """Plan the fusion of `specs`. ShapeError when they cannot be fused as asked, UsageError when an
    option does not suit them."""
    check_counts(specs, options, extras)
    effective = options._replace(combine=effective_combine(options))
    readings, template = _read_layouts(specs, effective, extras)
    members = [Member(spec, reading) for spec, reading in zip(specs, readings, strict=True)]
    layout = align([reading.layout for reading in readings])
    if effective.combine == "concat" and "C" not in layout:
        raise ShapeError(
            f"--combine concat joins channels, and no input has a channel axis ({layout})",
            hint="Use --combine stack, or name the channel axis with --layout.",
        )
    full_layout = "S" + layout if effective.combine == "stack" else layout
    started = [
        on_branch.start(index, spec, reading, full_layout)
        for index, (spec, reading) in enumerate(zip(specs, readings, strict=True))
    ]
    for index, (kernel, bias) in extras.projections.items():
        started[index] = on_branch.project(started[index], kernel, bias, full_layout)
    if options.fold:
        fused, levels = _fold(started, full_layout, effective, extras)
    else:
        fused, levels = _fuse(started, full_layout, effective, extras, template), []
    reduction = reduce(fused.root, fused.dtype, full_layout, options, extras)
    final = parse_dtype(options.dtype) if options.dtype else reduction.dtype
    root = _converted(reduction.step, final)
    if root.size * root.dtype.itemsize >= MOST_BYTES:
        raise ShapeError(
            f"the result would have the shape {root.shape}: more bytes than any disk", hint="Look at --to."
        )
    anonymous = is_anonymous(layout)
    return FusionPlan(
        specs=tuple(specs),
        readings=tuple(readings),
        root=root,
        layout=None if anonymous else reduction.layout,
        axes=axis_rows(members, fused.branches, full_layout, reduction.layout, root, effective),
        pipeline=pipeline(options, len(specs), fused.target, root, extras, reduction),
        summary=summary(options, fused.branches, root, extras, reduction),
        warnings=(*aliasing(specs, readings, layout, fused.target, options), *reduction.warnings),
        mask=fused.mask,
        levels=tuple(_level_keys(levels, root, final, (full_layout, reduction.layout))),
        made_kernel=reduction.matrix,
    )


def _read_layouts(
    specs: Sequence[TensorSpec], options: Options, extras: Extras
) -> tuple[list[Reading], Member | None]:
    """The layouts of the inputs, and the tensor of --like with its own."""
    like = extras.like
    needed = needs_layout(specs, options, extras)
    if like is None:
        return resolve_layouts(specs, options.layout, needed=needed), None
    if options.layout is None or "," not in options.layout:
        *readings, last = resolve_layouts([*specs, like], options.layout, needed=needed)
        return readings, Member(like, last)
    # A list speaks of the inputs only: the tensor of --like is read as the first of its rank.
    readings = resolve_layouts(specs, options.layout, needed=needed)
    same_rank = [reading for reading in readings if len(reading.layout) == len(like.shape)]
    own = resolve_layouts([like], None if like.layout or not same_rank else same_rank[0].layout, needed=True)
    return readings, Member(like, own[0])


def _converted(step: Step, dtype: DType) -> Step:
    return step if step.dtype == dtype else Convert(step, dtype)


def _fuse(
    started: list[Branch],
    layout: str,
    options: Options,
    extras: Extras,
    template: Member | None,
    *,
    wide: bool = False,
) -> _Fused:
    """Bring all branches to one grid and combine them."""
    plain = layout.replace("S", "")
    grown = started
    if options.method == "transposed-conv" and extras.kernel is not None:
        grown = _convolved(started, layout, options, extras, template)
    target = target_sizes([branch.member for branch in grown], plain, options, template)
    check_offset([branch.member for branch in grown], plain, target, options)
    alone = len(grown) == 1
    ready = [on_branch.reconcile(branch, layout, target, options, alone=alone) for branch in grown]
    if options.normalize == "l2":
        ready = [on_branch.normalize(branch, layout) for branch in ready]
    if options.mask is None:
        root, dtype = combine(ready, layout, target, options, extras, wide=wide)
        return _Fused(ready, target, root, dtype, None)
    masked, used = apply_mask(ready, layout, target, options, extras)
    root, dtype = combine(masked, layout, target, options, extras)
    return _Fused(ready, target, root, dtype, used)


def _convolved(
    started: list[Branch], layout: str, options: Options, extras: Extras, template: Member | None
) -> list[Branch]:
    """The branches that are not on the target grid, through the learned kernel."""
    assert extras.kernel is not None
    plain = layout.replace("S", "")
    free = options._replace(channels="strict", combine="concat")  # the grid alone matters here
    grid: dict[str, int] = {}
    if len(started) > 1 or template is not None or options.to != "auto":
        sizes = target_sizes([branch.member for branch in started], plain, free, template)
        grid = {letter: size for letter, size in sizes.items() if letter in SPATIAL}
    result = []
    for branch in started:
        off_grid = any(grid.get(letter) != size for letter, size in branch.member.grid.items())
        if off_grid or len(started) == 1:
            branch = convolve(branch, extras.kernel, extras.bias, layout, options, grid)  # noqa: PLW2901
        result.append(branch)
    if all(before is after for before, after in zip(started, result, strict=True)):
        raise ShapeError(
            "--kernel: every input is on the target grid already, so nothing would be upsampled",
            hint="Leave --method transposed-conv out, or give one input alone.",
        )
    return result


def _fold(
    started: list[Branch], layout: str, options: Options, extras: Extras
) -> tuple[_Fused, list[tuple[str, Step, DType]]]:
    """Pairwise from the coarsest grid to the finest, each sum brought to the next finer input's grid."""
    plain = layout.replace("S", "")
    order = sorted(range(len(started)), key=lambda index: _fineness(started[index].member))
    pairwise = options._replace(to="first" if options.method != "strict" else "auto", normalize="none")
    if options.normalize == "l2":
        started = [on_branch.normalize(branch, layout) for branch in started]
    told = list(started)
    current = started[order[0]]
    levels = [(current.member.spec.name, current.step, current.dtype)]
    for before, index in itertools.pairwise(order):
        step = _fuse([started[index], current], layout, pairwise, extras, None, wide=True)
        told[before] = told[before]._replace(actions=_merged(told[before], step.branches[1]))
        name = started[index].member.spec.name
        current = on_branch.as_branch(name, step.root, step.dtype, plain)
        levels.append((name, step.root, step.dtype))
    return _Fused(told, step.target, step.root, step.dtype, None), levels


def _merged(branch: Branch, moved: Branch) -> dict[str, tuple[str, ...]]:
    letters = dict.fromkeys((*branch.actions, *moved.actions))
    return {
        letter: tuple(dict.fromkeys((*branch.actions.get(letter, ()), *moved.actions.get(letter, ()))))
        for letter in letters
    }


def _fineness(member: Member) -> int:
    samples = 1
    for size in member.grid.values():
        samples *= size
    return samples


def _level_keys(
    levels: list[tuple[str, Step, DType]], root: Step, final: DType, layouts: tuple[str, str]
) -> list[Level]:
    """A key per level: the input's own key, or its file's stem, numbered when they repeat.

    The last level is the plan's root; a reduction acts on it alone and may change its layout.
    """
    result: list[Level] = []
    for place, (name, step, _) in enumerate(levels):
        path, _, key = name.partition("::")
        stem = key.rsplit("/", 1)[-1] or Path(path).stem.replace(" ", "")
        taken = [level.key for level in result]
        unique = stem if stem not in taken else f"{stem}-{place + 1}"
        last = place == len(levels) - 1
        result.append(Level(unique, root if last else _converted(step, final), layouts[last]))
    return result
