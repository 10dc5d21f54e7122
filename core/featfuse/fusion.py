"""The verbs: fuse, inspect, resize. The command line and the Python API are these functions."""

import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Unpack, overload

from featfuse.errors import RunError, ShapeError, UsageError
from featfuse.formats import find_format
from featfuse.io.address import Address
from featfuse.io.inputs import Source
from featfuse.io.job import DEFAULT_KEY, Delivery, Job, planned_output, report_of
from featfuse.io.open_request import OpenRequest, open_request
from featfuse.io.outputs import alone_with, check_save_kernel
from featfuse.io.own_inputs import check_own_inputs
from featfuse.model.tensor import Array
from featfuse.planning.plan import FusionPlan
from featfuse.process.limits import DEFAULT_MEMORY, Limits, Progress, parse_memory
from featfuse.report.reports import refusal_report
from featfuse.report.shape_report import ShapeReport, Suggestion
from featfuse.request.options import FusionOptions, Options

__all__ = ["default_output", "deliver", "fuse", "inspect", "resize"]

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
    if out is None and (dry_run or sidecar):
        Options.resolve(options)
        raise UsageError(
            f"{'dry_run' if dry_run else 'sidecar'} needs out",
            hint="inspect plans without one.",
        )
    how = Delivery(None if out is None else str(out), force, sync, dry_run, sidecar, save_kernel)
    return deliver(inputs, options, how, Limits(parse_memory(memory), threads, progress), started)


def deliver(
    inputs: Sequence[Source], options: FusionOptions, how: Delivery, limits: Limits, started: float
) -> Array | ShapeReport:
    """Fuse and deliver: the array, or the report of what was written. Raises what `fuse` raises."""
    force, dry_run = how.force, how.dry_run
    alone = alone_with(() if dry_run else how.outputs, how.root)
    with _memory_faults(), alone, open_request(inputs, options, limits.memory) as request:
        plan = _plan_or_offer(request, how)
        replaced = check_own_inputs(request.sources.named, how.outputs, force=force, dry_run=dry_run)
        check_save_kernel(plan, how.save_kernel, how.out, force=force)
        job = Job(plan, request, limits, how, replaced)
        return job.collect() if how.out is None else job.deliver(started)


def _plan_or_offer(request: OpenRequest, how: Delivery) -> FusionPlan:
    """The plan; a ShapeError says which commands would work."""
    try:
        return request.plan()
    except ShapeError as error:
        commands = _commands(request.suggestions(), request.sources.texts, how.out, force=how.force)
        raise ShapeError(error.message, details=error.details, hint=error.hint, commands=commands) from None


def _commands(ways: Sequence[Suggestion], texts: Sequence[str], out: str | None, *, force: bool) -> list[str]:
    """The first few commands that would work, with the caller's own output."""
    default = out is None or str(out) == default_output(texts)
    target = ("" if default else f" --out {shlex.quote(str(out))}") + (" --force" if force else "")
    return [f"{way.command}{target}" for way in ways[:MOST_COMMANDS]]


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


def inspect(*inputs: Source, **options: Unpack[FusionOptions]) -> ShapeReport:
    """Can these be fused, and how? Reads headers only; shapes, arrays and paths are taken.

    The report's `problem` says why not (None when they can); `suggestions` are commands that would
    work, with the shape each gives. Raises UsageError and InputError, never ShapeError.

    >>> featfuse.inspect((1, 64, 64, 32), (1, 32, 32, 16)).compatibility
    'mismatch'
    """
    with open_request(inputs, options) as request:
        ways = request.suggestions()
        try:
            plan = request.plan()
        except ShapeError as error:
            return refusal_report(error, request.sources.specs, request.options, request.extras, ways)
        return report_of("inspect", plan, request, [planned_output(plan)], ways)


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
    path = Address.parse(inputs[0]).path
    return DEFAULT_KEY + (Path(path).suffix.lower() if find_format(path) else ".npy")
