"""torch's pooling: adaptive windows, explicit geometry, p-norms over windows; its pixel shuffle."""

import warnings
from typing import Any

import featfuse
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


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_dilated_max(draw, resize, agree, rank, seed):
    layout, dtype = draw.layout(rank), draw.choice(np.float32, np.float16, np.int32)
    size, stride = (tuple(draw.size(high=4) for _ in range(rank)) for _ in "ab")
    dilation = tuple(draw.size(high=4) for _ in range(rank))
    padding = tuple(int(draw.rng.integers(0, k // 2 + 1)) for k in size)
    x = draw.array(layout, draw.sizes(rank, low=13, high=20), dtype)  # the widest window holds 13
    ceil_mode = bool(draw.rng.integers(2))
    options = {"pool_size": size, "pool_stride": stride, "pool_padding": padding, "pool_dilation": dilation}
    ours = resize(x, None, layout, method="max-pool", ceil_mode=ceil_mode, **options)
    theirs = pool("max_pool", x.astype(np.float64), size, stride, padding, dilation, ceil_mode).astype(dtype)
    agree(ours, theirs, within=0, note=(x.shape, options, ceil_mode, layout))


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("p", [1, 2, 3, 4, 2.5])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_power_average(draw, resize, agree, rank, p, seed):
    """Samples of either sign: where a sum is negative, or an odd power has no root, both give NaN."""
    layout, dtype = draw.layout(rank), draw.choice(np.float32, np.float64)
    size = tuple(draw.size(high=5) for _ in range(rank))
    stride = draw.choice(None, tuple(draw.size(high=4) for _ in range(rank)))
    x = draw.array(layout, draw.sizes(rank, low=6), dtype)
    x = draw.choice(x, np.abs(x))
    ceil_mode = bool(draw.rng.integers(2))
    options = {"pool_size": size, "ceil_mode": ceil_mode} | ({"pool_stride": stride} if stride else {})
    ours = resize(x, None, layout, method="lp-pool", p=p, **options)
    plain = (size, stride) if rank > 1 else (size[0], stride and stride[0])
    theirs = pool("lp_pool", x, float(p), *plain, ceil_mode)
    note = (x.shape, options, layout)
    assert ours.dtype == dtype, note
    # of a sum next to zero, rounding may take the root away
    sums = pool("lp_pool", np.abs(x), float(p), *plain, ceil_mode) ** p
    clear = np.abs(np.nan_to_num(theirs)) ** p > 1e-5 * sums
    clear |= np.isnan(theirs) & np.isnan(ours)
    scale = np.abs(sums).max() ** (1 / p)
    agree(np.where(clear, ours, 0), np.where(clear, theirs, 0), scale=scale, note=note)
    assert clear.mean() > 0.95 or x.size < 100


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


@pytest.mark.parametrize("seed", range(60))
def test_pixel_shuffle_and_back(draw, resize, agree, seed):
    layout = draw.choice("NCHW", "NHWC", "CHW", "HWC")
    dtype = draw.choice(np.float32, np.float64, np.float16, np.uint8, np.int16, np.int64, np.bool_)
    factor, channels = draw.size(high=4), draw.size(high=4)
    count, space = draw.size(high=3) if "N" in layout else 1, draw.sizes(2, high=9)
    x = (draw.rng.standard_normal((count, channels * factor**2, *space)) * 50).astype(dtype)
    theirs = F.pixel_shuffle(torch.from_numpy(x), factor).numpy()
    note = (x.shape, factor, layout)
    agree(resize(x, theirs.shape[2:], layout, method="pixel-shuffle"), theirs, within=0, note=note)
    back = F.pixel_unshuffle(torch.from_numpy(theirs), factor).numpy()
    agree(resize(theirs, space, layout, method="pixel-unshuffle"), back, within=0, note=note)


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_pixel_shuffle_moves_what_numpy_does_not_know(dtype):
    kind = np.dtype(getattr(pytest.importorskip("ml_dtypes"), dtype))
    x = torch.randn((1, 12, 5, 3), generator=torch.Generator().manual_seed(0)).to(getattr(torch, dtype))
    bits = torch.int16 if kind.itemsize == 2 else torch.uint8
    ours = featfuse.fuse(x.view(bits).numpy().view(kind), method="pixel-shuffle", to="10x6", layout="NCHW")
    assert ours.dtype == kind
    theirs = F.pixel_shuffle(x.view(bits), 2).numpy()
    assert np.array_equal(ours.view(theirs.dtype), theirs)


def test_a_decoder_that_adds_its_skip_connection(draw, agree):
    """ESPCN's last step beside a map of the larger grid: channels are met after the shuffle."""
    skip, deep = draw.rng.random((2, 3, 16, 12), np.float32), draw.rng.random((2, 12, 8, 6), np.float32)
    theirs = torch.from_numpy(skip) + F.pixel_shuffle(torch.from_numpy(deep), 2)
    agree(featfuse.fuse(skip, deep, method="pixel-shuffle", layout="NCHW"), theirs, within=0)
    joined = torch.cat([torch.from_numpy(skip), F.pixel_shuffle(torch.from_numpy(deep), 2)], 1)
    call = {"method": "pixel-shuffle", "combine": "concat"}
    agree(featfuse.fuse(skip, deep, layout="NCHW", **call), joined, within=0)
