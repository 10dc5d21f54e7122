"""Cutting: every element is in one window, windows are as large as asked, and units stay whole."""

import math

import numpy as np
import pytest
from featfuse.model.cutting import even_lengths, pieces, windows
from featfuse.model.tensor import window_shape

SHAPES = [(), (7,), (10, 6, 5), (3, 1, 4), (1, 1), (2, 3, 4, 5), (1000, 2)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("elements", [1, 4, 45, 10_000])
def test_pieces_cover_a_tensor_once_in_the_order_of_the_file(shape: tuple[int, ...], elements: int) -> None:
    numbers = np.arange(math.prod(shape)).reshape(shape)
    parts = [numbers[window] for window in pieces(shape, elements)]
    assert all(part.size <= elements for part in parts)
    assert np.concatenate([part.ravel() for part in parts]).tolist() == numbers.ravel().tolist()


def test_pieces_are_few() -> None:
    assert even_lengths((10, 6, 5), 45) == (1, 6, 5)
    assert even_lengths((10, 6, 5), 90) == (3, 6, 5)
    assert even_lengths((10, 6, 5), 7) == (1, 1, 5)
    assert len(list(pieces((1000, 1000), 10**6))) == 1


@pytest.mark.parametrize(
    ("shape", "unit", "elements", "lengths"),
    [
        ((100, 60), (8, 16), 1000, (16, 60)),
        ((100, 60), (8, 16), 300, (8, 32)),
        ((100, 60), (8, 16), 2000, (32, 60)),
        ((100, 60), (200, 100), 10_000, (100, 60)),
        ((100, 60), (1, 1), 90, (1, 60)),
    ],
)
def test_units_stay_whole(
    shape: tuple[int, ...], unit: tuple[int, ...], elements: int, lengths: tuple[int, ...]
) -> None:
    assert even_lengths(shape, elements, unit) == lengths
    seen = np.zeros(shape, int)
    for window in pieces(shape, elements, unit):
        seen[window] += 1
        assert math.prod(window_shape(window)) <= elements
    assert (seen == 1).all()


def test_a_unit_that_is_too_large_is_cut_and_done_before_the_next() -> None:
    owners = [
        (window[0].start // 8, window[1].start // 8, (window[0].stop - 1) // 8, (window[1].stop - 1) // 8)
        for window in pieces((16, 16), 20, (8, 8))
    ]
    assert all((a, b) == (c, d) for a, b, c, d in owners)
    assert list(dict.fromkeys(owners)) == [(0, 0, 0, 0), (0, 1, 0, 1), (1, 0, 1, 0), (1, 1, 1, 1)]
    assert sorted(owners) == owners


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0, 2)])
def test_nothing_has_no_windows(shape: tuple[int, ...]) -> None:
    assert list(windows(shape, shape)) == list(pieces(shape, 5)) == []
