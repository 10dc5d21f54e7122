"""torch's pooling: adaptive windows, and explicit geometry with ceil_mode and count_include_pad."""

import warnings
from typing import Any

import numpy as np
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    torch = pytest.importorskip("torch")

from torch.nn import functional as F


def pool(name: str, x: np.ndarray, *args: Any, **options: Any) -> np.ndarray:
    """torch.nn.functional.NAME for the rank of `x`."""
    return getattr(F, f"{name}{x.ndim - 2}d")(torch.from_numpy(x), *args, **options).numpy()


def geometry(draw: Any, rank: int) -> tuple[dict[str, Any], tuple[Any, ...]]:
    """A window, stride and padding that torch allows (padding up to half the window), in both spellings."""
    size = tuple(draw.size(high=6) for _ in range(rank))
    stride = tuple(draw.size(high=5) for _ in range(rank))
    padding = tuple(int(draw.rng.integers(0, k // 2 + 1)) for k in size)
    if draw.rng.random() < 0.3:
        return {"pool_size": size}, (size,)
    spelt = draw.choice(tuple, lambda numbers: "x".join(str(number) for number in numbers))
    options = {"pool_size": spelt(size), "pool_stride": spelt(stride), "pool_padding": spelt(padding)}
    return options, (size, stride, padding)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_adaptive_average(draw, resize, agree, rank, seed):
    layout = draw.layout(rank)
    x = draw.array(layout, draw.sizes(rank))
    size = draw.sizes(rank)
    ours = resize(x, size, layout, method="avg-pool")
    agree(ours, pool("adaptive_avg_pool", x, size), scale=np.abs(x).max(), note=(x.shape, size, layout))


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_adaptive_max(draw, resize, agree, rank, seed):
    layout, dtype = draw.layout(rank), draw.choice(np.float32, np.float64, np.float16, np.uint8, np.int16)
    x = draw.array(layout, draw.sizes(rank), dtype)
    size = draw.sizes(rank)
    ours = resize(x, size, layout, method="max-pool")
    theirs = pool("adaptive_max_pool", x.astype(np.float64), size).astype(dtype)
    agree(ours, theirs, within=0, note=(x.shape, size, layout))


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_average(draw, resize, agree, rank, seed):
    layout = draw.layout(rank)
    options, args = geometry(draw, rank)
    x = draw.array(layout, draw.sizes(rank, low=6))
    extra = {name: bool(draw.rng.integers(2)) for name in ("ceil_mode", "count_include_pad")}
    ours = resize(x, None, layout, method="avg-pool", **options, **extra)
    theirs = pool("avg_pool", x, *args, **extra)
    agree(ours, theirs, scale=np.abs(x).max(), note=(x.shape, options, extra, layout))


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_max(draw, resize, agree, rank, seed):
    layout, dtype = draw.layout(rank), draw.choice(np.float32, np.float16, np.int32)
    options, args = geometry(draw, rank)
    x = draw.array(layout, draw.sizes(rank, low=6), dtype)
    ceil_mode = bool(draw.rng.integers(2))
    ours = resize(x, None, layout, method="max-pool", ceil_mode=ceil_mode, **options)
    theirs = pool("max_pool", x.astype(np.float64), *args, ceil_mode=ceil_mode).astype(dtype)
    agree(ours, theirs, within=0, note=(x.shape, options, ceil_mode, layout))


@pytest.mark.parametrize("method", ["avg-pool", "max-pool"])
def test_defaults_are_those_of_torch(draw, resize, agree, method):
    """Stride is the window, no padding, floor; padding counts in the average."""
    x = draw.array("NCHW", (11, 14))
    name = {"avg-pool": "avg_pool", "max-pool": "max_pool"}[method]
    agree(resize(x, None, "NCHW", method=method, pool_size=3), pool(name, x, 3), scale=np.abs(x).max())
    padded = resize(x, None, "NCHW", method=method, pool_size="3x4", pool_padding="1x2")
    agree(padded, pool(name, x, (3, 4), None, (1, 2)), scale=np.abs(x).max())


@pytest.mark.parametrize("method", ["avg-pool", "max-pool"])
def test_nan_and_infinity_pass_through_as_in_torch(draw, resize, agree, method):
    x = draw.array("NCHW", (12, 12))
    x[..., 3, 4], x[..., 8, 8] = np.nan, -np.inf
    name = {"avg-pool": "avg_pool", "max-pool": "max_pool"}[method]
    ours = resize(x, None, "NCHW", method=method, pool_size=3)
    np.testing.assert_allclose(ours, pool(name, x, 3), rtol=0, atol=1e-5)
    ours = resize(x, (5, 5), "NCHW", method=method)
    np.testing.assert_allclose(ours, pool(f"adaptive_{name}", x, (5, 5)), rtol=0, atol=1e-5)
