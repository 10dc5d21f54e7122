"""The verbs: fuse, inspect, resize. The command line and the Python API are these functions."""

import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Unpack, overload
from warnings import warn

import numpy as np

from featfuse.errors import RunError, ShapeError, UsageError
from featfuse.formats import FORMATS, STREAM, check_output, find_format, split_input
from featfuse.formats.base import OutputTensor, Sink
from featfuse.io.inputs import Inputs, Source
from featfuse.io.opening import check_save_kernel, open_extras
from featfuse.io.outputs import begin_beside, begin_output, check_sidecar
from featfuse.model.tensor import Array, Window
from featfuse.planning.cache import plan_for
from featfuse.planning.plan import FusionPlan, make_plan
from featfuse.process.limits import DEFAULT_MEMORY, Limits, Progress, parse_memory
from featfuse.report.build import plan_report, refusal_report
from featfuse.report.shape_report import ShapeReport, Suggestion
from featfuse.report.suggest import suggest
from featfuse.request.options import FusionOptions, Options
from featfuse.steps.base import Run, Step
from featfuse.steps.convert import OUT_OF_RANGE, OVERFLOW_TO_INF
from featfuse.steps.execute import execute
from featfuse.steps.mask import COVERED, MASKED

__all__ = ["default_output", "fuse", "inspect", "resize"]

DEFAULT_KEY = "fused"
MOST_COMMANDS = 6
"""An error shows the first few ways out; `fuse inspect` shows them all."""


@overload
def fuse(
    *inputs: Source,
    out: None = None,
    save_kernel: str | Path | None = ...,
    force: bool = ...,
    sync: bool = ...,
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
    sync: bool = ...,
    dry_run: bool = ...,
    sidecar: bool = ...,
    save_kernel: str | Path | None = ...,
    memory: str | int = ...,
    threads: int | None = ...,
    progress: Progress | None = ...,
    **options: Unpack[FusionOptions],
) -> ShapeReport: ...


def fuse(
    *inputs: Source,
    out: str | Path | None = None,
    force: bool = False,
    sync: bool = True,
    dry_run: bool = False,
    sidecar: bool = False,
    save_kernel: str | Path | None = None,
    memory: str | int = DEFAULT_MEMORY,
    threads: int | None = None,
    progress: Progress | None = None,
    **options: Unpack[FusionOptions],
) -> Array | ShapeReport:
    """Bring the inputs to one shape and combine them.

    Inputs are arrays or `PATH[::KEY]`; options are the command line's, underscores for dashes. With
    `out` (a path) the result is streamed there in about `memory` bytes and the report is returned;
    without it the result comes back as an array. `dry_run` plans and reports, and writes nothing.
    `sidecar` writes inputs and pipeline as JSON beside the output; `save_kernel` keeps the untrained
    kernel of `reduce="conv1x1"` in a file. `sync=False` does not wait for the disk: faster, but a power
    cut may leave a damaged output.

    Raises UsageError, ShapeError (the shapes do not fuse as asked; its `commands` would), InputError
    (a file is unreadable) or RunError (the output exists, no space, integers that do not fit). Where finite
    values became inf, the report says so, or a RuntimeWarning beside an array.

    >>> featfuse.fuse(a, b, method="bilinear", layout="NCHW")   # (1, 16, 64, 64) and (1, 16, 32, 32)
    """
    started = time.perf_counter()
    resolved = Options.resolve(options)
    if out is None and (dry_run or sidecar):
        raise UsageError(
            f"{'dry_run' if dry_run else 'sidecar'} needs out",
            hint="inspect plans without one.",
        )
    limits = Limits(parse_memory(memory), threads, progress)
    with _memory_faults(), Inputs(inputs, memory=limits.memory) as sources:
        extras = open_extras(sources, resolved)
        try:
            plan = plan_for(sources.specs, resolved, extras)
        except ShapeError as error:
            ways = suggest(sources.specs, sources.texts, options, extras)
            raise ShapeError(
                error.message,
                details=error.details,
                hint=error.hint,
                commands=_commands(ways, sources.texts, out, force=force),
            ) from None
        check_save_kernel(plan, save_kernel, out, force=force)
        run = Run(sources.read, limits.memory)
        if out is None:
            with sources.held_still():
                array = _collect(plan, run, resolved, limits)
            with ExitStack() as stack:
                for output in begin_beside(plan, save_kernel, None, {}, stack, force=force, sync=sync):
                    output.commit()
            return array
        path, key = split_input(str(out))
        tensors = _tensors(plan, path, key)
        report = plan_report("fuse", plan, tensors, path)
        if dry_run:
            check_output(path, plan.dtype, key=key, force=True)
        place = f"{path}.json" if sidecar else None
        if place is not None:
            check_sidecar(place, force=force or dry_run)
        if not dry_run:
            row = find_format(path)
            told = place is not None or (row is not None and row.metadata)
            provenance = _provenance(report) if told else {}
            with ExitStack() as stack:
                held = [tensor for tensor, _ in tensors]
                sink = begin_output(path, key, held, provenance, stack, force=force, sync=sync)
                beside = begin_beside(plan, save_kernel, place, provenance, stack, force=force, sync=sync)
                with sources.held_still():
                    warnings = _stream(plan, run, sink, tensors, resolved, limits)
                for output in (sink, *beside):
                    output.commit()
            report = report.finished(
                seconds=time.perf_counter() - started, warnings=warnings, notes=_notes(run, plan)
            )
        return report


def _commands(
    ways: Sequence[Suggestion], texts: Sequence[str], out: str | Path | None, *, force: bool
) -> list[str]:
    """The first few commands that would work, with the caller's own output."""
    default = out is None or str(out) == default_output(texts)
    target = ("" if default else f" --out {shlex.quote(str(out))}") + (" --force" if force else "")
    return [f"{way.command}{target}" for way in ways[:MOST_COMMANDS]]


def _tensors(plan: FusionPlan, path: str, key: str | None) -> list[tuple[OutputTensor, Step]]:
    """What the output will hold: the result, or every level of a fold when the file can hold several."""
    row = FORMATS["npy"] if path == STREAM else find_format(path)
    container = row is not None and row.container
    if plan.levels and container and key is None:
        return [
            (OutputTensor(level.key, level.root.shape, level.root.dtype, level.layout), level.root)
            for level in plan.levels
        ]
    name = (key or DEFAULT_KEY) if container else (key or "")
    return [(OutputTensor(name, plan.shape, plan.dtype, plan.layout), plan.root)]


def _collect(plan: FusionPlan, run: Run, options: Options, limits: Limits) -> Array:
    """Compute into an array."""
    result = np.empty(plan.shape, dtype=plan.dtype)

    def store(window: Window, block: Array) -> None:
        result[window] = block

    execute(run, plan.root, store, limits)
    _check_overflow(run, plan, options, plan.root.size)
    infinite = _became_inf(run, plan, plan.root.size)
    if infinite:
        warn(infinite, RuntimeWarning, stacklevel=3)
    return result


def _stream(
    plan: FusionPlan,
    run: Run,
    sink: Sink,
    tensors: Sequence[tuple[OutputTensor, Step]],
    options: Options,
    limits: Limits,
) -> tuple[str, ...]:
    """Compute into the output; returns the warnings."""
    for tensor, root in tensors:
        execute(run, root, partial(sink.write, tensor.key), limits)
    return _check_overflow(run, plan, options, sum(root.size for _, root in tensors))


@contextmanager
def _memory_faults() -> Iterator[None]:
    """Turn a MemoryError of the block into a RunError."""
    try:
        yield
    except MemoryError as error:
        raise RunError(
            f"not enough memory{f': {error}' if str(error) else ''}",
            hint="A smaller --memory or fewer --threads need less.",
        ) from error


def _notes(run: Run, plan: FusionPlan) -> tuple[str, ...]:
    """What the run measured: how much the mask covers, what a PCA explains."""
    notes = []
    if plan.mask is not None and run.sums[MASKED]:
        notes.append(f"mask covers {run.sums[COVERED] / run.sums[MASKED]:.1%}")
    return (*notes, *run.notes)


def inspect(*inputs: Source, **options: Unpack[FusionOptions]) -> ShapeReport:
    """Can these be fused, and how? Reads headers only; shapes, arrays and paths are taken.

    The report's `problem` says why not (None when they can); `suggestions` are commands that would
    work, with the shape each gives. Raises UsageError and InputError, never ShapeError.

    >>> featfuse.inspect((1, 64, 64, 32), (1, 32, 32, 16)).compatibility
    'mismatch'
    """
    resolved = Options.resolve(options)
    with Inputs(inputs) as sources:
        extras = open_extras(sources, resolved)
        ways = suggest(sources.specs, sources.texts, options, extras)
        try:
            plan = make_plan(sources.specs, resolved, extras)
        except ShapeError as error:
            return refusal_report(error, sources.specs, resolved, ways)
        tensor = OutputTensor("", plan.shape, plan.dtype, plan.layout)
        return plan_report("inspect", plan, [(tensor, plan.root)], None, ways)


def resize(
    x: Array | str | Path,
    size: int | str | tuple[int, ...] | None,
    *,
    memory: str | int = DEFAULT_MEMORY,
    threads: int | None = None,
    **options: Unpack[FusionOptions],
) -> Array:
    """One map brought to `size`, one number per spatial axis (H, W; D, H, W; or W), or a text like --to's.

    `size` None lets the geometry of --pool-size decide. Other options are those of `fuse`; the default
    method is bilinear.

    >>> featfuse.resize(x, (128, 128), method="bicubic", layout="NCHW", convention="tf")  # (1, 3, 128, 128)
    """
    options.setdefault("method", "bilinear")
    if size is not None:
        options["to"] = size if isinstance(size, str) else (size,) if isinstance(size, int) else tuple(size)
    return fuse(x, memory=memory, threads=threads, **options)


def default_output(inputs: Sequence[str]) -> str:
    """`fused` with the first input's suffix, in the working directory."""
    path, _ = split_input(inputs[0])
    return DEFAULT_KEY + (Path(path).suffix.lower() if find_format(path) else ".npy")


def _check_overflow(run: Run, plan: FusionPlan, options: Options, total: int) -> tuple[str, ...]:
    """Warnings for what was counted; RunError for integers that do not fit, unless they may saturate."""
    tally = run.tally
    clipped = tally[OUT_OF_RANGE]
    if clipped and options.on_overflow == "error":
        raise RunError(
            f"{clipped} of {total} values do not fit {plan.dtype.name}; nothing was written",
            hint="Choose a wider --dtype, or --on-overflow saturate to clip them.",
        )
    warnings = []
    if clipped:
        warnings.append(f"{clipped} of {total} values did not fit {plan.dtype.name} and were clipped")
    infinite = _became_inf(run, plan, total)
    if infinite:
        warnings.append(infinite)
    return tuple(warnings)


def _became_inf(run: Run, plan: FusionPlan, total: int) -> str:
    count = run.tally[OVERFLOW_TO_INF]
    return f"{count} of {total} finite values became inf in {plan.dtype.name}" if count else ""


def _provenance(report: ShapeReport) -> dict[str, object]:
    """What the output says about its making."""
    facts = report.to_dict()
    inputs = [
        {name: row[name] for name in ("name", "shape", "dtype", "layout")}
        for row in facts["inputs"]  # type: ignore[attr-defined]
    ]
    return {"version": facts["featfuse"], "inputs": inputs, "pipeline": facts["pipeline"]}
