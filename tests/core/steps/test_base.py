"""Running a tree of steps leaves it as it was: runs share it, one after the other or at the same time."""

import copy
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import featfuse
import numpy as np
import pytest
from featfuse.io.inputs import Inputs
from featfuse.model.tensor import Array, Window
from featfuse.planning.build import build_steps
from featfuse.planning.planner import make_plan
from featfuse.process.limits import Limits
from featfuse.request.options import Options
from featfuse.steps.base import Run, Step
from featfuse.steps.execute import execute

RAMP: dict[str, Any] = {"method": "pad", "pad_mode": "linear_ramp", "pad_value": 1.0}
PCA: dict[str, Any] = {"combine": "concat", "reduce": "pca", "out_channels": 2, "layout": "CHW"}

SMALL = (3, 8, 9)


def inputs(seed: int, *, flat: bool) -> list[Array]:
    """Two maps; whether some edge sample is where the ramp ends decides how it is rounded."""
    rng = np.random.default_rng(seed)
    maps = [rng.normal(size=shape) for shape in (SMALL, SMALL if seed % 2 else (3, 13, 15))]
    if flat:
        maps[0][0, 0, 3] = maps[0][1, -1, 3] = 1.0
    return maps


def run_of(root: Step, maps: list[Array], together: Barrier | None = None) -> bytes:
    result = np.zeros(root.shape, root.dtype)

    def write(window: Window, block: Array) -> None:
        result[window] = block

    with Inputs(maps) as sources:
        run = Run(sources.read, 1 << 28)
        root.prepare(run)
        if together is not None:
            together.wait()  # both have looked at their data before either goes on
        execute(run, root, write, Limits(1 << 28))
    return result.tobytes()


def state_of(root: Step) -> list[dict[str, Any]]:
    return [copy.copy(vars(step)) for step in root.walk()]


@pytest.mark.parametrize("options", [RAMP, PCA], ids=["ramp", "pca"])
def test_two_runs_at_once_share_one_tree(options: dict[str, Any]) -> None:
    even = 2 if options is RAMP else 1  # the pads need another size, PCA the same
    maps = [inputs(even, flat=False), inputs(even + 2, flat=True)]
    resolved = Options.resolve(options)  # type: ignore[arg-type]
    with Inputs(maps[0]) as sources:
        root = build_steps(make_plan(sources.specs, resolved))
    before = state_of(root)
    together = Barrier(2)
    with ThreadPoolExecutor(2) as threads:
        results = list(threads.map(lambda each: run_of(root, each, together), maps))
    again = [run_of(root, each) for each in reversed(maps)]
    alone = [featfuse.fuse(*each, **options).tobytes() for each in maps]
    assert results == alone
    assert again[::-1] == alone
    assert alone[0] != alone[1]
    for was, now in zip(before, state_of(root), strict=True):
        assert was.keys() == now.keys()
        assert all(was[name] is now[name] for name in was), "running has changed a step"


@pytest.mark.parametrize("flat", [False, True])
def test_a_ramp_is_rounded_as_the_data_ask(flat: bool) -> None:
    """np.linspace divides first where one step is zero, else it multiplies by the step: to the last bit."""
    values = np.random.default_rng(5).normal(size=(9, 8))
    if flat:
        values[0, 3] = values[-1, 3] = 1.0
    result = featfuse.resize(values, (107, 8), method="pad", pad_mode="linear_ramp", pad_value=1)
    assert result.tobytes() == np.pad(values, ((49, 49), (0, 0)), "linear_ramp", end_values=1).tobytes()
