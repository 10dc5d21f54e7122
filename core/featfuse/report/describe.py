"""Telling a plan: the axes row by row, the pipeline as resolved, its summary in a line, its warnings."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, assert_never

from featfuse.methods import METHODS
from featfuse.model.layout import SPATIAL, STACKED, Layout
from featfuse.planning.extras import Extras
from featfuse.planning.plan import (
    Branch,
    Components,
    Fusion,
    FusionPlan,
    Join,
    Mix,
    Normalize,
    Operation,
    Pool,
    Power,
    Read,
    Remap,
    Shuffle,
    Upsample,
)
from featfuse.report.changes import change_text, scale_text
from featfuse.report.shape_report import AxisRow
from featfuse.request.defaults import convention_of
from featfuse.request.options import Options
from featfuse.request.resolved import resolved_pipeline
from featfuse.request.spelling import spelled
from featfuse.wording import worded

__all__ = ["axis_rows", "pipeline", "summary", "warnings"]

Actions = dict[str, tuple[str, ...]]
"""What is done along each axis, by its letter."""


def axis_rows(plan: FusionPlan) -> tuple[AxisRow, ...]:
    """One row per axis: each input's size, what is done to it, and the result's size."""
    done = _actions(plan)
    output = _sizes(plan)
    rows = []
    for letter in plan.layout.axes:
        if letter == STACKED:
            count = len(plan.inputs)
            rows.append(AxisRow(STACKED, (None,) * count, ("stack",) * count, plan.shape[0]))
            continue
        joins = _joins(plan, letter)
        actions = tuple(", ".join((*own.get(letter, ()), *joins)) or "=" for own in done)
        sizes = tuple(member.sizes.get(letter) for member in plan.inputs)
        rows.append(AxisRow(letter, sizes, actions, output.get(letter)))
    return tuple(rows)


def _sizes(plan: FusionPlan) -> dict[str, int]:
    """The output's size along each axis, numbered ones too, before --out-layout makes one of several."""
    if plan.arrangement is None:
        letters = plan.layout.axes if plan.out_layout is None else plan.out_layout
        return dict(zip(letters, plan.shape, strict=True))
    sizes = dict(plan.fusion.target)
    if isinstance(plan.reduction, Pool):
        sizes |= dict.fromkeys(plan.reduction.axes, 1)
    for group, size in zip(plan.arrangement, plan.shape, strict=True):
        if len(group) == 1:
            sizes[group[0]] = size
    kept = {letter for group in plan.arrangement for letter in group}
    return {letter: size for letter, size in sizes.items() if letter in kept}


def _joins(plan: FusionPlan, letter: str) -> tuple[str, ...]:
    """What the combination and the reduction do along this axis, to all inputs."""
    combination, reduction = plan.fusion.combination, plan.reduction
    words: tuple[str, ...] = ()
    if isinstance(combination, Join) and combination.axis == letter:
        words = (combination.name,)
    along = reduction.axes if isinstance(reduction, Pool) else ("C",) if reduction is not None else ()
    return (*words, *((plan.options.reduce,) if letter in along else ()))


def _actions(plan: FusionPlan) -> list[Actions]:
    """What is done to each input before all are combined."""
    found: list[Actions] = [{} for _ in plan.inputs]
    for place, actions in _found(plan.fusion, plan.layout):
        found[place] = _merged(found[place], actions)
    return found


def _found(fusion: Fusion, layout: Layout) -> Iterator[tuple[int, Actions]]:
    """Each branch's actions with the number of its input. In a fold the result so far counts as the input
    that was last added to it."""
    for branch in fusion.branches:
        if isinstance(branch.origin, Fusion):
            yield from _found(branch.origin, layout)
        yield _place(branch), branch_actions(branch, layout)


def _place(branch: Branch) -> int:
    origin = branch.origin
    return origin.place if isinstance(origin, Read) else _place(origin.branches[0])


def _merged(before: Actions, more: Actions) -> Actions:
    letters = dict.fromkeys((*before, *more))
    return {it: tuple(dict.fromkeys((*before.get(it, ()), *more.get(it, ())))) for it in letters}


def branch_actions(branch: Branch, layout: Layout) -> Actions:
    """What is done to one branch on its way to the grid."""
    result: Actions = {}
    for operation in branch.operations:
        for letter, words in _told(operation, layout):
            result[letter] = (*result.get(letter, ()), words)
    return result


def _told(operation: Operation, layout: Layout) -> Iterator[tuple[str, str]]:
    """What an operation does: axis by axis, in words."""
    match operation:
        case Mix():
            yield "C", f"conv1x1 → {operation.out_channels}"
        case Upsample():
            for letter, along in operation.geometry:
                yield letter, f"×{along.out_size / along.in_size:.4g} transposed-conv"
            if operation.out_channels != operation.in_channels:
                yield "C", f"transposed-conv → {operation.out_channels}"
        case Shuffle():
            name = "pixel-shuffle" if operation.to_space else "pixel-unshuffle"
            scale = scale_text(1, operation.factor) if operation.to_space else scale_text(operation.factor, 1)
            yield from ((letter, f"{scale} {name}") for letter in operation.axes)
            yield "C", f"{name} → {operation.out_channels}"
        case Power():
            pass  # its windows tell of it
        case Remap():
            for letter, chain in zip(layout.axes, operation.chains, strict=True):
                yield from ((letter, change_text(step.change)) for step in chain)
        case Normalize():
            yield "C", operation.norm
        case _:
            assert_never(operation)


def pipeline(plan: FusionPlan, extras: Extras) -> dict[str, object]:
    """Every option as resolved: the method's own options with their defaults, and nothing it ignores."""
    return resolved_pipeline(plan.options, _facts(plan, extras))


def _token_grids(plan: FusionPlan) -> list[list[int]]:
    return [list(member.spec.token_grid) for member in plan.inputs if member.spec.token_grid]


def _told_once(values: list[Any]) -> object:
    """One value where all are equal."""
    return values[0] if all(value == values[0] for value in values) else values


def _facts(plan: FusionPlan, extras: Extras) -> dict[str, Mapping[str, object]]:
    """What the plan knows of an option beyond its value: sizes, element types, the names of tensors."""
    options, reduction, maps = plan.options, plan.reduction, extras.weight_maps
    to = spelled("to", options.to)
    if extras.like is not None:
        to = f"like {extras.like.name}"
    facts: dict[str, Mapping[str, object]] = {
        "to": {"to": to, "grid": [size for letter, size in plan.fusion.target if letter in SPATIAL]},
        "grid": {"grid_of_tokens": _told_once(_token_grids(plan))} if options.grid else {},
        "skip_tokens": {"skip_tokens": _told_once(list(options.skip_tokens or (0,)))} if options.grid else {},
        "weights": {"weights": maps.spec.name if maps else list(extras.numbers or (1.0,) * len(plan.inputs))},
        "project": {
            f"project {index + 1}": [kernel.name, *([bias.name] if bias else [])]
            for index, kernel, bias in extras.projections
        },
        "dtype": {"dtype": plan.dtype.name},
    }
    if options.mask is not None:
        facts["mask"] = {"mask": extras.mask.spec.name if extras.mask else "auto"}
    if isinstance(reduction, Mix | Components):
        facts["out_channels"] = {"out_channels": reduction.out_channels}
    if extras.kernel is not None:
        facts["kernel"] = {"kernel": extras.kernel.name}
        if extras.bias is not None or isinstance(reduction, Mix):
            facts["bias"] = {"bias": extras.bias.name if extras.bias else None}
    return facts


def summary(plan: FusionPlan, extras: Extras) -> str:
    """The pipeline in one line."""
    options = plan.options
    parts = [_method_words(options, extras)]
    if options.channels != "strict":
        parts.append(f"channels {options.channels}")
    if options.normalize != "none":
        parts.append(f"normalize {options.normalize}")
    if options.mask is not None:
        name = extras.mask.spec.name if extras.mask else "auto"
        parts.append(f"mask {name}" + (" inverted" if options.mask_invert else ""))
    if plan.fusion.mask is not None and plan.fusion.mask.blend:
        parts.append("blend")
    elif len(plan.inputs) > 1:
        parts.append(_combine_words(plan, extras))
    if options.reduce is not None:
        parts.append(_reduction_words(plan))
    if options.out_layout is not None:
        parts.append(f"as {plan.out_layout}")
    return " → ".join([*parts, plan.dtype.name])


def _method_words(options: Options, extras: Extras) -> str:
    row = METHODS[options.method]
    if not row.changes_sizes:
        return row.name
    word = spelled("to", options.to)
    if options.fold:
        word = "the next finer grid"
    elif extras.like is not None:
        word = f"the grid of {extras.like.name}"
    words = f"{options.method} to {row.target if word == 'auto' else word}"
    if options.scale is not None:
        words = f"{options.method} by {spelled('scale', options.scale)}"
    if options.keep_aspect in ("not-larger", "not-smaller"):
        words += f", {options.keep_aspect.replace('-', ' ')}"
    if options.roi is not None:
        words += f", region {spelled('roi', options.roi)}"
    if "convention" in row.options:
        words += f" ({convention_of(options).name} convention)"
    return words


def _combine_words(plan: FusionPlan, extras: Extras) -> str:
    words = str(plan.options.combine)
    if extras.weight_maps is not None:
        words += f" by {extras.weight_maps.spec.name}"
    elif extras.numbers is not None:
        words += " " + ",".join(f"{weight:g}" for weight in extras.numbers)
    return words + (f", {plan.options.fold}" if plan.options.fold else "")


def _reduction_words(plan: FusionPlan) -> str:
    reduction = plan.reduction
    words = str(plan.options.reduce)
    if isinstance(reduction, Mix | Components):
        words += f" {reduction.in_channels}→{reduction.out_channels}"
    return words


def warnings(plan: FusionPlan, names: Sequence[str]) -> tuple[str, ...]:
    """What a reader should know before trusting the result; `names` are the inputs'."""
    told = []
    for shrunk in plan.aliasing:
        sizes = ", ".join(f"{letter} {before}→{after}" for letter, before, after in shrunk.axes)
        told.append(
            f"{names[shrunk.place]} shrinks without {worded('antialias', True)}, detail will alias: {sizes}"
        )
    made = plan.untrained
    if made is not None:
        told.append(
            f"the 1x1 kernel is untrained: Glorot-uniform, {made.in_channels}→{made.out_channels}, "
            f"seed {made.seed}"
        )
    return tuple(told)
