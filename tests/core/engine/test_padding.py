"""Borders that are computed, and windows of them, against numpy.pad."""

from collections.abc import Callable

import numpy as np
import pytest
from featfuse import METHODS
from featfuse.engine.padding import PADDING
from featfuse.engine.task import NOT_FLAT, Task
from featfuse.methods.settings import AxisSettings

WORDS = {"constant": {"constant_values": 2}, "linear_ramp": {"end_values": 2}}


@pytest.mark.parametrize("part", [slice(0, 14), slice(0, 3), slice(2, 9), slice(12, 14), slice(6, 6)])
@pytest.mark.parametrize("mode", ["constant", "linear_ramp", "mean", "median", "maximum", "minimum"])
def test_every_part_of_the_result(axis_settings: Callable[..., AxisSettings], mode: str, part: slice) -> None:
    options = {"pad_mode": mode, "offset": 4} | ({"pad_value": 2.0} if mode in WORDS else {})
    (axis_map,) = METHODS["pad"].build()(7, 14, axis_settings("pad", 7, 14, options))
    block = np.random.default_rng(0).normal(size=(3, 7, 2))
    expected = np.pad(block, [(0, 0), (4, 3), (0, 0)], mode, **WORDS.get(mode, {}))
    task = Task(axis_map, block, 1, 0, part, NOT_FLAT)
    np.testing.assert_allclose(PADDING.apply(task, PADDING.suits(task)), expected[:, part], atol=1e-12)


def test_the_mean_of_very_many_samples_does_not_drift(axis_settings: Callable[..., AxisSettings]) -> None:
    many = 500_000
    (axis_map,) = METHODS["pad"].build()(
        many, many + 2, axis_settings("pad", many, many + 2, {"pad_mode": "mean"})
    )
    block = np.full((2, many, 2), 0.1, np.float32)
    task = Task(axis_map, block, 1, 0, slice(0, 1), NOT_FLAT)
    assert (PADDING.apply(task, PADDING.suits(task)) == block[:, :1]).all()


@pytest.mark.parametrize("part", [slice(1 << 29, (1 << 29) + 5), slice((1 << 31) - 3, 1 << 31)])
def test_a_part_of_a_long_ramp(axis_settings: Callable[..., AxisSettings], part: slice) -> None:
    """Of a thousand million samples only those asked for are made."""
    options = {"pad_mode": "linear_ramp", "pad_value": 2.0, "offset": 1 << 30}
    (axis_map,) = METHODS["pad"].build()(9, 1 << 31, axis_settings("pad", 9, 1 << 31, options))
    task = Task(axis_map, np.full((1, 9), 4.0), 1, 0, part, NOT_FLAT)
    count, behind = 1 << 30, (1 << 30) - 9
    outward = (
        np.arange(part.start, part.stop)
        if part.start < count
        else (1 << 31) - 1 - np.arange(part.start, part.stop)
    )
    expected = 2 + outward * (2 / (count if part.start < count else behind))
    np.testing.assert_allclose(PADDING.apply(task, PADDING.suits(task))[0], expected, rtol=1e-15)
