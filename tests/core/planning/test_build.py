"""Steps from a plan: of its shape and type, and as many as the plan has parts."""

import pytest
from featfuse.io.open_request import open_request
from featfuse.planning.build import build_steps


@pytest.mark.parametrize(
    "options",
    [
        {"method": "bilinear"},
        {"method": "nearest", "combine": "concat"},
        {"method": "nearest", "combine": "concat", "reduce": "gap"},
        {"method": "pad", "mask": "auto", "dtype": "float64"},
    ],
)
def test_the_last_step_gives_what_the_plan_says(options: dict[str, str]) -> None:
    with open_request([(1, 3, 8, 8), (1, 3, 4, 4)], {"layout": "NCHW", **options}) as request:
        plan = request.plan()
    root = build_steps(plan)
    assert (root.shape, root.dtype) == (plan.shape, plan.dtype)
