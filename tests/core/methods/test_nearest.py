"""Which sample is the nearest."""

import featfuse
import numpy as np
import pytest


@pytest.mark.parametrize("out_size", [22, 46])
@pytest.mark.parametrize("in_size", [14, 26])
def test_a_default_that_is_spelt_out_changes_nothing(in_size: int, out_size: int) -> None:
    x = np.arange(in_size, dtype=np.float32)
    given = featfuse.resize(x, out_size, method="nearest", nearest_rounding="floor", coords="asymmetric")
    np.testing.assert_array_equal(given, featfuse.resize(x, out_size, method="nearest"))
