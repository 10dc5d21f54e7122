"""From a plan, or from the error that there is none, to the report."""

from collections.abc import Sequence

from featfuse.errors import FeatfuseError, ShapeError
from featfuse.model.layout import Origin, OriginKind, Reading, align, is_anonymous, without_names
from featfuse.model.tensor import TensorSpec, compatibility
from featfuse.planning.extras import Extras
from featfuse.planning.plan import Branch, FusionPlan
from featfuse.planning.planner import read_inputs
from featfuse.report.describe import axis_rows, pipeline, summary, warnings
from featfuse.report.shape_report import AxisRow, InputRow, MaskRow, OutputRow, ShapeReport, Suggestion
from featfuse.request.options import Options
from featfuse.wording import worded

__all__ = ["origin_words", "plan_report", "refusal_report"]


def plan_report(
    command: str,
    plan: FusionPlan,
    specs: Sequence[TensorSpec],
    extras: Extras,
    outputs: Sequence[OutputRow],
    suggestions: tuple[Suggestion, ...] = (),
) -> ShapeReport:
    """The report of a plan for the inputs `specs`; the last of `outputs` is the main one."""
    names = [spec.name for spec in specs]
    return ShapeReport(
        command=command,
        compatibility=compatibility([spec.shape for spec in specs]),
        inputs=tuple(
            _input_row(spec, member.reading) for spec, member in zip(specs, plan.inputs, strict=True)
        ),
        axes=axis_rows(plan),
        pipeline=pipeline(plan, extras),
        output=outputs[-1],
        levels=tuple(outputs) if len(outputs) > 1 else (),
        mask=_mask_row(plan, names, extras),
        suggestions=suggestions,
        warnings=warnings(plan, names),
        summary=summary(plan, extras),
    )


def refusal_report(
    error: ShapeError,
    specs: Sequence[TensorSpec],
    options: Options,
    extras: Extras,
    ways: tuple[Suggestion, ...],
) -> ShapeReport:
    """The report of tensors that do not fuse as asked: their sizes side by side, and why not."""
    try:
        readings, _ = read_inputs(specs, options, extras)
    except FeatfuseError:
        readings = without_names(specs)
    layout = align([reading.layout for reading in readings])
    sizes = [reading.sizes(spec.shape) for reading, spec in zip(readings, specs, strict=True)]
    axes = tuple(
        AxisRow(letter, tuple(size.get(letter) for size in sizes), ("",) * len(specs), None)
        for letter in layout
    )
    return ShapeReport(
        command="inspect",
        compatibility=compatibility([spec.shape for spec in specs]),
        inputs=tuple(_input_row(spec, reading) for spec, reading in zip(specs, readings, strict=True)),
        axes=axes,
        pipeline={"method": options.method, "combine": options.combine, "channels": options.channels},
        output=None,
        problem=str(error),
        suggestions=ways,
        summary=f"{options.method}, {options.combine}: cannot be fused as asked",
    )


def _input_row(spec: TensorSpec, reading: Reading) -> InputRow:
    named = (None, None) if is_anonymous(reading.layout) else (reading.layout, origin_words(reading.origin))
    return InputRow(spec.name, spec.path, spec.key, spec.format, spec.shape, spec.dtype.name, *named)


def origin_words(origin: Origin) -> str:
    """How a layout came to be known, as the report says it."""
    return {
        OriginKind.GIVEN: "given",
        OriginKind.FILE: origin.detail or "from the file",
        OriginKind.RANK: "by rank",
        OriginKind.INFERRED: f"inferred: {origin.detail}; {worded('layout')} to override",
        OriginKind.TOKENS: f"tokens on a {origin.detail} grid",
        OriginKind.SAME: "any reading does the same",
        OriginKind.NUMBERED: "not needed: nothing depends on it",
    }[origin.kind]


def _mask_row(plan: FusionPlan, names: Sequence[str], extras: Extras) -> MaskRow | None:
    mask = plan.fusion.mask
    if mask is None:
        return None
    factors = mask.masked[0].factors
    return MaskRow(
        name=extras.mask.spec.name if extras.mask else "auto",
        shape=extras.mask.spec.shape if extras.mask else None,
        layout=factors.member.reading.layout if isinstance(factors, Branch) else None,
        mode="blend" if mask.blend else "multiply",
        inverted=mask.inverted,
        inputs=tuple(names[place] for place in mask.inputs),
    )
