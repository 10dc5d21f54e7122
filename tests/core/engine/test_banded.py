"""Small dense matrices: what is absent stays absent beside NaN, and which blocks they suit."""

from collections.abc import Callable

import numpy as np
import pytest
from featfuse import METHODS
from featfuse.engine import banded
from featfuse.engine.banded import BANDED
from featfuse.engine.gather import gather
from featfuse.engine.task import NOT_FLAT, Task
from featfuse.methods.settings import AxisSettings
from featfuse.model.axis import AxisMap

Settings = Callable[..., AxisSettings]


def enlarged(axis_settings: Settings) -> AxisMap:
    (axis_map,) = METHODS["bilinear"].build()(20, 50, axis_settings("bilinear", 20, 50))
    return axis_map


@pytest.mark.parametrize("axis", [0, 1])
def test_infinite_samples_touch_only_the_outputs_that_read_them(axis_settings: Settings, axis: int) -> None:
    axis_map = enlarged(axis_settings)
    block = np.random.default_rng(0).normal(size=(20, 20)).astype(np.float32)
    block[7, 7], block[11, 3] = np.nan, np.inf
    part = slice(5, 44)
    task = Task(axis_map, block, axis, 0, part, NOT_FLAT)
    with np.errstate(invalid="ignore"):
        result = BANDED.apply(task, BANDED.suits(task))
    expected = gather(axis_map.taps(part), axis_map.reduce, block, axis, 0)
    np.testing.assert_allclose(result, expected, atol=1e-6)
    assert 0 < np.isnan(expected).sum() < 20


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_long_mean_with_an_infinite_sample_is_not_done_tap_by_tap(
    axis_settings: Settings, monkeypatch: pytest.MonkeyPatch, bad: float
) -> None:
    """Each of its outputs reads all of its tile once: the product is right as it is."""
    (axis_map,) = METHODS["area"].build()(200_000, 2, axis_settings("area", 200_000, 2))
    block = np.full((3, 200_000, 1), 0.1, np.float32)
    block[1, 70_000] = bad
    monkeypatch.setattr(banded, "weighted_sum", None)
    task = Task(axis_map, block, 1, 0, slice(0, 2), NOT_FLAT)
    result = BANDED.apply(task, BANDED.suits(task))
    expected = np.full((3, 2, 1), np.float32(0.1))
    expected[1, 0] = bad
    np.testing.assert_allclose(result, expected, rtol=3e-7)


@pytest.mark.parametrize(
    ("block", "suits"),
    [
        (np.zeros((20, 100), np.float32), True),
        (np.zeros((20, 2), np.float32), False),
        (np.zeros((20, 100), np.int32), False),
    ],
)
def test_it_suits_many_lines_of_floats(axis_settings: Settings, block: np.ndarray, suits: bool) -> None:
    task = Task(enlarged(axis_settings), block, 0, 0, slice(0, 50), NOT_FLAT)
    assert (BANDED.suits(task) is not None) == suits
