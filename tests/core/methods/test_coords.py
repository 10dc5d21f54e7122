"""Where output samples lie on the input axis."""

import numpy as np
import pytest
from featfuse.methods.coords import TRANSFORMS, Sampling, in_region

CENTRES = {
    # 4 samples become 6: by hand
    "half-pixel": [-1 / 6, 0.5, 7 / 6, 11 / 6, 2.5, 19 / 6],
    "pytorch-half-pixel": [-1 / 6, 0.5, 7 / 6, 11 / 6, 2.5, 19 / 6],
    "half-pixel-symmetric": [-1 / 6, 0.5, 7 / 6, 11 / 6, 2.5, 19 / 6],
    "align-corners": [0, 0.6, 1.2, 1.8, 2.4, 3],
    "asymmetric": [0, 2 / 3, 4 / 3, 2, 8 / 3, 10 / 3],
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_by_sizes(name: str) -> None:
    found = TRANSFORMS[name](np.arange(6), Sampling(4, 6, width=6))
    np.testing.assert_allclose(found, CENTRES[name], atol=1e-15)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_scale_is_taken_as_it_is(name: str) -> None:
    """5 samples at 0.5 become 2: the step is 2, not 5/2."""
    expected = {
        "half-pixel": [0.5, 2.5],
        "pytorch-half-pixel": [0.5, 2.5],
        # 2 of 2.5 samples: what is cut off is shared by both ends
        "half-pixel-symmetric": [1.0, 3.0],
        "align-corners": [0, 4 / 1.5],
        "asymmetric": [0, 2],
    }
    found = TRANSFORMS[name](np.arange(2), Sampling(5, 2, scale=0.5, width=2.5))
    np.testing.assert_allclose(found, expected[name], atol=1e-15)


@pytest.mark.parametrize(
    ("start", "end", "size", "expected"),
    [
        (0.0, 1.0, 5, [0, 1, 2, 3, 4]),
        (0.5, 1.0, 3, [2, 3, 4]),
        (1.0, 0.0, 5, [4, 3, 2, 1, 0]),
        (-0.25, 0.25, 3, [-1, 0, 1]),
        (0.25, 0.75, 1, [2]),
    ],
)
def test_a_region(start: float, end: float, size: int, expected: list[float]) -> None:
    found = in_region(np.arange(size), Sampling(5, size, width=size), start, end)
    np.testing.assert_allclose(found, expected, atol=1e-15)
