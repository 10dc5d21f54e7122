"""Planning: tensor headers and options in, a FusionPlan out. No data is touched."""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache, partial

from featfuse.errors import FeatfuseError, ShapeError
from featfuse.methods import METHODS
from featfuse.model.dtypes import DTYPES, common_dtype, weighted_dtype
from featfuse.model.layout import (
    STACKED,
    Arrangement,
    Layout,
    Reading,
    align,
    arranged,
    is_anonymous,
    parse_layouts,
)
from featfuse.model.tensor import TensorSpec
from featfuse.planning import branches as on_branch
from featfuse.planning.build import Header, branch_header, fusion_header, reduced_letters
from featfuse.planning.checks import check_counts, check_offset, check_region
from featfuse.planning.extras import NO_EXTRAS, Extras
from featfuse.planning.joining import (
    combination,
    effective_combine,
    reduced_header,
    reduction,
)
from featfuse.planning.masking import masking
from featfuse.planning.plan import Branch, Fusion, FusionPlan, Level, Mask, Member, Shrinkage
from featfuse.planning.reconcile import axis_settings, find_target
from featfuse.request.combining import COMBINES
from featfuse.request.defaults import resizer
from featfuse.request.options import Options
from featfuse.wording import phrase, worded

__all__ = ["convolved_members", "make_plan", "read_inputs"]

MOST_BYTES = 2**60


def make_plan(specs: Sequence[TensorSpec], options: Options, extras: Extras = NO_EXTRAS) -> FusionPlan:
    """Plan the fusion of `specs`. ShapeError when they cannot be fused as asked, UsageError when an
    option does not suit them.

    Plans of the last requests are kept: most items of a batch are alike but for their names.
    """
    headers = tuple(spec.anonymous for spec in specs)
    try:
        return _kept(headers, options.facts, extras.anonymous)
    except FeatfuseError:  # the error shall name the inputs
        return _planned(specs, options, extras)


@lru_cache(maxsize=64)
def _kept(headers: tuple[TensorSpec, ...], options: Options, extras: Extras) -> FusionPlan:
    return _planned(headers, options, extras)


def _planned(specs: Sequence[TensorSpec], options: Options, extras: Extras) -> FusionPlan:
    check_counts(specs, options, extras)
    readings, template = read_inputs(specs, options, extras)
    return _plan_as(specs, readings, template, options, extras)


def read_inputs(
    specs: Sequence[TensorSpec], options: Options, extras: Extras = NO_EXTRAS
) -> tuple[list[Reading], Member | None]:
    """How the inputs are read, and the tensor of --like as it is read.

    By --layout, the files' own words, or the sizes; AmbiguousLayout when none of them tells.
    """
    if extras.like is None and options.layout is not None:
        return parse_layouts(options.layout, specs), None
    from featfuse.planning.readings import find_readings

    return find_readings(specs, options, extras, partial(_plan_as, options=options, extras=extras))


def _plan_as(
    specs: Sequence[TensorSpec],
    readings: Sequence[Reading],
    template: Member | None,
    options: Options,
    extras: Extras,
) -> FusionPlan:
    """The plan of tensors whose axes are known."""
    effective = options._replace(combine=effective_combine(options))
    inputs = tuple(Member(spec, reading) for spec, reading in zip(specs, readings, strict=True))
    layout = _layout(readings, effective)
    started = _started(specs, readings, extras)
    if options.fold:
        fusion, levels = _fold(started, layout, effective, extras)
    else:
        fusion, levels = _fuse(started, layout, effective, extras, template), []
    before = fusion_header(fusion, layout)
    following = reduction(before, layout, options, extras)
    shape, dtype = reduced_header(before, layout, following, fusion.dtype)
    dtype = DTYPES[options.dtype] if options.dtype else dtype
    if math.prod(shape) * dtype.itemsize >= MOST_BYTES:
        raise ShapeError(
            f"the result would have the shape {shape}: more bytes than any disk",
            hint=phrase("Look at {to}."),
        )
    letters = None if is_anonymous(layout.letters) else reduced_letters(layout, following)
    arrangement = _arrangement(letters, options)
    shape, letters = _in_order(shape, letters, arrangement)
    plan = FusionPlan(
        options=options,
        inputs=inputs,
        layout=layout,
        fusion=fusion,
        reduction=following,
        shape=shape,
        dtype=dtype,
        out_layout=letters,
        aliasing=tuple(_aliasing(inputs, layout, dict(fusion.target), options)),
        arrangement=arrangement,
    )
    return plan._replace(levels=tuple(_levels(levels, plan)))


def _started(specs: Sequence[TensorSpec], readings: Sequence[Reading], extras: Extras) -> list[Branch]:
    """The inputs as they are read, through their projections."""
    started = [
        on_branch.start(place, spec, reading)
        for place, (spec, reading) in enumerate(zip(specs, readings, strict=True))
    ]
    for projection in extras.projections:
        started[projection.place] = on_branch.project(started[projection.place], projection)
    return started


def _layout(readings: Sequence[Reading], options: Options) -> Layout:
    letters = align([reading.layout for reading in readings])
    joins = COMBINES[options.combine].joins
    if joins == "C" and "C" not in letters:
        raise ShapeError(
            f"{worded('combine', 'concat')} joins channels, and no input has a channel axis ({letters})",
            hint=phrase("Use {combine:stack}, or name the channel axis with {layout}."),
        )
    return Layout(letters, stacked=joins == STACKED)


def _fuse(
    started: Sequence[Branch],
    layout: Layout,
    options: Options,
    extras: Extras,
    template: Member | None,
    *,
    wide: bool = False,
) -> Fusion:
    """Bring all branches to one grid and combine them."""
    grown, meeting = started, options
    if options.method == "transposed-conv" and extras.kernel is not None:
        grown = _convolved(started, layout, options, extras, template)
    elif METHODS[options.method].shuffles:
        grid = _common_grid(started, layout, options, template)
        grown = _shuffled(started, options, grid)
        meeting = options._replace(to=grid, scale=None)  # they are scaled already
    members = [branch.member for branch in grown]
    target, factors = find_target(members, layout, meeting, template)
    check_offset(members, layout, target, options)
    check_region(members, layout, options)
    alone = len(grown) == 1
    ready = [
        on_branch.reconcile(branch, layout, target, options, own, alone=alone)
        for branch, own in zip(grown, factors, strict=True)
    ]
    if options.normalize != "none":
        ready = [on_branch.normalize(branch, options.normalize) for branch in ready]
    if options.mask is None:
        combined = combination(ready, layout, target, options, extras, wide=wide)
        return Fusion(tuple(ready), tuple(target.items()), None, combined)
    mask = masking(ready, layout, target, options, extras)
    combined = combination(_masked(ready, mask), layout, target, options, extras)
    return Fusion(tuple(ready), tuple(target.items()), mask, combined)


def _masked(branches: Sequence[Branch], mask: Mask) -> list[Branch]:
    """The branches as they count when combined: what a mask multiplies is weighted, a blend makes one."""
    if mask.blend:
        dtype = weighted_dtype(common_dtype([branch.dtype for branch in branches]))
        return [branches[0]._replace(dtype=dtype)]
    masked = {item.branch for item in mask.masked}
    return [
        branch._replace(dtype=weighted_dtype(branch.dtype)) if place in masked else branch
        for place, branch in enumerate(branches)
    ]


def _convolved(
    started: Sequence[Branch], layout: Layout, options: Options, extras: Extras, template: Member | None
) -> list[Branch]:
    """The branches that are not on the target grid, through the learned kernel."""
    from featfuse.planning.upsampling import convolve

    assert extras.kernel is not None
    grid, off_grid = _off_grid(started, layout, options, template)
    if not any(off_grid):
        raise ShapeError(
            phrase("{kernel}: every input is on the target grid already, so nothing would be upsampled"),
            hint=phrase("Leave {method:transposed-conv} out, or give one input alone."),
        )
    return [
        convolve(branch, extras.kernel, extras.bias, layout, options, grid) if off else branch
        for branch, off in zip(started, off_grid, strict=True)
    ]


def _off_grid(
    started: Sequence[Branch], layout: Layout, options: Options, template: Member | None
) -> tuple[dict[str, int], list[bool]]:
    """The grid to reach (an axis that it lacks takes any size), and which branches are not on it."""
    alone = len(started) == 1
    grid: dict[str, int] = {}
    if not alone or template is not None or options.to != "auto":
        grid = _common_grid(started, layout, options, template)
    return grid, [alone or _is_off(branch, grid) for branch in started]


def convolved_members(specs: Sequence[TensorSpec], options: Options, extras: Extras) -> list[Member]:
    """The inputs that a learned transposed convolution, not yet known, is to bring to the target grid."""
    effective = options._replace(combine=effective_combine(options))
    readings, template = read_inputs(specs, options, extras)
    started = _started(specs, readings, extras)
    _, off_grid = _off_grid(started, _layout(readings, effective), effective, template)
    return [branch.member for branch, off in zip(started, off_grid, strict=True) if off]


def _shuffled(started: Sequence[Branch], options: Options, grid: Mapping[str, int]) -> list[Branch]:
    """The branches that are not on the target grid, with channels for space."""
    from featfuse.planning.shuffling import shuffle

    return [shuffle(branch, options, grid) if _is_off(branch, grid) else branch for branch in started]


def _common_grid(
    started: Sequence[Branch], layout: Layout, options: Options, template: Member | None
) -> dict[str, int]:
    """The grid that the branches shall meet on, whatever their channels."""
    free = options._replace(channels="strict", combine="concat")
    target = find_target([branch.member for branch in started], layout, free, template)
    return {letter: target.sizes[letter] for letter in layout.space}


def _is_off(branch: Branch, grid: Mapping[str, int]) -> bool:
    return any(grid.get(letter) != size for letter, size in branch.member.grid.items())


def _fold(
    started: Sequence[Branch], layout: Layout, options: Options, extras: Extras
) -> tuple[Fusion, list[tuple[int, Branch | Fusion]]]:
    """Pairwise from the coarsest grid to the finest, each sum brought to the next finer input's grid."""
    order = sorted(range(len(started)), key=lambda place: math.prod(started[place].member.grid.values()))
    to = "first" if METHODS[options.method].changes_sizes else "auto"
    pairwise = options._replace(to=to, normalize="none")
    if options.normalize != "none":
        started = [on_branch.normalize(branch, options.normalize) for branch in started]
    current = started[order[0]]
    levels: list[tuple[int, Branch | Fusion]] = [(order[0], current)]
    for place in order[1:]:
        fusion = _fuse([started[place], current], layout, pairwise, extras, None, wide=True)
        header = fusion_header(fusion, layout)
        current = on_branch.as_branch(fusion, started[place].member.spec.name, header.shape, layout)
        levels.append((place, fusion))
    return fusion, levels


def _levels(levels: Sequence[tuple[int, Branch | Fusion]], plan: FusionPlan) -> Iterator[Level]:
    """What each level of a fold will be; a reduction acts on the last alone and may change its axes."""
    axes = None if plan.out_layout is None else plan.layout.axes
    arrangement = _arrangement(axes, plan.options)
    for place, result in levels[:-1]:
        shape, letters = _in_order(_header(result, plan.layout).shape, axes, arrangement)
        yield Level(place, result, shape, plan.dtype, letters, arrangement)
    for place, result in levels[-1:]:
        yield Level(place, result, plan.shape, plan.dtype, plan.out_layout, plan.arrangement)


def _arrangement(letters: str | None, options: Options) -> Arrangement | None:
    """How --out-layout orders a result that has these axes; None where it is that order already."""
    if options.out_layout is None or letters is None:
        return None
    arrangement = arranged(letters, options.out_layout)
    return None if arrangement == tuple((letter,) for letter in letters) else arrangement


def _in_order(
    shape: tuple[int, ...], letters: str | None, arrangement: Arrangement | None
) -> tuple[tuple[int, ...], str | None]:
    """Shape and letters of a result whose axes are put in order; axes that are one are called L."""
    if arrangement is None or letters is None:
        return shape, letters
    sizes = dict(zip(letters, shape, strict=True))
    ordered = tuple(math.prod(sizes[letter] for letter in group) for group in arrangement)
    return ordered, "".join(group[0] if len(group) == 1 else "L" for group in arrangement)


def _header(result: Branch | Fusion, layout: Layout) -> Header:
    return branch_header(result, layout) if isinstance(result, Branch) else fusion_header(result, layout)


def _aliasing(
    inputs: Sequence[Member], layout: Layout, target: Mapping[str, int], options: Options
) -> Iterator[Shrinkage]:
    """Each input that shrinks under an unstretched kernel."""
    if "antialias" not in resizer(options).options:
        return
    for place, member in enumerate(inputs):
        shrinking = [letter for letter, size in member.grid.items() if target[letter] < size]
        if not shrinking:
            continue
        settings = axis_settings(member, shrinking[0], layout, options)
        if not (settings.convention.antialias if settings.antialias is None else settings.antialias):
            yield Shrinkage(
                place, tuple((letter, member.grid[letter], target[letter]) for letter in shrinking)
            )
