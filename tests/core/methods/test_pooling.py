"""Pooling against a loop over the windows, and the formulas for how many fit."""

import math
from collections.abc import Callable
from typing import Any

import featfuse
import numpy as np
import pytest
from featfuse import FeatfuseWarning, ShapeError
from featfuse.methods.pooling import max_pool, pooled_size
from featfuse.methods.settings import AxisSettings

Settings = Callable[..., AxisSettings]
X = np.random.default_rng(0).normal(size=37)


def windows(in_size: int, out_size: int) -> list[slice]:
    """floor(iI/O) .. ceil((i+1)I/O): what adaptive pools take together."""
    return [slice(i * in_size // out_size, -(-(i + 1) * in_size // out_size)) for i in range(out_size)]


@pytest.mark.parametrize("out_size", [1, 5, 12, 36, 37])
def test_adaptive_windows(out_size: int) -> None:
    parts = [X[window] for window in windows(len(X), out_size)]
    for method, expected in (("avg-pool", np.mean), ("area", np.mean), ("max-pool", np.max)):
        result = featfuse.fuse(X, method=method, to=out_size)
        np.testing.assert_allclose(result, [expected(part) for part in parts], atol=1e-12, err_msg=method)


def test_area_by_overlap() -> None:
    """5 to 2: each output covers two samples and a half."""
    x = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
    result = featfuse.fuse(x, method="area", convention="tf", to=2)
    np.testing.assert_allclose(result, [(1 + 2 + 2) / 2.5, (2 + 8 + 16) / 2.5], atol=1e-12)


@pytest.mark.parametrize("counted", [True, False])
def test_padding_counts_or_not(counted: bool) -> None:
    x = np.array([3.0, 5.0, 7.0, 9.0])
    options = {"pool_size": 3, "pool_stride": 2, "pool_padding": 1, "count_include_pad": counted}
    result = featfuse.fuse(x, method="avg-pool", **options)
    np.testing.assert_allclose(result, [8 / (3 if counted else 2), 21 / 3])


@pytest.mark.parametrize(
    ("in_size", "size", "stride", "padding", "ceil_mode", "count"),
    [
        (10, 3, 3, 0, False, 3),
        (10, 3, 3, 0, True, 4),
        (10, 3, None, 0, False, 3),
        (7, 2, 2, 1, True, 4),  # a fifth would begin in the padding behind
        (7, 3, 2, 1, False, 4),
        (2, 5, 1, 1, False, 0),
    ],
)
def test_how_many_windows_fit(
    axis_settings: Settings,
    in_size: int,
    size: int,
    stride: int | None,
    padding: int,
    ceil_mode: bool,
    count: int,
) -> None:
    options = {"pool_size": size, "pool_stride": stride, "pool_padding": padding, "ceil_mode": ceil_mode}
    assert pooled_size(in_size, axis_settings("max-pool", in_size, 1, options)) == count


# ----------------------------------------------------------------------- borders, dilation, what is counted


@pytest.mark.parametrize(
    ("in_size", "size", "stride", "dilation", "expected"),
    [
        # how many windows, and the samples of the first and the last; Keras' and TF's `same`
        (5, 3, 1, 1, (5, [0, 1], [3, 4])),  # one in front, one behind
        (5, 2, 1, 1, (5, [0, 1], [4])),  # the odd one behind
        (5, 3, 2, 1, (3, [0, 1], [3, 4])),
        (6, 3, 2, 1, (3, [0, 1, 2], [4, 5])),
        (7, 2, 3, 1, (3, [0, 1], [6])),
        (7, 1, 3, 1, (3, [0], [6])),  # shorter than the step: no border, nothing is left out in front
        (6, 2, 2, 2, (3, [0, 2], [4])),
        (6, 3, 1, 2, (6, [0, 2], [3, 5])),
        (1, 4, 3, 1, (1, [0], [0])),
    ],
)
def test_same(
    axis_settings: Settings,
    in_size: int,
    size: int,
    stride: int,
    dilation: int,
    expected: tuple[int, list[int], list[int]],
) -> None:
    options = {"pool_size": size, "pool_stride": stride, "pool_dilation": dilation, "pool_padding": "same"}
    count, first, last = expected
    assert pooled_size(in_size, axis_settings("max-pool", in_size, 1, options)) == count
    (axis_map,) = max_pool(in_size, count, axis_settings("max-pool", in_size, count, options))
    windows = [[int(index) for index in row if index >= 0] for row in axis_map.indices]
    assert (windows[0], windows[-1]) == (first, last)
    samples = np.arange(in_size, dtype=np.float64)
    means = featfuse.fuse(samples, method="avg-pool", **options)
    np.testing.assert_allclose(means, [np.mean(window) for window in windows])


X4 = np.array([3.0, 5.0, 7.0, 9.0])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"pool_padding": "1+2"}, [8 / 3, 21 / 3, 9 / 3]),
        ({"pool_padding": ((1, 2),), "count_include_pad": False}, [8 / 2, 21 / 3, 9 / 1]),
        ({"pool_padding": "0+1"}, [15 / 3, 16 / 3]),
        ({"pool_padding": "2+0"}, [3 / 3, 15 / 3]),  # torch has no such border, ONNX has
        ({"pool_padding": "same"}, [15 / 3, 16 / 2]),
        ({"pool_padding": "same", "count_include_pad": True}, [15 / 3, 16 / 3]),
        ({"pool_padding": "same", "count_include_pad": False}, [15 / 3, 16 / 2]),
        (
            {"pool_padding": "0+2", "ceil_mode": True},
            [15 / 3, 16 / 3],
        ),  # a third would begin behind
        ({"pool_padding": "1+0", "ceil_mode": True}, [8 / 3, 21 / 3]),
        ({"pool_padding": "1+1", "pool_dilation": 2}, [14 / 3]),
        ({"pool_padding": "1+1", "pool_dilation": 2, "count_include_pad": False}, [14 / 2]),
    ],
    ids=str,
)
def test_what_a_mean_counts(options: dict[str, Any], expected: list[float]) -> None:
    """Windows of three, two apart, over 3, 5, 7, 9."""
    result = featfuse.fuse(X4, method="avg-pool", pool_size=3, pool_stride=2, **options)
    np.testing.assert_allclose(result, expected)


def test_a_border_per_axis() -> None:
    x = np.arange(1.0, 13.0).reshape(3, 4)
    call = {"method": "max-pool", "pool_size": "2x3", "pool_stride": 1}
    result = featfuse.fuse(x, pool_padding="0+1x2+0", **call)
    padded = np.pad(x, [(0, 1), (2, 0)], constant_values=-np.inf)
    expected = [[padded[i : i + 2, j : j + 3].max() for j in range(4)] for i in range(3)]
    assert np.array_equal(result, expected)
    assert np.array_equal(result, featfuse.fuse(x, pool_padding=((0, 1), (2, 0)), **call))


@pytest.mark.parametrize("dilation", [1, 2, 5])
def test_wide_windows_with_gaps(dilation: int) -> None:
    """Few windows of many taps are looked at window by window."""
    x = np.random.default_rng(1).normal(size=(3, 700))
    result = featfuse.fuse(x, method="max-pool", pool_size=100, pool_dilation=dilation, layout="CW")
    starts = range(0, 700 - 99 * dilation, 100)
    expected = [x[:, i : i + 99 * dilation + 1 : dilation].max(axis=1) for i in starts]
    assert np.array_equal(result, np.stack(expected, axis=1))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"pool_size": 2, "pool_padding": 2}, "padding 2"),
        ({"pool_size": 2, "pool_padding": "2+0"}, r"padding 2\+0"),
        ({"pool_size": 2, "pool_padding": "0+2"}, r"padding 0\+2"),
        ({"pool_size": 2, "pool_padding": "2+2", "pool_dilation": 5}, r"padding 2\+2, dilation 5"),
    ],
    ids=str,
)
def test_a_window_without_samples_is_refused(options: dict[str, Any], words: str) -> None:
    """A maximum of nothing is no number, and neither is a mean. In the last case all lies in a gap."""
    x = np.ones(3 if "pool_dilation" in options else 4)
    for method in ("max-pool", "avg-pool", "lp-pool"):
        with pytest.raises(ShapeError, match=f"{words} a window would hold no sample") as caught:
            featfuse.fuse(x, method=method, pool_stride=1, **options)
        assert "`pool_padding`" in str(caught.value.hint)


def test_gaps_that_are_longer_than_the_map() -> None:
    """Each window reads one sample, or would read none."""
    x, call = X4[:3], {"method": "max-pool", "pool_stride": 1}
    result = featfuse.fuse(x, pool_size=3, pool_padding="4+4", pool_dilation=4, **call)
    assert np.array_equal(result, x)
    with pytest.raises(ShapeError, match="no sample"):
        featfuse.fuse(x, pool_size=2, pool_padding=10**13, pool_dilation=10**13, **call)


# -------------------------------------------------------------------------------------------------- p-norms


@pytest.mark.parametrize("p", [1, 2, 3, 0.5])
def test_p_norm_of_adaptive_windows(p: float) -> None:
    parts = [np.abs(X[window]) for window in windows(len(X), 5)]
    expected = [(part**p).sum() ** (1 / p) for part in parts]
    result = featfuse.fuse(X, method="lp-pool", p=p, convention="onnx", to=5)
    np.testing.assert_allclose(result, expected)
    np.testing.assert_allclose(featfuse.fuse(np.abs(X), method="lp-pool", p=p, to=5), expected)


def test_torch_takes_powers_as_they_are() -> None:
    """(-2)^3 + 1 is negative and has no cube root there; (-1)^3 + 2^3 is 7."""
    x = np.array([-2.0, 1.0, -1.0, 2.0])
    with pytest.warns(FeatfuseWarning, match="1 of 2 finite values became NaN in float64"):
        result = featfuse.fuse(x, method="lp-pool", p=3, pool_size=2)
    np.testing.assert_allclose(result, [np.nan, 7 ** (1 / 3)])
    result = featfuse.fuse(x, method="lp-pool", p=3, pool_size=2, convention="onnx")
    np.testing.assert_allclose(result, [9 ** (1 / 3)] * 2)


@pytest.mark.parametrize(("convention", "last"), [("torch", (25 * 3) ** 0.5), ("onnx", 25**0.5)])
def test_a_window_that_hangs_over(convention: str, last: float) -> None:
    """torch's counts as if its two other samples were as large as the one it holds."""
    x = np.array([1.0, 2.0, 2.0, 5.0])
    result = featfuse.fuse(x, method="lp-pool", pool_size=3, ceil_mode=True, convention=convention)
    np.testing.assert_allclose(result, [3.0, last])


def test_channels_are_matched_after_the_root() -> None:
    """The mean of two norms is not the norm of two means."""
    big, small = np.array([[3.0, 4.0], [0.0, 0.0]]), np.zeros((1, 1))
    result = featfuse.fuse(big, small, method="lp-pool", channels="mean", layout="CW")
    np.testing.assert_allclose(result, [[5.0], [0.0]])  # one channel broadcasts, and none is averaged
    more = np.tile(big, (2, 1))
    result = featfuse.fuse(more, np.zeros((2, 1)), method="lp-pool", channels="mean", layout="CW")
    np.testing.assert_allclose(result, [[2.5], [2.5]])


MANY = 2_000_000
ULPS = 3 * np.finfo(np.float32).eps


@pytest.mark.parametrize("layout", ["NCW", "NWC"])
@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("area", {}),
        ("area", {"convention": "tf"}),
        ("avg-pool", {}),
        ("avg-pool", {"pool_size": MANY}),
        ("bilinear", {"antialias": True}),
    ],
)
def test_a_mean_of_very_many_samples_does_not_drift(
    method: str, options: dict[str, object], layout: str
) -> None:
    rng = np.random.default_rng(1)
    x = np.stack([np.full(MANY, 0.1, np.float32), rng.random(MANY, np.float32)])[None]
    given = x if layout == "NCW" else np.moveaxis(x, 1, 2)
    result = featfuse.resize(
        given, None if "pool_size" in options else 1, method=method, layout=layout, **options
    )
    if method == "bilinear":  # a triangle over all samples
        weights = 1 - np.abs((np.arange(MANY) + 0.5) / MANY - 0.5)
        weights /= weights.sum()
        exact = [math.fsum(row * weights) for row in x[0].astype(np.float64)]
    else:
        exact = [math.fsum(row) / MANY for row in x[0].tolist()]
    np.testing.assert_allclose(result.ravel(), exact, rtol=ULPS)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_long_means_have_the_same_bytes_in_any_number_of_threads(layout: str) -> None:
    """And, as they are no few, in any budget: a window holds whole columns of the input."""
    x = np.random.default_rng(0).normal(size=(6, 900, 64, 16)).astype(np.float32)
    x = x if layout == "NHWC" else np.moveaxis(x, 3, 1)
    results = [
        featfuse.resize(x, (3, 64), method="area", layout=layout, memory=memory, threads=threads)
        for memory, threads in (("256M", 1), ("256M", 3), ("1G", 2))
    ]
    assert {result.tobytes() for result in results} == {results[0].tobytes()}
    thirds = x.reshape(
        tuple(size for length in x.shape for size in ((3, 300) if length == 900 else (length,)))
    )
    np.testing.assert_allclose(results[0], thirds.mean(axis=x.shape.index(900) + 1), rtol=0, atol=1e-6)
