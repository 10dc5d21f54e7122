"""Maps whose taps repeat after some positions."""

import pytest
from featfuse.engine.phased import find_phases

from tests.support.maps import Settings, build


@pytest.mark.parametrize(
    ("name", "sizes", "period", "stride", "edges"),
    [
        ("nearest", (64, 128), 2, 1, 0),
        ("nearest", (16, 128), 8, 1, 0),
        ("nearest", (128, 192), 3, 2, 0),
        ("max-pool", (128, 64), 1, 2, 0),
        ("avg-pool", (96, 32), 1, 3, 0),
        ("repeat", (24, 120), 5, 1, 0),
        ("mean", (120, 24), 1, 5, 0),
    ],
)
def test_phases_are_found(
    name: str, sizes: tuple[int, int], period: int, stride: int, edges: int, axis_settings: Settings
) -> None:
    phases = find_phases(build(name, *sizes, {}, axis_settings), 0, sizes[1])
    assert phases is not None
    assert (phases.period, phases.stride) == (period, stride)
    assert phases.stop - phases.start == sizes[1] - edges


def test_phases_hold_no_more_than_they_need(axis_settings: Settings) -> None:
    """They are kept; the taps that they were found in are many."""
    phases = find_phases(build("max-pool", 20_000, 10_000, {}, axis_settings), 0, 10_000)
    assert phases is not None
    assert phases.indices.base is None
