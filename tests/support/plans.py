"""Plans of bare shapes: as they are, and with their invariants checked; settings for one axis."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
from featfuse import COMBINES, CONVENTIONS, METHODS
from featfuse.io.inputs import Inputs
from featfuse.io.job import planned_output
from featfuse.io.open_request import open_request
from featfuse.methods import ALIASES
from featfuse.methods.settings import AxisSettings
from featfuse.model.layout import Reading
from featfuse.model.tensor import TensorSpec
from featfuse.planning.build import build_level, build_steps
from featfuse.planning.plan import FusionPlan
from featfuse.planning.planner import make_plan
from featfuse.report.reports import plan_report
from featfuse.report.shape_report import AxisRow, ShapeReport
from featfuse.request.options import Options
from featfuse.request.table import OPTIONS
from featfuse.steps.base import Step

Shape = tuple[int, ...]


class Planned(NamedTuple):
    """A plan, and what the report says of it."""

    value: FusionPlan
    specs: Sequence[TensorSpec]
    report: ShapeReport

    @property
    def shape(self) -> Shape:
        return self.value.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.value.dtype

    @property
    def layout(self) -> str | None:
        return self.value.out_layout

    @property
    def readings(self) -> list[Reading]:
        return [member.reading for member in self.value.inputs]

    @property
    def axes(self) -> tuple[AxisRow, ...]:
        return self.report.axes

    @property
    def pipeline(self) -> Mapping[str, object]:
        return self.report.pipeline

    @property
    def summary(self) -> str:
        return self.report.summary

    @property
    def warnings(self) -> tuple[str, ...]:
        return self.report.warnings

    @property
    def root(self) -> Step:
        return build_steps(self.value)


def make_settings(
    method: str, in_size: int, out_size: int, options: dict[str, Any] | None = None
) -> AxisSettings:
    values = dict(options or {})
    row = METHODS[method]
    if row.resizes_by:
        row = METHODS[values.get(row.resizes_by, "bilinear")]
    convention = CONVENTIONS[values.pop("convention", None) or row.convention]
    # letterbox looks at the whole grid: the second axis asks for a stronger shrink than this one
    grid = ((in_size, out_size), (2 * in_size, out_size))
    return AxisSettings("input 1", "W", convention, method, grid=grid, **values)


def specs_of(shapes: Sequence[Shape]) -> list[TensorSpec]:
    return [TensorSpec(f"map{i}.npy", shape, np.dtype("float32")) for i, shape in enumerate(shapes, start=1)]


def check_plan(plan: Planned) -> None:
    """What holds for any plan: the steps give what it promises, the rows add up to the result, the pipeline
    is resolved."""
    count = len(plan.specs)
    root = plan.root
    assert (root.shape, root.dtype) == (plan.shape, plan.dtype)
    for level in plan.value.levels[:-1]:
        step = build_level(level, plan.value.layout)
        assert (step.shape, step.dtype) == (level.shape, level.dtype)
    assert tuple(row.output for row in plan.axes) == plan.shape
    for row in plan.axes:
        assert len(row.sizes) == len(row.actions) == count
        for size, action in zip(row.sizes, row.actions, strict=True):
            check_action(size, action, row.output)
        if any(action.endswith("concat") for action in row.actions):
            assert sum(map(joined_size, row.sizes, row.actions)) == row.output
    if plan.layout is not None:
        assert "".join(row.axis for row in plan.axes) == plan.layout
        for spec, reading in zip(plan.specs, plan.readings, strict=True):
            sizes = reading.sizes(spec.shape)
            assert set(sizes) <= set(plan.layout)
            index = plan.specs.index(spec)
            assert {row.axis: row.sizes[index] for row in plan.axes if row.axis in sizes} == sizes
    assert plan.pipeline["method"] in (*METHODS, *ALIASES)
    assert plan.pipeline["combine"] in COMBINES
    assert plan.pipeline["dtype"] == plan.dtype.name
    assert set(plan.pipeline) <= {*OPTIONS, "grid_of_tokens"}
    assert plan.summary


LEAVES = re.compile(r" → (\d+)")
"""How many channels a method leaves: `pixel-shuffle → 3`."""


def joined_size(size: int | None, action: str) -> int:
    """How many channels an input brings to a concatenation."""
    left = re.search(rf"{LEAVES.pattern}, concat$", action)
    return int(left[1]) if left else 1 if size is None else size


def check_action(size: int | None, action: str, output: int | None) -> None:
    """The words of a cell, taken as arithmetic, lead from the input's size to the output's."""
    if action in ("concat", "stack"):
        return
    if action == "=":
        assert size in (output, None)
        return
    for word in action.split(", "):
        if word == "broadcast":
            assert size in (1, None)
            size = output
        elif match := re.fullmatch(r"(pad|crop) (\d+)\+(\d+)( \w+)?", word):
            change = int(match[2]) + int(match[3])
            size = (size or 0) + (change if match[1] == "pad" else -change)
        elif match := re.match(r"×([\d.e+-]+) ", word):
            assert size
            exact = size * float(match[1])
            size = output if exact == pytest.approx(output, rel=1e-3) else round(exact)
        elif match := LEAVES.search(word):
            size = int(match[1])
        else:
            size = output
    assert size == output


def checked_plan(*shapes: Shape, **options: Any) -> Planned:
    with open_request(shapes, options) as request:  # type: ignore[arg-type]
        specs = specs_of(shapes)
        value = make_plan(specs, request.options, request.extras)
        report = plan_report("inspect", value, specs, request.extras, [planned_output(value)])
    result = Planned(value, specs, report)
    check_plan(result)
    return result


# ------------------------------------------------------------------------------------------ windows


def plan_of(shapes: list[tuple[int, ...]], **options: Any) -> Step:
    with Inputs(shapes) as inputs:
        return build_steps(make_plan(inputs.specs, Options.resolve(options)))
