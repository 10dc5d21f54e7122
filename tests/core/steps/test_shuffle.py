"""Shuffles: every window of every arrangement against reshaping, and what a window reads for it."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from featfuse.model.tensor import Array, Window, whole, window_shape
from featfuse.steps.base import Run, Step
from featfuse.steps.shuffle import DepthToSpace, SpaceToDepth
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.reference.shuffling import depth_to_space, space_to_depth

Draw = Callable[[Any], Any]

REFERENCES: dict[type, Callable[..., Array]] = {DepthToSpace: depth_to_space, SpaceToDepth: space_to_depth}
RUN = Run(lambda _place, _window: np.empty(0))


class Held(Step):
    """An array in memory, which knows no window beyond itself."""

    def __init__(self, array: Array) -> None:
        self.array, self.shape, self.dtype = array, array.shape, array.dtype

    def need(self, window: Window) -> tuple[Window, ...]:
        return ()

    def apply(self, window: Window, blocks: Sequence[Array], run: Run) -> Array:
        parts = zip(window, self.shape, strict=True)
        assert all(0 <= part.start <= part.stop <= size for part, size in parts)
        return self.array[window]


def draw_window(draw: Draw, shape: tuple[int, ...]) -> Window:
    starts = [draw(st.integers(0, size - 1)) for size in shape]
    stops = [draw(st.integers(start + 1, size)) for start, size in zip(starts, shape, strict=True)]
    return tuple(map(slice, starts, stops))


@pytest.mark.parametrize("kind", REFERENCES)
@settings(max_examples=40)
@given(data=st.data())
def test_every_window_is_that_of_the_whole(kind: type[Any], data: st.DataObject) -> None:
    rank, factor, blocks = (data.draw(it) for it in (st.integers(1, 3), st.integers(1, 3), st.booleans()))
    deep = kind is DepthToSpace
    channels = data.draw(st.integers(1, 3)) * (factor**rank if deep else 1)
    space = [data.draw(st.integers(1, 4)) * (1 if deep else factor) for _ in range(rank)]
    x = np.arange(2 * channels * math.prod(space)).reshape(2, channels, *space)
    order = data.draw(st.permutations(range(rank + 2)))
    expected = REFERENCES[kind](x, factor, blocks=blocks).transpose(order)
    axes = [order.index(2 + place) for place in range(rank)]
    step = kind(Held(x.transpose(order)), order.index(1), axes, factor, blocks=blocks)
    assert step.shape == expected.shape
    window = draw_window(data.draw, step.shape)
    assert np.array_equal(step.block(window, RUN), expected[window])


@pytest.mark.parametrize("name", ["bool", "uint8", "int64", "float16", "bfloat16", "float8_e5m2", "float64"])
@pytest.mark.parametrize("kind", REFERENCES)
def test_bits_stay_as_they_are(kind: type[Any], name: str) -> None:
    """Also those that are no number."""
    dtype = np.dtype(getattr(ml_dtypes, name, None) or name)
    shape, most = (1, 8, 4, 6 * dtype.itemsize), 2 if name == "bool" else 256
    x = np.random.default_rng(0).integers(0, most, shape, np.uint8).view(dtype)
    step = kind(Held(x), 1, (2, 3), 2, blocks=False)
    raw = REFERENCES[kind](x.view(f"u{dtype.itemsize}"), 2, blocks=False)
    block = step.block(whole(step.shape), RUN)
    assert block.dtype == dtype
    assert block.view(f"u{dtype.itemsize}").tobytes() == np.ascontiguousarray(raw).tobytes()


@pytest.mark.parametrize("blocks", [False, True])
@pytest.mark.parametrize("kind", REFERENCES)
def test_rows_of_all_channels_read_nothing_twice(kind: type[Any], blocks: bool) -> None:
    """Of windows cut along the rows alone, in multiples of the factor, each reads as much as it gives."""
    step = kind(Held(np.zeros((1, 36, 12, 6))), 1, (2, 3), 3, blocks=blocks)
    rows = slice(3, 4 if kind is SpaceToDepth else 9)
    window = (slice(0, 1), slice(0, step.shape[1]), rows, slice(0, step.shape[3]))
    (need,) = step.need(window)
    assert math.prod(window_shape(need)) == math.prod(window_shape(window))


@pytest.mark.parametrize("kind", REFERENCES)
def test_channels_of_their_own_read_theirs_alone(kind: type[Any]) -> None:
    """Without blocks, the channels that belong to one stand together."""
    step = kind(Held(np.zeros((1, 36, 12, 6))), 1, (2, 3), 3, blocks=False)
    one = slice(2, 3) if kind is DepthToSpace else slice(18, 27)
    (need,) = step.need((slice(0, 1), one, slice(0, 3), slice(0, 2)))
    assert need[1] == (slice(18, 27) if kind is DepthToSpace else slice(2, 3))
