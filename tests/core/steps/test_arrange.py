"""Axes of the result in another order, and flattened: any window of it, of any child."""

import math
from typing import Any

import featfuse
import h5py
import numpy as np
import pytest
from featfuse.model.tensor import TensorSpec
from featfuse.steps.arrange import Arrange
from featfuse.steps.base import Run
from featfuse.steps.input_tensor import InputTensor
from hypothesis import given
from hypothesis import strategies as st


@st.composite
def arranged(draw: Any) -> tuple[tuple[int, ...], tuple[tuple[int, ...], ...]]:
    """A shape, and its axes in any order and any groups."""
    shape = draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    axes = draw(st.permutations(range(len(shape))))
    groups: list[tuple[int, ...]] = []
    while axes:
        count = draw(st.integers(1, len(axes)))
        groups.append(tuple(axes[:count]))
        axes = axes[count:]
    return tuple(shape), tuple(groups)


@given(case=arranged(), data=st.data())
def test_any_window_is_that_of_the_whole(case: Any, data: st.DataObject) -> None:
    shape, groups = case
    x = np.arange(math.prod(shape), dtype=np.float32).reshape(shape)
    letters = "NCHW"[: len(shape)]
    step = Arrange(InputTensor(0, TensorSpec("x", shape, x.dtype), letters, letters), groups)
    whole = x.transpose([axis for group in groups for axis in group]).reshape(step.shape)
    window = []
    for size in step.shape:
        start = data.draw(st.integers(0, size - 1))
        window.append(slice(start, data.draw(st.integers(start + 1, size))))
    run = Run(lambda _index, own: x[own])
    np.testing.assert_array_equal(step.block(tuple(window), run), whole[tuple(window)])


def test_an_empty_axis() -> None:
    out = featfuse.fuse(np.zeros((1, 0, 3, 4), np.float32), layout="NCHW", out_layout="NLC")
    assert out.shape == (1, 12, 0)


MAP = np.random.default_rng(0).normal(size=(2, 5, 6, 4)).astype(np.float32)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("NHWC", MAP.transpose(0, 2, 3, 1)),
        ("channels_last", MAP.transpose(0, 2, 3, 1)),
        ("BCHW", MAP),
        ("WHCN", MAP.transpose(3, 2, 1, 0)),
        ("NLC", MAP.transpose(0, 2, 3, 1).reshape(2, 24, 5)),
        ("NCL", MAP.reshape(2, 5, 24)),
        ("NHLC", MAP.transpose(0, 2, 3, 1)),
    ],
)
@pytest.mark.parametrize("memory", ["256M", "1M"])
def test_the_output_has_the_layout(word: str, expected: np.ndarray, memory: str) -> None:
    out = featfuse.fuse(MAP, layout="NCHW", out_layout=word, memory=memory)
    np.testing.assert_array_equal(out, expected)


def test_large_maps_in_many_windows() -> None:
    large = np.random.default_rng(1).normal(size=(1, 64, 130, 210)).astype(np.float32)
    small = large[:, :, ::2, ::2].copy()
    options: Any = {"method": "bilinear", "layout": "NCHW", "memory": "4M"}
    out = featfuse.fuse(large, small, **options, out_layout="NLC")
    expected = featfuse.fuse(large, small, **options).transpose(0, 2, 3, 1).reshape(1, -1, 64)
    np.testing.assert_allclose(out, expected, rtol=0, atol=2e-6)  # windows of another shape


def test_tokens_stay_tokens(tmp_path) -> None:
    """Two stages of a Swin transformer."""
    rng = np.random.default_rng(2)
    first, second = (rng.normal(size=(1, count, 8)).astype(np.float32) for count in (196, 49))
    report = featfuse.fuse(
        *(first, second),
        **{"method": "bilinear", "grid": "14x14,7x7", "out_layout": "NLC"},
        out=str(tmp_path / "fused.h5"),
    )
    grids = [first.reshape(1, 14, 14, 8), second.reshape(1, 7, 7, 8)]
    expected = featfuse.fuse(*grids, method="bilinear", layout="NHWC").reshape(1, 196, 8)
    with h5py.File(tmp_path / "fused.h5") as file:
        np.testing.assert_array_equal(file["fused"][:], expected)
        assert [dim.label for dim in file["fused"].dims] == ["N", "L", "C"]
    assert report.output is not None
    assert report.output.layout == "NLC"
    assert [(row.axis, row.output) for row in report.axes] == [("N", 1), ("H", 14), ("W", 14), ("C", 8)]


def test_every_level_of_a_fold(tmp_path) -> None:
    maps = [np.ones((1, 3, size, size), np.float32) for size in (8, 4, 2)]
    path = str(tmp_path / "levels.h5")
    featfuse.fuse(*maps, method="nearest", fold="coarse-to-fine", layout="NCHW", out_layout="NHWC", out=path)
    with h5py.File(path) as file:
        assert sorted(file[key].shape for key in file) == [(1, 2, 2, 3), (1, 4, 4, 3), (1, 8, 8, 3)]


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("NCH", 'out_layout="NCH"|N C H W|each of them once'),
        ("NCHWW", 'out_layout="NCHWW"|N C H W'),
        ("NCHWL", 'out_layout="NCHWL"|N C H W'),
        ("CHW", 'out_layout="CHW"|N C H W|L for H and W'),
        ("??", "out_layout="),
    ],
)
def test_refusals(word: str, words: str) -> None:
    with pytest.raises(featfuse.UsageError) as caught:
        featfuse.fuse(MAP, layout="NCHW", out_layout=word)
    for each in words.split("|"):
        assert each in str(caught.value)


def test_an_order_needs_names() -> None:
    """Which axis shall come last, of a tensor that nothing tells the axes of?"""
    with pytest.raises(featfuse.ShapeError, match="layout="):
        featfuse.fuse(np.zeros((2, 8, 8, 8), np.float32), out_layout="NHWC")
