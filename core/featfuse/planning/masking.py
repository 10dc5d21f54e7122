"""Masks on branches: whose factors they are, how they are read, and where a padded input has data."""

from collections.abc import Mapping
from typing import NamedTuple

from featfuse.errors import ShapeError, UsageError
from featfuse.model.axis import select
from featfuse.model.dtypes import common_dtype, weighted_dtype
from featfuse.model.layout import SPATIAL, Reading
from featfuse.model.tensor import TensorSpec
from featfuse.planning.branches import Branch, reconcile, start
from featfuse.planning.extras import Extras, Side
from featfuse.planning.reconcile import Member
from featfuse.request.options import Options
from featfuse.steps.base import Step
from featfuse.steps.mask import Blend, Inside, Masked, MaskValues
from featfuse.steps.remap import Remap

__all__ = ["MaskUse", "apply_mask"]


class MaskUse(NamedTuple):
    """What the report says of the mask: its name, layout, and the inputs it multiplies."""

    name: str
    shape: tuple[int, ...] | None
    layout: str
    mode: str
    inverted: bool
    inputs: tuple[str, ...]


def apply_mask(
    branches: list[Branch], layout: str, target: dict[str, int], options: Options, extras: Extras
) -> tuple[list[Branch], MaskUse]:
    """The branches with the mask on those that were brought to the grid (all but the first when none was).

    With `--mask-mode blend` the two become one branch, (1 - m) * first + m * second.
    """
    chosen = [index for index, branch in enumerate(branches) if branch.moved]
    if not chosen:
        chosen = list(range(1, len(branches)))
    blend = options.mask_mode == "blend"
    if blend and len(branches) != 2:
        raise UsageError(f"--mask-mode blend takes exactly two inputs, not {len(branches)}")
    if blend and options.combine != "add":
        raise UsageError(
            f"--mask-mode blend is itself the combination, not --combine {options.combine}",
            hint="Leave --combine out.",
        )
    if len(branches) < 2:
        raise UsageError("--mask needs two inputs or more", hint="To weigh one map, use --combine mul.")
    if extras.mask is None and not any(
        step.inner is not None for index in chosen for chain in branches[index].chains for step in chain
    ):
        raise ShapeError(
            "--mask auto: no input is padded, so there is nothing to tell apart",
            hint="It goes with --method pad, crop-or-pad or letterbox; or name a mask file.",
        )
    used = MaskUse(
        name=extras.mask.spec.name if extras.mask else "auto",
        shape=extras.mask.spec.shape if extras.mask else None,
        layout="",
        mode="blend" if blend else "multiply",
        inverted=bool(options.mask_invert),
        inputs=tuple(branches[index].member.spec.name for index in chosen),
    )
    if blend:
        first, second = (branches[1], branches[0]) if chosen == [0] else (branches[0], branches[1])
        mask, reading = _mask_step(extras.mask, second, layout, target, options, None)
        step = Blend(first.step, second.step, mask)
        dtype = weighted_dtype(common_dtype([first.dtype, second.dtype]))
        return [branches[0]._replace(step=step, dtype=dtype)], used._replace(layout=reading)
    own = _own_ranges(branches) if options.combine == "concat" else {}
    result = list(branches)
    for place, index in enumerate(chosen):
        branch = branches[index]
        mask, reading = _mask_step(extras.mask, branch, layout, target, options, own.get(index))
        masked = Masked(branch.step, mask, counts=place == 0 or extras.mask is None)
        result[index] = branch._replace(step=masked, dtype=weighted_dtype(branch.dtype))
        used = used._replace(layout=reading)
    return result, used


def _own_ranges(branches: list[Branch]) -> dict[int, range]:
    """Which of the concatenation's channels each branch becomes: a mask has one for each of them."""
    ranges, start_at = {}, 0
    for index, branch in enumerate(branches):
        count = branch.member.sizes.get("C", 1)
        ranges[index] = range(start_at, start_at + count)
        start_at += count
    return ranges


def _mask_step(
    mask: Side | None,
    branch: Branch,
    layout: str,
    target: Mapping[str, int],
    options: Options,
    own: range | None,
) -> tuple[Step, str]:
    """The factors for one branch, and the mask's layout: from --mask INPUT, or where `branch` has data."""
    invert = bool(options.mask_invert)
    if mask is None:
        inside = Inside(branch.step.shape, _data_box(branch))
        return MaskValues(inside, branch.step.dtype, invert=invert), ""
    reading = Reading(_mask_layout(mask.spec, layout.replace("S", ""), target), "")
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
    source = start(mask.place, mask.spec, reading, layout)
    brought = reconcile(source, layout, goal, by_nearest)
    if own is not None and member.sizes.get("C", 1) > 1:
        chains = tuple(
            (select(target["C"], own, "own channels"),) if letter == "C" else () for letter in layout
        )
        brought = brought._replace(step=Remap(brought.step, chains, brought.step.dtype, range(len(layout))))
    return MaskValues(brought.step, branch.step.dtype, invert=invert), reading.layout


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
            f"--mask {spec.name}: shape {spec.shape} fits no part of the layout {layout}",
            hint=f"A mask has the axes {space}, or all of {layout}.",
        )
    for name in readings:
        sizes = dict(zip(name, spec.shape, strict=True))
        if all(
            size == target[letter] or (size == 1 and letter not in SPATIAL) for letter, size in sizes.items()
        ):
            return name
    return readings[0]


def _data_box(branch: Branch) -> list[tuple[int, int]]:
    """Where in the padded result the input's own samples lie, per axis."""
    box = []
    chains = branch.chains or ((),) * len(branch.step.shape)
    for size, chain in zip(branch.step.shape, chains, strict=True):
        padded = [step for step in chain if step.inner is not None]
        box.append(padded[-1].inner if padded and padded[-1].inner else (0, size))
    return box
