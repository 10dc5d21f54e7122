"""From a plan, or from the error that there is none, to the report."""

import math
from collections.abc import Sequence

from featfuse.errors import ShapeError
from featfuse.formats import FORMATS, STREAM, find_format
from featfuse.formats.base import OutputTensor
from featfuse.model.layout import align, is_anonymous, resolve_layouts
from featfuse.model.tensor import TensorSpec, compatibility
from featfuse.planning.plan import FusionPlan
from featfuse.report.shape_report import AxisRow, InputRow, MaskRow, OutputRow, ShapeReport, Suggestion
from featfuse.request.options import Options
from featfuse.steps.base import Step

__all__ = ["plan_report", "refusal_report"]


def plan_report(
    command: str,
    plan: FusionPlan,
    tensors: Sequence[tuple[OutputTensor, Step]],
    path: str | None,
    suggestions: tuple[Suggestion, ...] = (),
) -> ShapeReport:
    """The report of a plan whose results `tensors` go to `path`; the last of them is the main one."""
    readings = [
        (None, None) if is_anonymous(reading.layout) else (reading.layout, reading.source)
        for reading in plan.readings
    ]
    return ShapeReport(
        command=command,
        compatibility=compatibility([spec.shape for spec in plan.specs]),
        inputs=tuple(
            _input_row(spec, layout, source)
            for spec, (layout, source) in zip(plan.specs, readings, strict=True)
        ),
        axes=plan.axes,
        pipeline=plan.pipeline,
        output=_output_row(tensors[-1][0], path),
        levels=tuple(_output_row(tensor, path) for tensor, _ in tensors) if len(tensors) > 1 else (),
        mask=_mask_row(plan),
        suggestions=suggestions,
        warnings=plan.warnings,
        summary=plan.summary,
    )


def refusal_report(
    error: ShapeError, specs: Sequence[TensorSpec], options: Options, ways: tuple[Suggestion, ...]
) -> ShapeReport:
    """The report of tensors that do not fuse as asked: their sizes side by side, and why not."""
    try:
        readings = resolve_layouts(specs, options.layout, needed=False)
    except ShapeError:
        readings = resolve_layouts(specs, None, needed=False)
    named = [(None, None) if is_anonymous(it.layout) else (it.layout, it.source) for it in readings]
    layout = align([reading.layout for reading in readings])
    sizes = [reading.sizes(spec.shape) for reading, spec in zip(readings, specs, strict=True)]
    axes = tuple(
        AxisRow(letter, tuple(size.get(letter) for size in sizes), ("",) * len(specs), None)
        for letter in layout
    )
    return ShapeReport(
        command="inspect",
        compatibility=compatibility([spec.shape for spec in specs]),
        inputs=tuple(_input_row(spec, *name) for spec, name in zip(specs, named, strict=True)),
        axes=axes,
        pipeline={"method": options.method, "combine": options.combine, "channels": options.channels},
        output=None,
        problem=str(error),
        suggestions=ways,
        summary=f"{options.method}, {options.combine}: cannot be fused as asked",
    )


def _input_row(spec: TensorSpec, layout: str | None, source: str | None) -> InputRow:
    return InputRow(spec.name, spec.path, spec.key, spec.format, spec.shape, spec.dtype.name, layout, source)


def _output_row(tensor: OutputTensor, path: str | None) -> OutputRow:
    row = None
    if path is not None:
        row = FORMATS["npy"] if path == STREAM else find_format(path)
    return OutputRow(
        path=path,
        key=tensor.key or None,
        format=row.name if row else None,
        shape=tensor.shape,
        dtype=tensor.dtype.name,
        layout=tensor.layout,
        bytes=math.prod(tensor.shape) * tensor.dtype.itemsize,
    )


def _mask_row(plan: FusionPlan) -> MaskRow | None:
    used = plan.mask
    if used is None:
        return None
    return MaskRow(used.name, used.shape, used.layout or None, used.mode, used.inverted, used.inputs)
