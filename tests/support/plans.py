"""Plans of bare shapes."""

from typing import Any

from featfuse.io.inputs import Inputs
from featfuse.planning.build import build_steps
from featfuse.planning.planner import make_plan
from featfuse.request.options import Options
from featfuse.steps.base import Step

# ------------------------------------------------------------------------------------------ windows


def plan_of(shapes: list[tuple[int, ...]], **options: Any) -> Step:
    with Inputs(shapes) as inputs:
        return build_steps(make_plan(inputs.specs, Options.resolve(options)))
