"""Masks on branches: whose factors they are, how they are read, and where a padded input has data."""

from collections.abc import Mapping, Sequence

from featfuse.errors import ShapeError, UsageError
from featfuse.model.axis import select
from featfuse.model.change import Change, ChangeKind
from featfuse.model.layout import SPATIAL, Layout, Origin, OriginKind, Reading
from featfuse.model.tensor import TensorSpec
from featfuse.planning.branches import grown, reconcile, start
from featfuse.planning.build import branch_header
from featfuse.planning.extras import Extras, Side
from featfuse.planning.plan import Branch, InsideData, Mask, MaskFactors, Member, Remap
from featfuse.request.combining import COMBINES
from featfuse.request.options import Options
from featfuse.wording import phrase, worded

__all__ = ["masking", "nearest_goal"]

NEAREST = Options(method="nearest")
"""How masks and weights per position come to the target grid."""


def masking(
    branches: Sequence[Branch], layout: Layout, target: Mapping[str, int], options: Options, extras: Extras
) -> Mask:
    """The mask on those branches that were brought to the grid (on all but the first when none was).

    With `--mask-mode blend` two become one, (1 - m) * first + m * second.
    """
    chosen = tuple(index for index, branch in enumerate(branches) if branch.moved)
    if not chosen:
        chosen = tuple(range(1, len(branches)))
    blend = options.mask_mode == "blend"
    _check(branches, chosen, options, extras, blend=blend)
    inverted = bool(options.mask_invert)
    if blend:
        under, over = (1, 0) if chosen == (0,) else (0, 1)
        factors = _factors(extras.mask, branches[over], layout, target, None)
        return Mask((MaskFactors(over, factors, counts=True),), chosen, inverted, under, options.mask_scale)
    own = _own_ranges(branches) if COMBINES[options.combine].joins == "C" else {}
    masked = tuple(
        MaskFactors(
            index,
            _factors(extras.mask, branches[index], layout, target, own.get(index)),
            counts=place == 0 or extras.mask is None,
        )
        for place, index in enumerate(chosen)
    )
    return Mask(masked, chosen, inverted, scale=options.mask_scale)


def _check(
    branches: Sequence[Branch], chosen: Sequence[int], options: Options, extras: Extras, *, blend: bool
) -> None:
    if blend and len(branches) != 2:
        raise UsageError(f"{worded('mask_mode', 'blend')} takes exactly two inputs, not {len(branches)}")
    if blend and options.combine != "add":
        raise UsageError(
            phrase("{mask_mode:blend} is itself the combination, not {combine:{name}}", name=options.combine),
            hint=phrase("Leave {combine} out."),
        )
    if blend and options.weights is not None:
        raise UsageError(
            phrase("{weights} is not used by {mask_mode:blend}"),
            hint="The mask weighs the two.",
        )
    if options.mask_scale is not None and options.mask_scale <= 0:
        raise UsageError(
            f"{worded('mask_scale', options.mask_scale)}: must be above 0",
            hint=phrase("Write it like {mask_scale:255}."),
        )
    if options.mask_scale is not None and extras.mask is None:
        raise UsageError(
            phrase("{mask_scale} is not used by {mask:auto}"),
            hint="There are no values to divide.",
        )
    if len(branches) < 2:
        raise UsageError(
            phrase("{mask} needs two inputs or more"),
            hint=phrase("To weigh one map, use {combine:mul}."),
        )
    if extras.mask is None and not any(
        step.inner is not None for index in chosen for chain in branches[index].chains for step in chain
    ):
        raise ShapeError(
            phrase("{mask:auto}: no input is padded, so there is nothing to tell apart"),
            hint=phrase("It goes with {method:pad|crop-or-pad|letterbox}; or name a mask file."),
        )


def _own_ranges(branches: Sequence[Branch]) -> dict[int, range]:
    """Which of the concatenation's channels each branch becomes: a mask has one for each of them."""
    ranges, start_at = {}, 0
    for index, branch in enumerate(branches):
        count = branch.member.sizes.get("C", 1)
        ranges[index] = range(start_at, start_at + count)
        start_at += count
    return ranges


def _factors(
    mask: Side | None, branch: Branch, layout: Layout, target: Mapping[str, int], own: range | None
) -> InsideData | Branch:
    """The factors for one branch: from --mask INPUT, or where `branch` has data."""
    if mask is None:
        return InsideData(_data_box(branch, layout))
    reading = Reading(_mask_layout(mask.spec, layout.letters, target), Origin(OriginKind.INFERRED))
    member = Member(mask.spec, reading)
    for letter, size in member.sizes.items():
        if letter not in SPATIAL and size not in (1, target[letter]):
            raise ShapeError(
                f"{worded('mask', mask.spec.name)}: axis {letter}: {size} does not broadcast to "
                f"{target[letter]} (read as {reading.layout}, shape {mask.spec.shape})",
                hint="A mask has one channel, or as many as the result.",
            )
    goal = nearest_goal(member, target) | {letter: 1 for letter in target if letter not in member.sizes}
    brought = reconcile(start(mask.place, mask.spec, reading), layout, goal, NEAREST)
    if own is None or member.sizes.get("C", 1) == 1:
        return brought
    share = select(target["C"], own, Change(ChangeKind.OWN_CHANNELS))
    chains = tuple((share,) if axis == "C" else () for axis in layout.axes)
    dtype = branch_header(brought, layout).dtype
    return grown(brought, Remap(chains, tuple(range(len(layout.axes))), dtype))


def nearest_goal(member: Member, target: Mapping[str, int]) -> dict[str, int]:
    """The target's grid, and the member's own size along every other axis."""
    return {
        letter: size if letter in SPATIAL else member.sizes.get(letter, 1) for letter, size in target.items()
    }


def _mask_layout(spec: TensorSpec, layout: str, target: Mapping[str, int]) -> str:
    """The file's own word; else the first reading that has the target's grid and broadcasts to it; else
    the first of this rank, whose grid is then brought over."""
    rank = len(spec.shape)
    if spec.layout is not None and len(spec.layout) == rank and set(spec.layout) <= set(layout):
        return spec.layout
    space = "".join(letter for letter in layout if letter in SPATIAL)
    first = "N" * ("N" in layout)
    orders = (layout, first + "C" + space, first + space + "C")
    lacking = [order.replace("N", "") for order in orders] + [space, layout.replace("C", "")]
    readings = [
        name for name in dict.fromkeys((*orders, *lacking)) if len(name) == rank and set(name) <= set(layout)
    ]
    if not readings:
        raise ShapeError(
            f"{worded('mask', spec.name)}: shape {spec.shape} fits no part of the layout {layout}",
            hint=f"A mask has the axes {space}, or all of {layout}.",
        )
    for name in readings:
        sizes = dict(zip(name, spec.shape, strict=True))
        if all(
            size == target[letter] or (size == 1 and letter not in SPATIAL) for letter, size in sizes.items()
        ):
            return name
    return readings[0]


def _data_box(branch: Branch, layout: Layout) -> tuple[tuple[int, int], ...]:
    """Where in the padded result the input's own samples lie, per axis."""
    box = []
    shape = branch_header(branch, layout).shape
    for size, chain in zip(shape, branch.chains or ((),) * len(shape), strict=True):
        padded = [step.inner for step in chain if step.inner is not None]
        box.append(padded[-1] if padded else (0, size))
    return tuple(box)
