"""Pieces, however the input is cut, give what the plain gather gives of the whole."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from featfuse.engine.blocks import part_along
from featfuse.engine.gather import gather
from featfuse.engine.piecewise import Piecewise
from featfuse.model.axis import AxisMap
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.support.maps import Settings, build, draw_chain

LONG = ("area", "avg-pool", "max-pool", "lp-pool", "bilinear", "bicubic", "lanczos3", "gaussian", "mitchell")


def made(axis_map: AxisMap, block: np.ndarray, axis: int, out: slice, cuts: list[int]) -> np.ndarray:
    needed = axis_map.needed(out)
    shape = (*block.shape[:axis], out.stop - out.start, *block.shape[axis + 1 :])
    pieces = Piecewise(axis_map, axis, out, shape, block.dtype)
    places = [needed.start, *sorted(cut for cut in cuts if needed.start < cut < needed.stop), needed.stop]
    for start, stop in pairwise(places):
        pieces.add(part_along(block, axis, slice(start, stop)), start)
    return pieces.result()


@pytest.mark.parametrize("method", LONG)
@settings(max_examples=20)
@given(data=st.data())
def test_pieces_equal_the_gather(method: str, axis_settings: Settings, data: st.DataObject) -> None:
    for axis_map in draw_chain(data.draw, method, axis_settings, 60)[0]:
        if axis_map.wide is None or not axis_map.out_size:  # a region's border, or sizes that stay
            continue
        start = data.draw(st.integers(0, axis_map.out_size - 1))
        out = slice(start, data.draw(st.integers(start + 1, axis_map.out_size)))
        assume(axis_map.needed(out).stop)
        axis, inner = data.draw(st.integers(0, 2)), data.draw(st.sampled_from([1, 3]))
        shape = [2, inner]
        shape.insert(axis, axis_map.in_size)
        dtype = data.draw(st.sampled_from([np.float32, np.float64]))
        block = np.random.default_rng(start).normal(size=shape).astype(dtype)
        # an edge sample that is repeated has one weight here, and of infinity the gather would make inf - inf
        infinite = () if axis_map.wide.repeats else (np.inf, -np.inf)
        for bad in data.draw(st.lists(st.sampled_from([np.nan, *infinite]), max_size=2)):
            block[tuple(data.draw(st.integers(0, size - 1)) for size in shape)] = bad
        cuts = data.draw(st.lists(st.integers(0, axis_map.in_size), max_size=4))
        with np.errstate(invalid="ignore"):  # inf - inf
            result = made(axis_map, block, axis, out, cuts)
            expected = gather(axis_map.taps(out), axis_map.reduce, block.astype(np.float64), axis, 0)
        assert result.dtype == dtype
        size = np.abs(expected[np.isfinite(expected)]).max(initial=1)
        exact = 1e-12 if dtype is np.float64 else float(np.finfo(dtype).eps)
        np.testing.assert_allclose(result, expected, rtol=0, atol=exact * size)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float16", "bool"])
def test_a_maximum_keeps_its_type(dtype: str, axis_settings: Settings) -> None:
    axis_map = build("max-pool", 100, 3, {}, axis_settings)
    block = np.random.default_rng(0).normal(0, 9, size=(2, 100)).clip(0).astype(dtype)
    result = made(axis_map, block, 1, slice(0, 3), [7, 50, 51])
    assert result.dtype == block.dtype
    assert np.array_equal(result, gather(axis_map.taps(slice(0, 3)), axis_map.reduce, block, 1, 0))


@pytest.mark.parametrize(("method", "options"), [("avg-pool", {}), ("bilinear", {"antialias": True})])
def test_a_mean_is_no_larger_than_what_it_is_of(
    method: str, options: dict[str, Any], axis_settings: Settings
) -> None:
    """The sum of these samples is more than a float64 holds."""
    axis_map = build(method, 1000, 1, options, axis_settings)
    block = np.full((1, 1000), 1e308)
    np.testing.assert_allclose(made(axis_map, block, 1, slice(0, 1), [333]), 1e308)
