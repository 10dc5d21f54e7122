"""Planning: tensor headers and options in, a tree of steps and its shape-diff out. No data is touched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from featfuse.combine import COMBINES
from featfuse.dtypes import DTYPES, common_dtype, compute_dtype, is_float, parse_dtype, weighted_dtype
from featfuse.errors import ShapeError, UsageError
from featfuse.layout import Reading, align, is_anonymous, resolve_layouts
from featfuse.methods import METHODS
from featfuse.options import Options
from featfuse.reconcile import (
    Chain,
    Member,
    axis_settings,
    chains_for,
    convention_name,
    is_weighted,
    target_sizes,
)
from featfuse.report import AxisRow
from featfuse.steps.base import Step
from featfuse.steps.combine import Elementwise, Join
from featfuse.steps.convert import Convert
from featfuse.steps.remap import Remap
from featfuse.steps.source import Source
from featfuse.tensor import TensorSpec

__all__ = ["FusionPlan", "compatibility", "make_plan"]

DType = np.dtype[Any]


@dataclass(frozen=True, slots=True)
class FusionPlan:
    """What will be done. `root` computes any window of the result; the rest is for the report.

    `readings` are the inputs' layouts, `layout` the output's (None when the axes are anonymous).
    """

    specs: tuple[TensorSpec, ...]
    readings: tuple[Reading, ...]
    root: Step
    layout: str | None
    axes: tuple[AxisRow, ...]
    pipeline: Mapping[str, object]
    summary: str
    warnings: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """The result's shape."""
        return self.root.shape

    @property
    def dtype(self) -> DType:
        """The result's element type."""
        return self.root.dtype


def compatibility(shapes: Sequence[tuple[int, ...]]) -> str:
    """How the shapes fit as they are: identical, broadcast (NumPy would take them) or mismatch."""
    if len(set(shapes)) == 1:
        return "identical"
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        return "mismatch"
    return "broadcast"


def make_plan(specs: Sequence[TensorSpec], options: Options, like: TensorSpec | None = None) -> FusionPlan:
    """Plan the fusion of `specs`. ShapeError when they cannot be fused as asked, UsageError when an
    option does not suit them."""
    _check_counts(specs, options)
    everything = [*specs, like] if like is not None else list(specs)
    readings = resolve_layouts(everything, options.layout, needed=_needs_layout(specs, options, like))
    members = [Member(spec, reading) for spec, reading in zip(specs, readings, strict=False)]
    template = Member(like, readings[-1]) if like is not None else None
    layout = align([member.reading.layout for member in members])
    if options.combine == "concat" and "C" not in layout:
        raise ShapeError(
            f"--combine concat joins channels, and no input has a channel axis ({layout})",
            hint="Use --combine stack, or name the channel axis with --layout.",
        )
    target = target_sizes(members, layout, options, template)
    chains = [chains_for(member, layout, target, options) for member in members]
    _check_offset(members, layout, target, options)
    stacked = options.combine == "stack"
    full_layout = "S" + layout if stacked else layout
    steps, dtypes = _branches(members, chains, full_layout, options)
    root = _combine(steps, dtypes, full_layout, options)
    return FusionPlan(
        specs=tuple(specs),
        readings=tuple(readings[: len(specs)]),
        root=root,
        layout=None if is_anonymous(layout) else full_layout,
        axes=_axis_rows(members, chains, full_layout, root, options),
        pipeline=_pipeline(options, members, target, root),
        summary=_summary(options, members, root),
        warnings=tuple(_aliasing(members, layout, target, options)),
    )


def _check_counts(specs: Sequence[TensorSpec], options: Options) -> None:
    count, row = len(specs), COMBINES[options.combine]
    if count < row.at_least or (row.at_most is not None and count > row.at_most):
        wanted = f"exactly {row.at_least}" if row.at_most == row.at_least else f"at least {row.at_least}"
        raise UsageError(
            f"--combine {row.name} takes {wanted} inputs, not {count}", hint="See `fuse methods`."
        )
    if options.weights is not None and len(options.weights) != count:
        raise UsageError(
            f"--weights: {len(options.weights)} weights for {count} inputs", hint="Give one weight per input."
        )
    if options.weights is not None and options.combine == "mean" and sum(options.weights) == 0:
        raise UsageError("--weights: the weights of a mean add up to 0", hint="Use --combine add.")
    no_target = options.to == "auto" and options.like is None and options.pool_size is None
    if count == 1 and options.method != "strict" and no_target:
        raise UsageError(
            f"--method {options.method} on a single input needs a target",
            hint="Give --to HxW or --like INPUT.",
        )
    if options.channels != "strict" and options.combine == "concat":
        raise UsageError(
            f"--channels {options.channels} is not used by --combine concat",
            hint="concat joins all channels.",
        )


def _needs_layout(specs: Sequence[TensorSpec], options: Options, like: TensorSpec | None) -> bool:
    """Whether the result depends on which axis is which."""
    shapes = [spec.shape for spec in specs]
    if options.combine == "concat" or options.offset is not None:
        return True
    if options.method == "strict":
        same_rank = len({len(shape) for shape in shapes}) == 1
        return not (same_rank and compatibility(shapes) != "mismatch")
    explicit = like is not None or options.pool_size is not None or not isinstance(options.to, str)
    return explicit or len(set(shapes)) > 1


def _check_offset(
    members: Sequence[Member], layout: str, target: Mapping[str, int], options: Options
) -> None:
    """An --offset for an axis that is not there, or does not change, would be ignored: refuse it."""
    for letter, start in (options.offset or {}).items():
        changing = [
            member for member in members if member.grid.get(letter, target.get(letter)) != target.get(letter)
        ]
        if letter not in layout or not changing:
            raise ShapeError(
                f"--offset {letter}:{start}: axis {letter} "
                + ("does not change" if letter in layout else f"is not in the layout {layout}"),
                hint="Name a spatial axis whose size changes.",
            )


def _branches(
    members: Sequence[Member], chains: Sequence[tuple[Chain, ...]], layout: str, options: Options
) -> tuple[list[Step], list[DType]]:
    """Each input brought to the target grid, with the element type it counts as when combined."""
    weighted = is_weighted(options)
    steps: list[Step] = []
    dtypes: list[DType] = []
    for index, (member, axis_chains) in enumerate(zip(members, chains, strict=True)):
        spec = member.spec
        source = Source(index, spec, member.reading.layout, layout)
        if layout.startswith("S"):
            axis_chains = ((), *axis_chains)  # noqa: PLW2901
        computing = any(step.weighted for chain in axis_chains for step in chain)
        _check_fill(axis_chains, spec)
        step: Step = source
        if any(axis_chains):
            order = [layout.index(letter) for letter in member.reading.layout]
            order += [axis for axis in range(len(layout)) if axis not in order]
            working = compute_dtype(spec.dtype) if computing else spec.dtype
            step = Remap(source, axis_chains, working, order)
        steps.append(step)
        dtypes.append(weighted_dtype(spec.dtype) if weighted else spec.dtype)
    return steps, dtypes


def _check_fill(chains: Sequence[Chain], spec: TensorSpec) -> None:
    """A pad value must be one that the tensor's type can hold."""
    for chain in chains:
        for step in chain:
            if step.fill is None or is_float(spec.dtype) or spec.dtype.kind == "b":
                continue
            info, value = np.iinfo(spec.dtype), step.fill.value
            if value != int(value) or not info.min <= value <= info.max:
                raise UsageError(
                    f"--pad-value {value:g} does not fit {spec.name}, which is {spec.dtype.name}",
                    hint=f"Choose a whole number from {info.min} to {info.max}.",
                )


def _combine(steps: list[Step], dtypes: list[DType], layout: str, options: Options) -> Step:
    """The inputs as one tensor, in the output's element type."""
    row = COMBINES[options.combine]
    common = common_dtype(dtypes)
    root: Step
    if not row.elementwise:
        root = Join(steps, 0 if options.combine == "stack" else layout.index("C"), common)
    elif len(steps) == 1 and options.weights is None:
        root = steps[0]
    else:
        if row.weighted or options.weights is not None:
            common = weighted_dtype(common)
        elif common.kind == "b" and options.combine in ("add", "sub", "mul"):
            common = DTYPES["uint8"]  # True + True is 2, not True
        root = Elementwise(steps, options.combine, common, options.weights)
    final = parse_dtype(options.dtype) if options.dtype else common
    return root if root.dtype == final else Convert(root, final)


def _axis_rows(
    members: Sequence[Member],
    chains: Sequence[tuple[Chain, ...]],
    layout: str,
    root: Step,
    options: Options,
) -> tuple[AxisRow, ...]:
    rows = []
    names = layout[1:] if options.combine == "stack" else layout
    sizes = root.shape[1:] if options.combine == "stack" else root.shape
    if options.combine == "stack":
        rows.append(AxisRow("S", (None,) * len(members), ("stack",) * len(members), root.shape[0]))
    for place, (letter, out_size) in enumerate(zip(names, sizes, strict=True)):
        joins = letter == "C" and options.combine == "concat"
        actions = tuple(
            "concat" if joins else ", ".join(step.action for step in axis_chains[place]) or "="
            for axis_chains in chains
        )
        rows.append(AxisRow(letter, tuple(member.sizes.get(letter) for member in members), actions, out_size))
    return tuple(rows)


def _pipeline(
    options: Options, members: Sequence[Member], target: Mapping[str, int], root: Step
) -> dict[str, object]:
    """Every option as resolved: the method's own options with their defaults, and nothing it ignores."""
    row = METHODS[options.method]
    resolved: dict[str, object] = {"method": row.name}
    if row.name != "strict":
        grid = [target[letter] for member in members[:1] for letter in target if letter in member.grid]
        resolved["to"] = options.to if isinstance(options.to, str) else "x".join(map(str, options.to))
        resolved["grid"] = grid
        resolved.update(_method_settings(options, members[0]))
    resolved["combine"] = options.combine
    if COMBINES[options.combine].weights:
        resolved["weights"] = list(options.weights or (1.0,) * len(members))
    resolved["channels"] = options.channels
    resolved["dtype"] = root.dtype.name
    resolved["on_overflow"] = options.on_overflow
    return resolved


def _method_settings(options: Options, member: Member) -> dict[str, object]:
    """The settings that the method lists, as the builders saw them."""
    row = METHODS[options.method]
    if not member.grid:
        return {}
    letter = next(iter(member.grid))
    settings = axis_settings(member, letter, member.reading.layout, options)
    convention = settings.convention
    antialias = convention.antialias if settings.antialias is None else settings.antialias
    nearest = (options.interpolation or row.name) == "nearest"
    cubic = (options.interpolation or row.name) == "bicubic"
    by_convention: dict[str, object] = {
        "convention": convention.name,
        "coords": convention.nearest_coords if nearest else convention.coords,
        "antialias": antialias,
        "edge": convention.edge_antialias if antialias else convention.edge,
        "cubic_a": (convention.cubic_a_antialias if antialias else convention.cubic_a) if cubic else None,
        "nearest_rounding": convention.nearest_rounding if nearest else None,
    }
    result: dict[str, object] = {}
    for name in row.options:
        given = getattr(options, name)
        value = given if given is not None else by_convention.get(name, getattr(settings, name, None))
        if value is not None and not (
            name.startswith(("pool", "ceil", "count")) and options.pool_size is None
        ):
            result[name] = value
    return result


def _summary(options: Options, members: Sequence[Member], root: Step) -> str:
    """The pipeline in one line."""
    row = METHODS[options.method]
    parts = [row.name]
    if row.name != "strict":
        word = options.to if isinstance(options.to, str) else "x".join(map(str, options.to))
        if options.like is not None:
            word = "the grid of --like"
        parts[0] += f" to {row.target if word == 'auto' else word}"
        if "convention" in row.options:
            parts[0] += f" ({convention_name(row, options)} convention)"
    if options.channels != "strict":
        parts.append(f"channels {options.channels}")
    if len(members) > 1:
        weights = "" if options.weights is None else " " + ",".join(f"{w:g}" for w in options.weights)
        parts.append(options.combine + weights)
    return " → ".join([*parts, root.dtype.name])


def _aliasing(
    members: Sequence[Member], layout: str, target: Mapping[str, int], options: Options
) -> list[str]:
    """A warning for each input that shrinks under an unstretched kernel."""
    if "antialias" not in METHODS[options.method].options:
        return []
    warnings = []
    for member in members:
        shrinking = [letter for letter, size in member.grid.items() if target[letter] < size]
        if not shrinking:
            continue
        settings = axis_settings(member, shrinking[0], layout, options)
        if not (settings.convention.antialias if settings.antialias is None else settings.antialias):
            sizes = ", ".join(f"{letter} {member.grid[letter]}→{target[letter]}" for letter in shrinking)
            warnings.append(f"{member.spec.name} shrinks without --antialias, detail will alias: {sizes}")
    return warnings
