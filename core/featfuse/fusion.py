"""One fusion, from what a caller names to its result. The command line, the Python verbs and the workers of a
batch are these functions."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from featfuse.errors import RunError, ShapeError, UsageError
from featfuse.formats import find_format
from featfuse.io.address import Address
from featfuse.io.inputs import Source, is_place
from featfuse.io.job import DEFAULT_KEY, Delivery, Job, planned_output, report_of
from featfuse.io.open_request import OpenRequest, open_request
from featfuse.io.outputs import alone_with, check_save_kernel
from featfuse.io.own_inputs import check_own_inputs
from featfuse.model.tensor import Array
from featfuse.planning.plan import FusionPlan
from featfuse.process.limits import DEFAULT_MEMORY, Limits, Progress, parse_memory
from featfuse.report.reports import refusal_report
from featfuse.report.shape_report import ShapeReport
from featfuse.request.options import FusionOptions
from featfuse.wording import is_for_python, phrase, worded

if TYPE_CHECKING:
    from featfuse.report.contents import Contents

__all__ = ["default_output", "fuse_to_array", "fuse_to_file", "inspect_inputs"]

MOST_COMMANDS = 6
"""An error shows the first few ways out; `fuse inspect` shows them all."""


def fuse_to_file(
    inputs: Sequence[Source], options: FusionOptions, delivery: Delivery, limits: Limits
) -> ShapeReport:
    """Fuse the inputs to `delivery.out`, in about `limits.memory` bytes: the report of it.

    Raises UsageError, ShapeError (the shapes do not fuse as asked; its `commands` would), InputError
    (a file is unreadable) or RunError (the output exists, no space, integers that do not fit).
    """
    started = time.perf_counter()
    with _ready(inputs, options, delivery, limits) as job:
        return job.deliver(started)


def fuse_to_array(
    inputs: Sequence[Source], options: FusionOptions, delivery: Delivery, limits: Limits
) -> tuple[Array, tuple[str, ...]]:
    """The result as an array, with what there is to warn of. Raises what `fuse_to_file` does."""
    with _ready(inputs, options, delivery, limits) as job:
        return job.collect()


@contextmanager
def _ready(inputs: Sequence[Source], options: FusionOptions, how: Delivery, limits: Limits) -> Iterator[Job]:
    """The planned job, with its files open, and its outputs its own, to the end of the block."""
    force, dry_run = how.force, how.dry_run
    alone = alone_with(() if dry_run else how.outputs, how.root)
    with _memory_faults(), alone, open_request(inputs, options, limits.memory) as request:
        plan = _plan_or_offer(request, how)
        replaced = check_own_inputs(request.sources.named, how.outputs, force=force, dry_run=dry_run)
        check_save_kernel(plan, how.save_kernel, how.out, force=force)
        yield Job(plan, request, limits, how, replaced)


def _plan_or_offer(request: OpenRequest, how: Delivery) -> FusionPlan:
    """The plan; a ShapeError says which commands, with the caller's own output, would work."""
    try:
        return request.plan()
    except ShapeError as error:
        named = how.out is not None and (is_for_python() or how.out != default_output(request.sources.texts))
        given = {"out": how.out if named else None, "force": True if how.force else None}
        ways = request.suggestions({name: value for name, value in given.items() if value is not None})
        commands = [way.command for way in ways[:MOST_COMMANDS]]
        raise ShapeError(error.message, details=error.details, hint=error.hint, commands=commands) from None


@contextmanager
def _memory_faults() -> Iterator[None]:
    """Turn a MemoryError of the block into a RunError."""
    try:
        yield
    except MemoryError as error:
        raise RunError(
            f"not enough memory{f': {error}' if str(error) else ''}",
            hint=phrase("A smaller {memory} or fewer {threads} need less."),
        ) from error


def inspect_inputs(
    inputs: Sequence[Source],
    options: FusionOptions,
    *,
    stats: bool = False,
    memory: str | int | None = None,
    progress: Progress | None = None,
) -> "ShapeReport | Contents":
    """What would come of the inputs, from their headers: the report's `problem` says why they do not fuse,
    its `suggestions` what would work. Of one place or array without options, and with `stats`, what is in it.

    Raises UsageError and InputError, never ShapeError; with `stats` RunError when a file changes meanwhile.
    """
    given = [name for name, value in options.items() if value is not None]
    if stats and given:
        raise UsageError(
            f"{worded('stats')} and {worded(given[0])} exclude each other: "
            "statistics are of the inputs as they are",
            hint=f"Leave {worded(given[0])} out, or fuse first.",
        )
    if memory is not None and not stats:
        raise UsageError(
            phrase("{memory} is not used without {stats}: only headers are read"), hint="Leave it out."
        )
    alone = len(inputs) == 1 and not given and not _is_shape(inputs[0])
    if stats or alone:
        from featfuse.io.listing import list_contents

        limits = Limits(parse_memory(memory or DEFAULT_MEMORY), None, progress)
        return list_contents(inputs, limits if stats else None)
    with open_request(inputs, options) as request:
        ways = request.suggestions()
        try:
            plan = request.plan()
        except ShapeError as error:
            return refusal_report(error, request.sources.specs, request.options, request.extras, ways)
        return report_of("inspect", plan, request, [planned_output(plan)], ways)


def _is_shape(source: Source) -> bool:
    return isinstance(source, tuple) and not is_place(source)


def default_output(inputs: Sequence[str]) -> str:
    """`fused` with the first input's suffix, in the working directory."""
    path = Address.parse(inputs[0]).path
    return DEFAULT_KEY + (Path(path).suffix.lower() if find_format(path) else ".npy")
