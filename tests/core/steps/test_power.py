"""Powers: of samples, of their magnitudes, and the roots that undo them."""

from collections.abc import Sequence

import ml_dtypes
import numpy as np
import pytest
from featfuse.model.tensor import Array, TensorSpec, whole
from featfuse.steps.base import Run
from featfuse.steps.input_tensor import InputTensor
from featfuse.steps.power import Power

X = np.array([-3.0, -0.5, 0.0, 0.25, 2.0, np.inf, -np.inf, np.nan])


def raised(x: Array, exponent: float, *, absolute: bool = False) -> Array:
    child = InputTensor(0, TensorSpec("x", x.shape, x.dtype), "W", "W")
    step = Power(child, exponent, absolute=absolute)
    with np.errstate(all="ignore"):
        block = step.block(whole(x.shape), Run(lambda _place, window: x[window]))
    assert block.dtype == step.dtype
    return block


@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize("exponent", [1, 2, 3, 0.5, 1 / 3, 2.5, 4])
def test_powers(exponent: float, absolute: bool) -> None:
    def power(value: float) -> float:
        value = abs(value) if absolute else value
        if np.isnan(value) or (value < 0 and exponent != int(exponent)):
            return np.nan
        return float(value**exponent)

    found = raised(X, exponent, absolute=absolute)
    expected = [power(float(value)) for value in X]
    finite = np.isfinite(X)  # of -inf to a fraction the C library makes inf or NaN, by the exponent
    np.testing.assert_allclose(found[finite], np.array(expected)[finite], rtol=1e-15)
    assert found[5] == np.inf
    assert np.isnan(found[7])


@pytest.mark.parametrize(
    ("dtype", "computed"),
    [
        (np.uint8, np.float32),
        (np.float16, np.float32),
        (ml_dtypes.bfloat16, np.float32),
        (np.float32, np.float32),
        (np.int64, np.float64),
        (np.float64, np.float64),
    ],
)
def test_nothing_is_raised_in_a_narrow_type(dtype: type, computed: type) -> None:
    """200 squared is more than an uint8 holds, 300 squared more than a float16."""
    values: Sequence[int] = (200, 15) if dtype is np.uint8 else (300, 15)
    found = raised(np.array(values, dtype), 2)
    assert found.dtype == computed
    assert found.tolist() == [float(np.array(value, dtype)) ** 2 for value in values]
