"""The verbs: fuse, inspect, resize. The command line and the Python API are these functions."""

import json
import shlex
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack, cast, overload

import numpy as np

from featfuse.errors import RunError, ShapeError, UsageError
from featfuse.execute import DEFAULT_MEMORY, Limits, Progress, execute, parse_memory
from featfuse.formats import FORMATS, STREAM, check_output, create_sink, find_format, split_input
from featfuse.formats.base import OutputTensor, Sink
from featfuse.inputs import Inputs, Source
from featfuse.layout import align, is_anonymous, resolve_layouts
from featfuse.options import FusionOptions, Options
from featfuse.plan import FusionPlan, compatibility, make_plan
from featfuse.report import AxisRow, InputRow, OutputRow, ShapeReport, Suggestion
from featfuse.steps.convert import OUT_OF_RANGE, OVERFLOW_TO_INF
from featfuse.suggest import suggest
from featfuse.tensor import Array, TensorSpec, Window

__all__ = ["default_output", "fuse", "inspect", "resize"]

DEFAULT_KEY = "fused"
MOST_COMMANDS = 6
"""An error shows the first few ways out; `fuse inspect` shows them all."""


@overload
def fuse(
    *inputs: Source,
    out: None = None,
    memory: str | int = ...,
    threads: int | None = ...,
    progress: Progress | None = ...,
    **options: Unpack[FusionOptions],
) -> Array: ...


@overload
def fuse(
    *inputs: Source,
    out: str | Path,
    force: bool = ...,
    dry_run: bool = ...,
    sidecar: bool = ...,
    memory: str | int = ...,
    threads: int | None = ...,
    progress: Progress | None = ...,
    **options: Unpack[FusionOptions],
) -> ShapeReport: ...


def fuse(
    *inputs: Source,
    out: str | Path | None = None,
    force: bool = False,
    dry_run: bool = False,
    sidecar: bool = False,
    memory: str | int = DEFAULT_MEMORY,
    threads: int | None = None,
    progress: Progress | None = None,
    **options: Unpack[FusionOptions],
) -> Array | ShapeReport:
    """Bring the inputs to one shape and combine them.

    Inputs are arrays or `PATH[::KEY]`; options are the command line's, underscores for dashes. With
    `out` (a path) the result is streamed there in about `memory` bytes and the report is returned;
    without it the result comes back as an array. `dry_run` plans and reports, and writes nothing.
    `sidecar` writes inputs and pipeline as JSON beside the output.

    Raises UsageError, ShapeError (the shapes do not fuse as asked; its `commands` would), InputError
    (a file is unreadable) or RunError (the output exists, no space, integers that do not fit).

    >>> featfuse.fuse(a, b, method="bilinear", layout="NCHW")   # (1, 16, 64, 64) and (1, 16, 32, 32)
    """
    started = time.perf_counter()
    resolved = Options.resolve(options)
    limits = Limits(parse_memory(memory), threads, progress)
    with Inputs(inputs) as sources:
        like = _like_spec(resolved)
        try:
            plan = make_plan(sources.specs, resolved, like)
        except ShapeError as error:
            ways = suggest(sources.specs, sources.texts, options, like)
            raise ShapeError(error.message, hint=error.hint, commands=_commands(ways, out)) from None
        if out is None:
            return _collect(plan, sources, resolved, limits)
        path, key = split_input(str(out))
        report = _report("fuse", plan, _output_row(plan, path, key))
        check_output(path, plan.dtype, key=key, force=force)
        if not dry_run:
            provenance = _provenance(report)
            sink = _open_sink(plan, report, key, provenance, force=force)
            warnings = _stream(plan, sources, sink, report, resolved, limits)
            if sidecar:
                Path(f"{path}.json").write_text(json.dumps(provenance, indent=2) + "\n")
            report = report.finished(seconds=time.perf_counter() - started, warnings=warnings)
        return report


def _commands(ways: Sequence[Suggestion], out: str | Path | None) -> list[str]:
    """The first few commands that would work, with the caller's own output."""
    default = out is None or Path(str(out)).stem == DEFAULT_KEY
    target = "" if default else f" --out {shlex.quote(str(out))}"
    return [f"{way.command}{target}" for way in ways[:MOST_COMMANDS]]


def _collect(plan: FusionPlan, sources: Inputs, options: Options, limits: Limits) -> Array:
    """Compute into an array."""
    result = np.empty(plan.shape, dtype=plan.dtype)

    def store(window: Window, block: Array) -> None:
        result[window] = block

    _check_overflow(execute(plan, sources.read, store, limits), plan, options)
    return result


def _open_sink(
    plan: FusionPlan, report: ShapeReport, key: str | None, provenance: dict[str, object], *, force: bool
) -> Sink:
    assert report.output is not None
    assert report.output.path is not None
    tensor = OutputTensor(report.output.key or "", plan.shape, plan.dtype, plan.layout)
    words = {f"featfuse.{field}": json.dumps(value) for field, value in provenance.items()}
    return create_sink(report.output.path, [tensor], provenance=words, key=key, force=force)


def _stream(
    plan: FusionPlan, sources: Inputs, sink: Sink, report: ShapeReport, options: Options, limits: Limits
) -> tuple[str, ...]:
    """Compute into the output file, which appears whole or not at all; returns the warnings."""
    name = (report.output.key or "") if report.output else ""
    try:
        tally = execute(plan, sources.read, lambda window, block: sink.write(name, window, block), limits)
        warnings = _check_overflow(tally, plan, options)
        sink.commit()
    except BaseException:
        sink.abort()
        raise
    return warnings


def inspect(*inputs: Source, **options: Unpack[FusionOptions]) -> ShapeReport:
    """Can these be fused, and how? Reads headers only; shapes, arrays and paths are taken.

    The report's `problem` says why not (None when they can); `suggestions` are commands that would
    work, with the shape each gives. Raises UsageError and InputError, never ShapeError.

    >>> featfuse.inspect((1, 64, 64, 32), (1, 32, 32, 16)).compatibility
    'mismatch'
    """
    resolved = Options.resolve(options)
    with Inputs(inputs) as sources:
        like = _like_spec(resolved)
        ways = suggest(sources.specs, sources.texts, options, like)
        try:
            plan = make_plan(sources.specs, resolved, like)
        except ShapeError as error:
            return _refused(error, sources.specs, resolved, ways)
        return _report("inspect", plan, _output_row(plan, None, None), ways)


def resize(
    x: Array | str | Path,
    size: int | tuple[int, ...] | None,
    *,
    memory: str | int = DEFAULT_MEMORY,
    threads: int | None = None,
    **options: Unpack[FusionOptions],
) -> Array:
    """One map brought to `size`, one number per spatial axis (H, W; D, H, W; or W).

    `size` None lets the geometry of --pool-size decide. Other options are those of `fuse`; the default
    method is bilinear.

    >>> featfuse.resize(x, (128, 128), method="bicubic", layout="NCHW", convention="tf")  # (1, 3, 128, 128)
    """
    options.setdefault("method", "bilinear")
    if size is not None:
        options["to"] = (size,) if isinstance(size, int) else tuple(size)
    return fuse(x, memory=memory, threads=threads, **options)


def default_output(inputs: Sequence[str]) -> str:
    """`fused` with the first input's suffix, in the working directory."""
    path, _ = split_input(inputs[0])
    return DEFAULT_KEY + (Path(path).suffix.lower() if find_format(path) else ".npy")


def _like_spec(options: Options) -> TensorSpec | None:
    """The header of the tensor that --like names."""
    if options.like is None:
        return None
    with Inputs([cast(Source, options.like)]) as inputs:
        if len(inputs.specs) != 1:
            raise UsageError(
                f"--like {options.like}: {len(inputs.specs)} tensors match",
                hint="Name one tensor with ::KEY.",
            )
        return inputs.specs[0]


def _check_overflow(tally: Counter[str], plan: FusionPlan, options: Options) -> tuple[str, ...]:
    """Warnings for what was counted; RunError for integers that do not fit, unless they may saturate."""
    total = max(1, plan.root.size)
    clipped = tally[OUT_OF_RANGE]
    if clipped and options.on_overflow == "error":
        raise RunError(
            f"{clipped} of {total} values do not fit {plan.dtype.name}; nothing was written",
            hint="Choose a wider --dtype, or --on-overflow saturate to clip them.",
        )
    warnings = []
    if clipped:
        warnings.append(f"{clipped} of {total} values did not fit {plan.dtype.name} and were clipped")
    if tally[OVERFLOW_TO_INF]:
        warnings.append(f"{tally[OVERFLOW_TO_INF]} of {total} finite values became inf in {plan.dtype.name}")
    return tuple(warnings)


def _provenance(report: ShapeReport) -> dict[str, object]:
    """What the output says about its making."""
    facts = report.to_dict()
    inputs = [
        {name: row[name] for name in ("name", "shape", "dtype", "layout")}
        for row in facts["inputs"]  # type: ignore[attr-defined]
    ]
    return {"version": facts["featfuse"], "inputs": inputs, "pipeline": facts["pipeline"]}


def _report(
    command: str, plan: FusionPlan, output: OutputRow, suggestions: tuple[Suggestion, ...] = ()
) -> ShapeReport:
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
        output=output,
        suggestions=suggestions,
        warnings=plan.warnings,
        summary=plan.summary,
    )


def _refused(
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
        problem="\n".join(line for line in (error.message, error.hint) if line),
        suggestions=ways,
        summary=f"{options.method}, {options.combine}: cannot be fused as asked",
    )


def _input_row(spec: TensorSpec, layout: str | None, source: str | None) -> InputRow:
    return InputRow(spec.name, spec.path, spec.key, spec.format, spec.shape, spec.dtype.name, layout, source)


def _output_row(plan: FusionPlan, path: str | None, key: str | None) -> OutputRow:
    """`key` None in a container stands for the default key."""
    row = None
    if path is not None:
        row = FORMATS["npy"] if path == STREAM else find_format(path)
    if row is not None and row.container:
        key = key or DEFAULT_KEY
    return OutputRow(
        path=path,
        key=key,
        format=row.name if row else None,
        shape=plan.shape,
        dtype=plan.dtype.name,
        layout=plan.layout,
        bytes=plan.root.size * plan.dtype.itemsize,
    )
