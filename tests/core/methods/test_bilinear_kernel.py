"""The fixed bilinear kernel of a transposed convolution."""

import featfuse
import numpy as np
import pytest
from featfuse import ShapeError

from tests.support.convolution import conv_transpose

# --- the fixed bilinear kernel -----------------------------------------------------------------


@pytest.mark.parametrize("factor", range(1, 7))
def test_fixed_bilinear_kernel(factor):
    """FCN's upsample_filt, one per channel, stride f and padding (k - f) / 2."""
    size = 2 * factor - factor % 2
    half = (size + 1) // 2
    centre = half - 1 if size % 2 else half - 0.5
    line = 1 - np.abs(np.arange(size) - centre) / half
    x = np.random.default_rng(factor).normal(size=(2, 3, 4, 5))
    kernel = np.broadcast_to(np.outer(line, line), (3, 1, size, size))
    expected = conv_transpose(x, kernel, factor, (size - factor) // 2, 0, 1, 3)
    ours = featfuse.fuse(x, method="transposed-conv", to=(4 * factor, 5 * factor), layout="NCHW")
    np.testing.assert_allclose(ours, expected, atol=1e-12)


def test_fixed_bilinear_kernel_takes_whole_factors():
    with pytest.raises(ShapeError, match="whole factors"):
        featfuse.fuse(np.ones((1, 3, 4, 4)), method="transposed-conv", to="8x9", layout="NCHW")
