"""The gather, which all strategies are compared with, against loops."""

import numpy as np
import pytest
from featfuse.engine.gather import gather
from featfuse.model.axis import TapReduction, Taps


def test_the_gather_is_right() -> None:
    """The reference itself, by hand: 2a + b, with a tap that is absent."""
    taps = Taps(np.array([[0, 1], [2, -1]]), np.array([[2.0, 1.0], [2.0, 0.0]]))
    block = np.array([[1.0, 10.0, 100.0]])
    assert gather(taps, TapReduction.SUM, block, 1, 0).tolist() == [[12.0, 200.0]]
    assert gather(Taps(taps.indices), TapReduction.MAX, block, 1, 0).tolist() == [[10.0, 100.0]]
    assert gather(taps, TapReduction.SUM, np.array([[10.0, 100.0, np.nan]]), 1, 0)[0, 0] == 120.0


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, np.bool_])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_zero_keeps_its_sign_and_nothing_is_0(dtype: type, axis: int) -> None:
    taps = Taps(np.array([[0, -1], [1, 0], [-1, -1], [-1, 1], [0, 2]]))
    block = np.array([[-0.0, -0.0, 0.0]] * 2).astype(dtype)
    result = gather(taps, TapReduction.SUM, block if axis else block.T, axis, 0)
    floats = np.issubdtype(dtype, np.floating)
    signs = [floats, floats, False, floats, False]
    assert not result.any()
    for line in result if axis else result.T:
        assert [bool(np.signbit(value)) if floats else False for value in line] == signs
