"""Checks of a request against the inputs it is for, before any planning."""

from collections.abc import Mapping, Sequence

from featfuse.errors import ShapeError, UsageError
from featfuse.methods import METHODS
from featfuse.model.layout import SPATIAL, STACKED, Layout
from featfuse.model.tensor import TensorSpec, compatibility
from featfuse.planning.extras import Extras
from featfuse.planning.plan import Member
from featfuse.request.combining import COMBINES, REDUCES
from featfuse.request.options import Options
from featfuse.wording import Blank, either, phrase, worded

__all__ = ["check_counts", "check_offset", "check_region", "needs_layout"]


def check_counts(specs: Sequence[TensorSpec], options: Options, extras: Extras) -> None:
    """UsageError when the number of inputs does not suit the options."""
    count, row = len(specs), COMBINES[options.combine]
    if count < row.at_least or (row.at_most is not None and count > row.at_most):
        wanted = f"exactly {row.at_least}" if row.at_most == row.at_least else f"at least {row.at_least}"
        raise UsageError(
            f"{worded('combine', row.name)} takes {wanted} inputs, not {count}",
            hint=f"See {either('`fuse methods`', 'featfuse.COMBINES')}.",
        )
    numbers = extras.numbers
    if numbers is not None and len(numbers) != count:
        raise UsageError(
            f"{worded('weights')}: {len(numbers)} weights for {count} inputs",
            hint="Give one weight per input.",
        )
    if numbers is not None and options.combine == "mean" and sum(numbers) == 0:
        raise UsageError(
            phrase("{weights}: the weights of a mean add up to 0"), hint=phrase("Use {combine:add}.")
        )
    for projection in extras.projections:
        number = projection.place + 1
        if number > count:
            told = worded("project", Blank(f"{number}=...", f"{{{number}: ...}}"))
            raise UsageError(f"{told}: there are {count} inputs", hint="Inputs are numbered from 1.")
    grouped = options.reduce is not None and bool(REDUCES[options.reduce].grouped)
    if options.channels != "strict" and row.joins == "C" and not grouped:
        raise UsageError(
            f"{worded('channels', options.channels)} is not used by {worded('combine', row.name)}",
            hint=f"{row.name} joins all channels.",
        )
    _check_single(count, options)
    _check_fold(count, options)


def _check_single(count: int, options: Options) -> None:
    """One input has nothing to be reconciled with: a method needs a target of its own."""
    own_geometry = options.pool_size is not None or (
        options.method == "transposed-conv" and options.kernel is not None
    )
    no_target = options.to == "auto" and options.like is None and options.scale is None and not own_geometry
    if count == 1 and METHODS[options.method].changes_sizes and no_target:
        raise UsageError(
            f"{worded('method', options.method)} on a single input needs a target",
            hint=phrase("Give {to:HxW}, {scale:<FACTOR>} or {like:<INPUT>}."),
        )


def _check_fold(count: int, options: Options) -> None:
    if options.fold is None:
        return
    if count < 2:
        raise UsageError(phrase("{fold} needs two inputs or more"))
    for name, given in (
        (worded("mask"), options.mask is not None),
        (worded("weights"), options.weights is not None),
        (worded("to"), options.to != "auto"),
        (worded("like"), options.like is not None),
        (worded("scale"), options.scale is not None),
        (worded("keep_aspect"), options.keep_aspect is not None),
        (worded("combine", options.combine), COMBINES[options.combine].joins == STACKED),
        (worded("combine", "mean"), options.combine == "mean"),
        (worded("reduce", "mean"), options.reduce == "mean"),
    ):
        if given:
            raise UsageError(
                f"{name} is not used by {worded('fold', options.fold)}",
                hint="A fold fuses two neighbouring levels at a time; do such steps one by one.",
            )


def needs_layout(specs: Sequence[TensorSpec], options: Options, extras: Extras) -> bool:
    """Whether the result depends on which axis is which."""
    shapes = [spec.shape for spec in specs]
    by_letter = (
        COMBINES[options.combine].joins == "C"
        or options.offset is not None
        or options.normalize != "none"
        or options.reduce is not None
        or options.mask is not None
        or bool(options.project)
        or options.out_layout is not None
        or extras.weight_maps is not None
    )
    if by_letter:
        return True
    if not METHODS[options.method].changes_sizes:
        same_rank = len({len(shape) for shape in shapes if shape}) <= 1  # a scalar goes with anything
        return not (same_rank and compatibility(shapes) != "mismatch")
    own_target = extras.like is not None or not isinstance(options.to, str) or options.scale is not None
    return own_target or options.pool_size is not None or options.kernel is not None or len(set(shapes)) > 1


def check_offset(
    members: Sequence[Member], layout: Layout, target: Mapping[str, int], options: Options
) -> None:
    """An --offset for an axis that is not there, or does not change, would be ignored: refuse it."""
    for letter, start in dict(options.offset or ()).items():
        changing = [
            member for member in members if member.grid.get(letter, target.get(letter)) != target.get(letter)
        ]
        if letter not in layout.letters or letter not in SPATIAL or (start and not changing):
            raise ShapeError(
                f"{worded('offset', f'{letter}:{start}')}: axis {letter} "
                + (
                    "does not change"
                    if letter in layout.letters
                    else f"is not in the layout {layout.letters}"
                ),
                hint="Name a spatial axis whose size changes.",
            )


def check_region(members: Sequence[Member], layout: Layout, options: Options) -> None:
    """--roi shows a part of one map; several would no longer lie upon each other."""
    if options.roi is None:
        return
    if len(members) != 1:
        raise UsageError(
            f"{worded('roi')} takes one input, not {len(members)}",
            hint="Cut the region out first, then fuse the results.",
        )
    for letter in options.roi:
        if letter not in layout.space:
            raise ShapeError(
                f"{worded('roi', letter)}: axis {letter} is no spatial axis of the layout {layout.letters}",
                hint=f"The spatial axes are {' '.join(layout.space) or 'none'}.",
            )
