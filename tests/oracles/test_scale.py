"""--scale: torch's scale_factor, with and without recomputation, where I * s is not whole, too."""

import math
import warnings
from typing import Any

import numpy as np
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    torch = pytest.importorskip("torch")

from torch.nn import functional as F

LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}


def drawn(draw: Any, rank: int, dtype: Any = np.float32) -> tuple[str, np.ndarray, tuple[float, ...]]:
    """A layout, a map, and a factor for each axis that leaves a sample at least."""
    layout = draw.layout(rank)
    x = draw.array(layout, draw.sizes(rank), dtype)
    factors = []
    for size in x.shape[2:]:
        factor = draw.choice(2, 3, 0.5, 1.5, 1.37, 1.3, float(draw.rng.uniform(0.1, 4)))
        factors.append(float(factor if math.floor(size * factor) else 1.0))
    return layout, x, tuple(factors)


def interpolate(x: np.ndarray, factors: tuple[float, ...], mode: str, **options: Any) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return F.interpolate(torch.from_numpy(x), scale_factor=factors, mode=mode, **options).numpy()


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("method", ["nearest", "nearest-exact"])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_nearest(draw, resize, agree, rank, method, dtype, seed):
    layout, x, factors = drawn(draw, rank, dtype)
    ours = resize(x, None, layout, method=method, scale=factors)
    agree(ours, interpolate(x, factors, method), within=0, note=(x.shape, factors, layout))


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("coords", ["half-pixel", "align-corners"])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_linear(draw, resize, agree, rank, coords, seed):
    layout, x, factors = drawn(draw, rank)
    ours = resize(x, None, layout, method="bilinear", coords=coords, scale=factors)
    theirs = interpolate(x, factors, LINEAR[rank], align_corners=coords == "align-corners")
    agree(ours, theirs, scale=np.abs(x).max(), note=(x.shape, factors, layout))


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("bicubic", {}),
        ("bicubic", {"antialias": True}),
        ("bilinear", {"antialias": True}),
        ("area", {}),
    ],
)
def test_planes(draw, resize, agree, mode, options, seed):
    layout, x, factors = drawn(draw, 2)
    if options and math.floor(x.shape[3] * factors[1]) == 1:
        factors = (factors[0], 2.0)  # torch antialiases to a width of 1 wrongly
    ours = resize(x, None, layout, method=mode, scale=factors, **options)
    theirs = interpolate(x, factors, mode, **options)
    agree(ours, theirs, scale=np.abs(x).max(), note=(x.shape, factors, layout))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "bilinear", "bicubic"])
def test_recomputed(draw, resize, agree, mode, seed):
    layout, x, factors = drawn(draw, 2)
    ours = resize(x, None, layout, method=mode, scale=factors, recompute_scale_factor=True)
    theirs = interpolate(x, factors, mode, recompute_scale_factor=True)
    agree(ours, theirs, scale=np.abs(x).max(), note=(x.shape, factors, layout))
