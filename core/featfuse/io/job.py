"""A job: a plan, the open request it is for, and where the result goes."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np

from featfuse.errors import RunError
from featfuse.formats import OutputTensor, Sink, output_format
from featfuse.io.address import Address
from featfuse.io.open_request import OpenRequest
from featfuse.io.outputs import begin_beside, begin_output, check_sidecar
from featfuse.io.sinks import check_output
from featfuse.model.tensor import Array, TensorSpec, Window
from featfuse.model.value import Value
from featfuse.planning.build import build_level, build_steps
from featfuse.planning.plan import FusionPlan, Level
from featfuse.process.limits import Limits
from featfuse.report.describe import warnings
from featfuse.report.reports import plan_report
from featfuse.report.shape_report import OutputRow, ShapeReport, Suggestion
from featfuse.steps.base import COVERED, MASKED, NO_SHARE, Run, Step
from featfuse.steps.convert import OUT_OF_RANGE
from featfuse.steps.execute import execute
from featfuse.steps.overflow import BECAME_INF, BECAME_NAN
from featfuse.storage.byte_output import OutputFile
from featfuse.wording import phrase, worded

__all__ = ["DEFAULT_KEY", "Delivery", "Job", "planned_output", "report_of"]

DEFAULT_KEY = "fused"


class Delivery(Value):
    """How the result is delivered: to `out` (None: as an array), and what goes beside it.

    With `root`, a path without links, the output is in that folder or nowhere.
    """

    out: str | None = None
    force: bool = False
    sync: bool = True
    dry_run: bool = False
    sidecar: bool = False
    save_kernel: str | Path | None = None
    root: str | None = None

    @property
    def outputs(self) -> list[str]:
        """Every file or tensor that is written, as `PATH[::KEY]`."""
        sidecar = f"{Address.parse(self.out).path}.json" if self.out is not None and self.sidecar else None
        return [str(place) for place in (self.out, sidecar, self.save_kernel) if place is not None]


class Job(Value):
    """A plan that can be run: once, with the inputs of `request`, within `limits`.

    `warnings` are known before it runs.
    """

    plan: FusionPlan
    request: OpenRequest
    limits: Limits
    delivery: Delivery
    warnings: tuple[str, ...] = ()

    def collect(self) -> tuple[Array, tuple[str, ...]]:
        """The result as an array, and the warnings."""
        plan, run = self.plan, self._run()
        result = np.empty(plan.shape, dtype=plan.dtype)

        def store(window: Window, block: Array) -> None:
            result[window] = block

        with self.request.sources.held_still():
            root = build_steps(plan)
            execute(run, root, store, self.limits)
            found = self._check_overflow(run, root.size)
        with ExitStack() as stack:
            for output in self._beside(None, {}, stack):
                output.commit()
        planned = warnings(plan, [spec.name for spec in self.request.sources.specs])
        return result, (*self.warnings, *planned, *found)

    def deliver(self, started: float) -> ShapeReport:
        """Write the result (or, on a dry run, only check that it could be): the report of it.

        `started` is when the caller began, on `time.perf_counter`.
        """
        how, plan = self.delivery, self.plan
        assert how.out is not None
        path, key = Address.parse(how.out)
        levels = _levels(plan, path, key)
        tensors = _tensors(plan, levels, self.request.sources.specs, path, key)
        report = report_of("fuse", plan, self.request, [_output_row(it, path) for it in tensors])
        report = report._replace(warnings=self.warnings + report.warnings)
        if how.dry_run:
            check_output(path, plan.dtype, key=key, force=True)
        place = f"{path}.json" if how.sidecar else None
        if place is not None:
            check_sidecar(place, force=how.force or how.dry_run)
        if how.dry_run:
            return report
        row = output_format(path)
        told = place is not None or (row is not None and row.metadata)
        provenance = _provenance(report) if told else {}
        run = self._run()
        with ExitStack() as stack:
            sink = begin_output(
                path, key, tensors, provenance, stack, force=how.force, sync=how.sync, root=how.root
            )
            beside = self._beside(place, provenance, stack)
            with self.request.sources.held_still():
                found = self._stream(run, sink, tensors, levels)
            for output in (sink, *beside):
                output.commit()
        seconds = time.perf_counter() - started
        return report.finished(seconds=seconds, warnings=found, notes=self._notes(run))

    def _run(self) -> Run:
        return Run(self.request.sources.read, self.limits.memory)

    def _beside(
        self, sidecar: str | None, provenance: Mapping[str, object], stack: ExitStack
    ) -> list[Sink | OutputFile]:
        how = self.delivery
        return begin_beside(
            self.plan, how.save_kernel, sidecar, provenance, stack, force=how.force, sync=how.sync
        )

    def _stream(
        self, run: Run, sink: Sink, tensors: Sequence[OutputTensor], levels: Sequence[Level]
    ) -> tuple[str, ...]:
        """Compute into the output; returns the warnings."""
        total = 0
        for tensor, root in zip(tensors, _roots(self.plan, levels), strict=True):
            execute(run, root, partial(sink.write, tensor.key), self.limits)
            total += root.size
        return self._check_overflow(run, total)

    def _check_overflow(self, run: Run, total: int) -> tuple[str, ...]:
        """Warnings for what was counted; RunError for integers that do not fit, unless they may saturate."""
        name, clipped = self.plan.dtype.name, run.tally[OUT_OF_RANGE]
        if clipped and self.plan.options.on_overflow == "error":
            raise RunError(
                f"{clipped} of {total} values do not fit {name}; nothing was written",
                hint=phrase("Choose a wider {dtype}, or {on_overflow:saturate} to clip them."),
            )
        told = [f"{clipped} of {total} values did not fit {name} and were clipped"] if clipped else []
        return (*told, *filter(None, (self._became_inf(run, total), self._no_share(run))))

    @staticmethod
    def _no_share(run: Run) -> str:
        outside = run.tally[NO_SHARE]
        told = "the mask has values outside 0 to 1, by which the result is multiplied"
        return f"{told}; {worded('mask_scale', 255)} divides them by 255" if outside else ""

    def _became_inf(self, run: Run, total: int) -> str:
        counts = {"inf": run.tally[BECAME_INF], "NaN": run.tally[BECAME_NAN]}
        became = " or ".join(name for name, count in counts.items() if count)
        told = f"{sum(counts.values())} of {total} finite values became {became} in {self.plan.dtype.name}"
        return told if became else ""

    def _notes(self, run: Run) -> tuple[str, ...]:
        """What the run measured: how much the mask covers, what a PCA explains."""
        notes = []
        if self.plan.fusion.mask is not None and run.sums[MASKED]:
            notes.append(f"mask covers {run.sums[COVERED] / run.sums[MASKED]:.1%}")
        return (*notes, *run.notes)


def report_of(
    command: str,
    plan: FusionPlan,
    request: OpenRequest,
    outputs: Sequence[OutputRow],
    suggestions: tuple[Suggestion, ...] = (),
) -> ShapeReport:
    """The report of a plan for an open request."""
    return plan_report(command, plan, request.sources.specs, request.extras, outputs, suggestions)


def planned_output(plan: FusionPlan) -> OutputRow:
    """The result of a plan that goes nowhere yet."""
    return _output_row(OutputTensor("", plan.shape, plan.dtype, plan.out_layout), None)


def _is_container(path: str) -> bool:
    row = output_format(path)
    return row is not None and row.container


def _levels(plan: FusionPlan, path: str, key: str | None) -> tuple[Level, ...]:
    """The levels of a fold that are written: all of them where the file can hold several."""
    return plan.levels if _is_container(path) and key is None else ()


def _tensors(
    plan: FusionPlan, levels: Sequence[Level], specs: Sequence[TensorSpec], path: str, key: str | None
) -> list[OutputTensor]:
    """What the output will hold: the result, or every level of a fold."""
    if not levels:
        name = (key or DEFAULT_KEY) if _is_container(path) else (key or "")
        return [OutputTensor(name, plan.shape, plan.dtype, plan.sure_layout)]
    keys = _level_keys([specs[level.place].name for level in levels])
    return [
        OutputTensor(name, level.shape, level.dtype, level.layout)
        for name, level in zip(keys, levels, strict=True)
    ]


def _level_keys(names: Sequence[str]) -> list[str]:
    """A key per level: the input's own key, or its file's stem, numbered when they repeat."""
    keys: list[str] = []
    for place, name in enumerate(names):
        path, _, key = name.partition("::")
        stem = key.rsplit("/", 1)[-1] or Path(path).stem.replace(" ", "")
        keys.append(stem if stem not in keys else f"{stem}-{place + 1}")
    return keys


def _roots(plan: FusionPlan, levels: Sequence[Level]) -> Iterator[Step]:
    """What computes each output tensor."""
    for level in levels[:-1]:
        yield build_level(level, plan.layout)
    yield build_steps(plan)


def _output_row(tensor: OutputTensor, path: str | None) -> OutputRow:
    row = None if path is None else output_format(path)
    return OutputRow(
        path=path,
        key=tensor.key or None,
        format=row.name if row else None,
        shape=tensor.shape,
        dtype=tensor.dtype.name,
        layout=tensor.layout,
        bytes=math.prod(tensor.shape) * tensor.dtype.itemsize,
    )


def _provenance(report: ShapeReport) -> dict[str, object]:
    """What the output says about its making."""
    facts = report.to_dict()
    inputs = [
        {name: row[name] for name in ("name", "shape", "dtype", "layout")}
        for row in facts["inputs"]  # type: ignore[attr-defined]
    ]
    return {"version": facts["featfuse"], "inputs": inputs, "pipeline": facts["pipeline"]}
