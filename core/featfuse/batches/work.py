"""The work on one item, in whichever process it happens: plan it, or fuse it. Errors become text."""

import math
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from featfuse.errors import FeatfuseError, RunError, UsageError
from featfuse.io.address import Address
from featfuse.process.limits import Limits, TooLittleMemory
from featfuse.request.options import FusionOptions
from featfuse.storage import place
from featfuse.wording import for_python, phrase

__all__ = ["Outcome", "Task", "fuse_item", "make_folder", "plan_item"]


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker needs: plain values, so that it travels to other processes and machines.

    `memory` and `threads` are its share of those of all `jobs`; `for_python` tells who reads its errors. With
    `root`, a path without links, the output is in that folder or nowhere.
    """

    id: str
    inputs: tuple[Address, ...]
    out: Address
    options: Mapping[str, Any]
    memory: int
    threads: int
    jobs: int = 1
    force: bool = False
    sync: bool = True
    for_python: bool = False
    root: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an item: `status` is done, planned, staged, skipped, missing or failed.

    `shape`, `dtype` and `layout` describe the result, `bytes` its data, `error` why there is none.
    """

    id: str
    status: str
    out: str
    error: str | None = None
    shape: tuple[int, ...] = ()
    dtype: str = ""
    layout: str | None = None
    bytes: int = 0
    seconds: float = 0.0
    warnings: tuple[str, ...] = field(default=())


def fuse_item(task: Task) -> Outcome:
    """Fuse one item to its output; never raises what a user can cause."""
    from featfuse.fusion import fuse_to_file
    from featfuse.io.job import Delivery

    def work() -> Outcome:
        make_folder(task.out, task.root)
        options = cast(FusionOptions, dict(task.options))
        delivery = Delivery(str(task.out), task.force, task.sync, root=task.root)
        report = fuse_to_file(task.inputs, options, delivery, Limits(task.memory, task.threads))
        output = report.output
        assert output is not None
        result = Outcome(task.id, "done", str(task.out), None, output.shape, output.dtype, output.layout)
        return replace(result, bytes=output.bytes, warnings=report.warnings)

    return _attempt(task, work)


def plan_item(task: Task) -> Outcome:
    """Plan one item from headers alone."""
    from featfuse.formats.registry import find_format, unknown_suffix
    from featfuse.io.open_request import open_request
    from featfuse.report.describe import warnings

    def work() -> Outcome:
        path = task.out.path
        with open_request(task.inputs, cast(FusionOptions, dict(task.options))) as request:
            plan = request.plan()
            names = [spec.name for spec in request.sources.specs]
        row = find_format(path)
        if row is None:
            raise unknown_suffix(path, "Write to a .npy, .h5 or .safetensors.")
        if not row.stores(plan.dtype):
            raise UsageError(
                f"{task.out}: {row.name} cannot store {plan.dtype.name}",
                hint=phrase("Give {dtype:float32}."),
            )
        size = math.prod(plan.shape) * plan.dtype.itemsize
        return Outcome(
            task.id,
            "planned",
            str(task.out),
            None,
            plan.shape,
            plan.dtype.name,
            plan.out_layout,
            size,
            warnings=warnings(plan, names),
        )

    return _attempt(task, work)


def _attempt(task: Task, work: Callable[[], Outcome]) -> Outcome:
    started = time.perf_counter()
    with for_python(task.for_python):
        result = _outcome(task, work)
    return replace(result, seconds=time.perf_counter() - started)


def _outcome(task: Task, work: Callable[[], Outcome]) -> Outcome:
    try:
        return work()
    except TooLittleMemory as error:
        why = str(error.shared(task.jobs))
    except FeatfuseError as error:
        why = _without_commands(error)
    except MemoryError:
        why = phrase("not enough memory; a smaller {memory} may help")
    except Exception:  # a bug costs its item only, and is told whole
        why = f"a bug in featfuse:\n{traceback.format_exc()}"
    return Outcome(task.id, "failed", str(task.out), why)


def make_folder(out: Address, root: str | None = None) -> None:
    """Make the folder of an output, which may not leave `root`; RunError when that cannot be."""
    folder = Path(out.path).parent
    try:
        place.make_folder(str(folder), root)
    except OSError as error:
        raise RunError(f"{folder}: the folder cannot be made: {error.strerror}") from None


def _without_commands(error: FeatfuseError) -> str:
    """What is wrong and what would mend it, without the list of commands: a batch has many of them."""
    return str(FeatfuseError(error.message, details=error.details, hint=error.hint))
