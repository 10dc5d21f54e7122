"""Methods that keep samples as they are."""

import featfuse
import numpy as np
import pytest
from featfuse import ShapeError


@pytest.mark.parametrize("step", [1, 2, 3, 7, 20])
@pytest.mark.parametrize("size", [1, 2, 19, 20, 21])
def test_stride_is_every_kth_sample(size: int, step: int) -> None:
    """Of the steps that give the size, the smallest."""
    x = np.arange(size)
    smallest = min(k for k in range(1, size + 1) if len(x[::k]) == len(x[::step]))
    np.testing.assert_array_equal(featfuse.fuse(x, method="stride", to=len(x[::step])), x[::smallest])


def test_a_size_between_two_steps_is_refused() -> None:
    with pytest.raises(ShapeError, match="no whole step gives that size"):
        featfuse.fuse(np.arange(10), method="stride", to=6)


def test_strict_is_numpys_broadcasting() -> None:
    a, b = np.ones((2, 1)), np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(featfuse.fuse(a, b), a + b)
    with pytest.raises(ShapeError, match="sizes differ"):
        featfuse.fuse(np.ones((2, 2)), b)
