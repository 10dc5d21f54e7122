"""Which sample is the nearest."""

import featfuse
import numpy as np
import pytest
from featfuse.methods.coords import Sampling
from featfuse.methods.nearest import NearestRule, _pillow_centre, nearest_source


@pytest.mark.parametrize("out_size", [22, 46])
@pytest.mark.parametrize("in_size", [14, 26])
def test_a_default_that_is_spelt_out_changes_nothing(in_size: int, out_size: int) -> None:
    x = np.arange(in_size, dtype=np.float32)
    given = featfuse.resize(x, out_size, method="nearest", nearest_rounding="floor", coords="asymmetric")
    np.testing.assert_array_equal(given, featfuse.resize(x, out_size, method="nearest"))


@pytest.mark.parametrize(("in_size", "out_size"), [(7, 50_000), (100_000, 33_333), (3 << 30, 40_000)])
def test_pillows_centres_are_added_up(in_size: int, out_size: int) -> None:
    """Each is the one before and a step, rounded; worked out from anywhere."""
    step = in_size / out_size
    centres = np.add.accumulate(np.array([0.5 * step, *[step] * (out_size - 1)]))
    assert [_pillow_centre(step, at) for at in range(0, out_size, 97)] == centres[::97].tolist()
    sampling = Sampling(in_size, out_size)
    source = nearest_source(sampling, NearestRule("half-pixel", "floor", "pillow"), small=False, double=False)
    for part in (slice(0, 40_000), slice(16_380, 16_390), slice(out_size - 3, out_size)):
        positions = np.arange(out_size)[part]
        assert np.array_equal(source(positions), np.minimum(centres[part].astype(np.int64), in_size - 1))


def test_pillows_far_centres_take_no_time() -> None:
    assert _pillow_centre(1.0, 1 << 52) == (1 << 52) + 0.5
    assert abs(_pillow_centre(7 / 2**40, 2**40 - 1) - 7) < 1e-9
