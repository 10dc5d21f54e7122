"""Maps along the channels."""

import numpy as np
import pytest
from featfuse import CHANNEL_MODES, engine
from featfuse.methods.channels import channel_map
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.map_checks import check_blocks, check_indices, check_values


@pytest.mark.parametrize("mode", [mode for mode in CHANNEL_MODES if mode != "strict"])
@settings(max_examples=40)
@given(data=st.data())
def test_channel_maps_conform(mode: str, data: st.DataObject) -> None:
    small, factor = data.draw(st.integers(1, 8)), data.draw(st.integers(1, 4))
    shrinks = mode in ("truncate", "mean")
    sizes = (small * factor, small) if shrinks else (small, small * factor)
    axis_map = channel_map(*sizes, mode, "input 1")
    check_indices(axis_map)
    samples = np.random.default_rng(small).normal(size=axis_map.in_size).astype(np.float32)
    check_values(axis_map, samples, engine.apply(axis_map, samples, 0, 0, slice(0, axis_map.out_size)))
    check_blocks(axis_map, samples[None], 1, data.draw)


@pytest.mark.parametrize(
    ("mode", "in_size", "out_size", "expected"),
    [
        ("tile", 3, 6, [0, 1, 2, 0, 1, 2]),
        ("repeat", 3, 6, [0, 0, 1, 1, 2, 2]),
        ("zero-pad", 3, 5, [0, 1, 2, -9, -9]),
        ("truncate", 5, 3, [0, 1, 2]),
        ("mean", 4, 2, [0.5, 2.5]),
    ],
)
def test_channel_modes_do_what_they_say(
    mode: str, in_size: int, out_size: int, expected: list[float]
) -> None:
    axis_map = channel_map(in_size, out_size, mode, "input 1")
    result = engine.apply(axis_map, np.arange(in_size, dtype=np.float32), 0, 0, slice(0, out_size))
    assert result.tolist() == [0 if value == -9 else value for value in expected]


def test_the_mean_of_very_many_channels_does_not_drift() -> None:
    axis_map = channel_map(400_000, 2, "mean", "input 1")
    block = np.full((1, 400_000, 3), 0.1, np.float32)
    result = engine.apply(axis_map, block, 1, 0, slice(0, 2))
    np.testing.assert_allclose(result, block[:, :2], rtol=3 * np.finfo(np.float32).eps)
