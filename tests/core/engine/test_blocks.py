"""Blocks seen along one axis."""

import numpy as np
import pytest
from featfuse.engine.blocks import along, part_along

BLOCK = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)


@pytest.mark.parametrize(("axis", "shape"), [(0, (1, 2, 60)), (1, (2, 3, 20)), (3, (24, 5, 1))])
def test_what_lies_before_and_behind_is_one_axis_each(axis: int, shape: tuple[int, ...]) -> None:
    seen = along(BLOCK, axis)
    assert seen.shape == shape
    assert np.shares_memory(seen, BLOCK)
    np.testing.assert_array_equal(seen.sum(axis=(0, 2)), np.moveaxis(BLOCK, axis, 0).sum(axis=(1, 2, 3)))


def test_a_part_is_a_view() -> None:
    part = part_along(BLOCK, 2, slice(1, 3))
    assert np.shares_memory(part, BLOCK)
    np.testing.assert_array_equal(part, BLOCK[:, :, 1:3])
