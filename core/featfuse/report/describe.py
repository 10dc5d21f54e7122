"""Telling a plan: the axes row by row, the pipeline as resolved, its summary in a line, its warnings."""

from collections.abc import Mapping, Sequence

from featfuse.methods import METHODS
from featfuse.methods.conventions import CONVENTIONS
from featfuse.model.layout import SPATIAL, Reading
from featfuse.model.tensor import TensorSpec
from featfuse.planning.branches import Branch
from featfuse.planning.extras import Extras
from featfuse.planning.joining import Reduction
from featfuse.planning.reconcile import Member, axis_settings, convention_name
from featfuse.report.shape_report import AxisRow
from featfuse.request.combining import COMBINES
from featfuse.request.options import Options, idle_options, resizing_name
from featfuse.steps.base import Step

__all__ = ["aliasing", "axis_rows", "pipeline", "summary"]


def axis_rows(
    members: Sequence[Member],
    branches: Sequence[Branch],
    layout: str,
    final_layout: str,
    root: Step,
    options: Options,
) -> tuple[AxisRow, ...]:
    """One row per axis: each input's size, what is done to it, and the result's size."""
    rows = []
    output = dict(zip(final_layout, root.shape, strict=True))
    for letter in layout:
        if letter == "S":
            rows.append(AxisRow("S", (None,) * len(members), ("stack",) * len(members), root.shape[0]))
            continue
        joins: tuple[str, ...] = ("concat",) if letter == "C" and options.combine == "concat" else ()
        joins += (options.reduce or "",) if _reduces(letter, options) else ()
        actions = tuple(", ".join((*branch.actions.get(letter, ()), *joins)) or "=" for branch in branches)
        sizes = tuple(member.sizes.get(letter) for member in members)
        rows.append(AxisRow(letter, sizes, actions, output.get(letter)))
    return tuple(rows)


def _reduces(letter: str, options: Options) -> bool:
    """Whether the reduction changes this axis."""
    return (options.reduce == "gap" and letter in SPATIAL) or (
        options.reduce in ("conv1x1", "pca") and letter == "C"
    )


def pipeline(
    options: Options,
    count: int,
    target: Mapping[str, int],
    root: Step,
    extras: Extras,
    reduction: Reduction,
) -> dict[str, object]:
    """Every option as resolved: the method's own options with their defaults, and nothing it ignores."""
    row = METHODS[options.method]
    resolved: dict[str, object] = {"method": row.name}
    if row.name != "strict":
        resolved["to"] = options.to if isinstance(options.to, str) else "x".join(map(str, options.to))
        if extras.like is not None:
            resolved["to"] = f"like {extras.like.name}"
        resolved["grid"] = [size for letter, size in target.items() if letter in SPATIAL]
        resolved.update(_method_settings(options, extras))
    if options.fold:
        resolved["fold"] = options.fold
    if options.grid:
        resolved |= {"grid_of_tokens": list(options.grid), "skip_tokens": options.skip_tokens or 0}
    resolved["combine"] = options.combine
    if COMBINES[options.combine].weights:
        maps = extras.weight_maps
        resolved["weights"] = maps.spec.name if maps else list(extras.numbers or (1.0,) * count)
    resolved["channels"] = options.channels
    resolved["normalize"] = options.normalize
    for index, (kernel, bias) in extras.projections.items():
        resolved[f"project {index + 1}"] = [kernel.name, *([bias.name] if bias else [])]
    if options.mask is not None:
        resolved["mask"] = extras.mask.spec.name if extras.mask else "auto"
        resolved["mask_mode"] = options.mask_mode or "multiply"
        resolved["mask_invert"] = bool(options.mask_invert)
    if options.reduce is not None:
        resolved["reduce"] = options.reduce
        if options.reduce in ("conv1x1", "pca"):
            resolved["out_channels"] = root.shape[reduction.layout.index("C")]
        if extras.kernel is not None and options.reduce == "conv1x1":
            resolved["kernel"] = extras.kernel.name
            resolved["bias"] = extras.bias.name if extras.bias else None
            resolved["kernel_layout"] = options.kernel_layout or "inferred"
        elif options.reduce == "conv1x1":
            resolved["seed"] = options.seed or 0
        if options.reduce == "gap":
            resolved["keepdims"] = options.keepdims is not False
    resolved["dtype"] = root.dtype.name
    resolved["on_overflow"] = options.on_overflow
    return resolved


def _method_settings(options: Options, extras: Extras) -> dict[str, object]:
    """The options that the method lists and reads, with their defaults by convention."""
    row = METHODS[options.method]
    convention = CONVENTIONS[convention_name(row, options)]
    antialias = convention.antialias if options.antialias is None else options.antialias
    nearest = resizing_name(options) == "nearest"
    defaults: dict[str, object] = {
        "convention": convention.name,
        "coords": convention.nearest_coords if nearest else convention.coords,
        "antialias": antialias,
        "edge": convention.edge_antialias if antialias else convention.edge,
        "cubic_a": convention.cubic_a_antialias if antialias else convention.cubic_a,
        "nearest_rounding": convention.nearest_rounding,
        "interpolation": "bilinear",
        "pad_mode": "constant",
        "pad_value": 0.0,
        "anchor": "center",
        "odd": "floor",
        "pool_stride": options.pool_size,
        "pool_padding": 0,
        "ceil_mode": False,
        "count_include_pad": True,
        "stride": 1,
        "padding": 0,
        "output_padding": 0,
        "dilation": 1,
        "groups": 1,
        "kernel_layout": "inferred",
    }
    learned = {
        "kernel": extras.kernel.name if extras.kernel else "fixed bilinear",
        "bias": extras.bias.name if extras.bias else None,
    }
    result: dict[str, object] = {}
    for option in row.options:
        given = learned[option] if option in learned else getattr(options, option)
        value = defaults.get(option) if given is None else given
        if value is not None and option not in idle_options(options):
            result[option] = value
    return result


def summary(
    options: Options, branches: Sequence[Branch], root: Step, extras: Extras, reduction: Reduction
) -> str:
    """The pipeline in one line."""
    row = METHODS[options.method]
    parts = [row.name]
    if row.name != "strict":
        word = options.to if isinstance(options.to, str) else "x".join(map(str, options.to))
        if options.fold:
            word = "the next finer grid"
        elif extras.like is not None:
            word = f"the grid of {extras.like.name}"
        parts[0] += f" to {row.target if word == 'auto' else word}"
        if "convention" in row.options:
            parts[0] += f" ({convention_name(row, options)} convention)"
    if options.channels != "strict":
        parts.append(f"channels {options.channels}")
    if options.normalize != "none":
        parts.append(f"normalize {options.normalize}")
    if options.mask is not None:
        name = extras.mask.spec.name if extras.mask else "auto"
        parts.append(f"mask {name}" + (" inverted" if options.mask_invert else ""))
    if options.mask_mode == "blend":
        parts.append("blend")
    elif len(branches) > 1:
        weights = ""
        if extras.weight_maps is not None:
            weights = f" by {extras.weight_maps.spec.name}"
        elif extras.numbers is not None:
            weights = " " + ",".join(f"{weight:g}" for weight in extras.numbers)
        fold = f", {options.fold}" if options.fold else ""
        parts.append(options.combine + weights + fold)
    if reduction.words:
        parts.append(reduction.words)
    return " → ".join([*parts, root.dtype.name])


def aliasing(
    specs: Sequence[TensorSpec],
    readings: Sequence[Reading],
    layout: str,
    target: Mapping[str, int],
    options: Options,
) -> list[str]:
    """A warning for each input that shrinks under an unstretched kernel."""
    if "antialias" not in METHODS[resizing_name(options)].options:
        return []
    warnings = []
    for spec, reading in zip(specs, readings, strict=True):
        member = Member(spec, reading)
        shrinking = [letter for letter, size in member.grid.items() if target[letter] < size]
        if not shrinking:
            continue
        settings = axis_settings(member, shrinking[0], layout, options)
        if not (settings.convention.antialias if settings.antialias is None else settings.antialias):
            sizes = ", ".join(f"{letter} {member.grid[letter]}→{target[letter]}" for letter in shrinking)
            warnings.append(f"{spec.name} shrinks without --antialias, detail will alias: {sizes}")
    return warnings
