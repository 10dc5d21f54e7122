"""How a result is cut into windows within a budget."""

import math
from typing import Any

import featfuse
import numpy as np
import pytest
from featfuse import METHODS
from featfuse.io.inputs import Inputs
from featfuse.model.cutting import windows
from featfuse.model.tensor import Array, Window
from featfuse.planning.build import build_steps
from featfuse.planning.planner import make_plan
from featfuse.process.limits import Limits
from featfuse.request.options import Options
from featfuse.steps.base import Run
from featfuse.steps.execute import execute
from featfuse.steps.windows import window_cost, window_lengths

from tests.support.plans import plan_of


def maps(recipe: str) -> tuple[Array, Array]:
    rng = np.random.default_rng(5)
    channels = 3 if recipe == "channels" else 6
    big = rng.normal(size=(2, 6, 60, 47)).astype(np.float32)
    return big, rng.normal(size=(1, channels, 31, 24)).astype(np.float32)


@pytest.mark.parametrize("method", [name for name in METHODS if name not in ("strict",)])
@pytest.mark.parametrize("budget", [1 << 12, 1 << 16, 1 << 20])
def test_windows_cover_the_result_once_within_the_budget(method: str, budget: int) -> None:
    small = (2, 12 if METHODS[method].shuffles else 3, 20, 18)
    root = plan_of([(2, 3, 40, 36), small], method=method, layout="NCHW")
    lengths = window_lengths(root, budget, budget)
    assert window_cost(root, lengths) <= budget
    seen = np.zeros(root.shape, dtype=int)
    for window in windows(root.shape, lengths):
        seen[window] += 1
        assert all(part.stop - part.start <= length for part, length in zip(window, lengths, strict=True))
    assert (seen == 1).all()


@pytest.mark.parametrize("shape", [(), (0, 3), (3, 0, 2)])
def test_windows_of_little(shape: tuple[int, ...]) -> None:
    assert len(list(windows(shape, shape))) == (1 if shape == () else 0)


@pytest.mark.parametrize(
    ("shape", "target", "budget"),
    [
        ((1, 2048, 2048), "2060x2060", 16 << 20),  # the default: a million windows, each reads 16 MB
        ((3, 500_000), "3x500010", 1 << 20),
    ],
)
def test_cutting_that_saves_nothing_is_not_done(shape: tuple[int, ...], target: str, budget: int) -> None:
    """A border of statistics needs whole axes: windows of single samples would each read them all again."""
    layout = "CHW"[-len(shape) :]
    root = plan_of([shape], method="pad", pad_mode="mean", to=target, layout=layout)
    lengths = window_lengths(root, budget)
    smallest = window_cost(root, (1,) * len(shape))
    assert math.prod(lengths) > 1000 or window_cost(root, lengths) < 0.5 * smallest


def test_windows_inside_an_image_are_larger() -> None:
    """A step that needs all channels is cut along rows; short runs cost more than their copying."""
    maps = [np.random.default_rng(seed).normal(size=(1, 256, 128, 128)).astype(np.float32) for seed in (0, 1)]
    kernel = np.random.default_rng(2).normal(size=(4, 512)).astype(np.float32)
    options: Any = {"combine": "concat", "reduce": "conv1x1", "kernel": kernel, "layout": "NCHW"}
    resolved = Options.resolve({**options, "kernel": None, "out_channels": 4})
    with Inputs(maps) as sources:
        root = build_steps(make_plan(sources.specs, resolved))
        seen: list[Window] = []
        execute(Run(sources.read, 256 << 20), root, lambda window, _: seen.append(window), Limits(256 << 20))
    assert len(seen) > 1, "all channels of all rows are more than a window"
    assert all((window[2].stop - window[2].start) * 128 * 4 >= 1 << 14 for window in seen)
    results = [featfuse.fuse(*maps, memory=memory, **options).tobytes() for memory in ("192M", "256M", "1G")]
    assert len(set(results)) == 1


def test_windows_of_an_axis_of_any_length_are_not_listed() -> None:
    found = windows((2, 1 << 60, 3), (1, 1, 2))
    first = [next(found) for _ in range(3)]
    assert first == [
        (slice(0, 1), slice(0, 1), slice(0, 2)),
        (slice(0, 1), slice(0, 1), slice(2, 3)),
        (slice(0, 1), slice(1, 2), slice(0, 2)),
    ]
