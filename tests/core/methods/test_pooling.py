"""Pooling against a loop over the windows, and torch's formula for how many fit."""

import math
from collections.abc import Callable

import featfuse
import numpy as np
import pytest
from featfuse.methods.pooling import pooled_size
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
