"""Interpolation by kernels: where they lie, and that long axes stay cheap."""

import featfuse
import numpy as np
import pytest


def test_a_long_axis_is_planned_without_looking_at_every_tap() -> None:
    x = np.zeros(400_000, np.float32)
    assert featfuse.fuse(x, method="lanczos5", to=300_000, memory="8M").shape == (300_000,)
    assert featfuse.fuse(x, method="max-pool", to=3).shape == (3,)


@pytest.mark.parametrize("coords", ["align-corners", "asymmetric", "pytorch-half-pixel"])
def test_the_gaussian_lies_where_the_coordinates_say(coords: str) -> None:
    """TensorFlow's rounding, which knows half-pixel centres only, cut it elsewhere: to NaN at worst."""
    weights = featfuse.fuse(np.eye(8), method="gaussian", coords=coords, to=1, layout="CW")[:, 0]
    kernel = np.exp(-2.0 * np.arange(8) ** 2) * (np.arange(8) < 1.5)  # around sample 0
    np.testing.assert_allclose(weights, kernel / kernel.sum(), atol=1e-12)
