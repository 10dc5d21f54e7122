"""torch.nn.functional.interpolate, which the convention `torch` (the default) must equal."""

import itertools
import warnings
from typing import Any

import numpy as np
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    torch = pytest.importorskip("torch")

from torch.nn import functional as F

LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}
OPTIONS = {"half-pixel": {}, "align-corners": {"coords": "align-corners"}}


def interpolate(x: np.ndarray, size: tuple[int, ...], mode: str, **options: Any) -> np.ndarray:
    """torch's answer in the dtype of `x`."""
    return F.interpolate(torch.from_numpy(x), size, mode=mode, **options).numpy()


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("method", ["nearest", "nearest-exact"])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_nearest(draw, resize, agree, method, rank, seed):
    """Integers, which torch does not take (but for uint8), go where float32 goes."""
    layout, dtype = draw.layout(rank), draw.choice(np.float32, np.float64, np.float16, np.uint8, np.int64)
    x = draw.array(layout, draw.sizes(rank), dtype)
    size = draw.sizes(rank)
    kind = np.float64 if dtype is np.float64 else np.float32
    samples = np.arange(x.size, dtype=kind).reshape(x.shape)
    theirs = x.reshape(-1)[interpolate(samples, size, method).astype(int)]
    agree(resize(x, size, layout, method=method), theirs, within=0, note=(x.shape, size, layout))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("plane", [0, 1, 130])
@pytest.mark.parametrize("method", ["nearest", "nearest-exact"])
def test_nearest_takes_the_same_samples_for_every_pair_of_sizes(resize, agree, method, plane, dtype):
    """torch rounds in three ways: lines and volumes, large planes and small ones; by the type, too."""
    for in_size, out_size in itertools.product(range(1, 98, 3), range(1, 98)):
        x = np.arange(in_size, dtype=dtype).reshape((1, 1, *([1] if plane else []), -1))
        size = (plane, out_size) if plane else (out_size,)
        theirs = interpolate(x, size, method)
        layout = "NCHW" if plane else "NCW"
        agree(resize(x, size, layout, method=method), theirs, within=0, note=(in_size, out_size))


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("coords", OPTIONS)
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_linear(draw, resize, agree, rank, coords, seed):
    layout = draw.layout(rank)
    x = draw.array(layout, draw.sizes(rank))
    size = draw.sizes(rank)
    ours = resize(x, size, layout, method=draw.choice("bilinear", LINEAR[rank]), **OPTIONS[coords])
    theirs = interpolate(x, size, LINEAR[rank], align_corners=coords == "align-corners")
    agree(ours, theirs, scale=np.abs(x).max(), note=(x.shape, size, layout))


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("coords", OPTIONS)
def test_bicubic(draw, resize, agree, coords, seed):
    layout = draw.layout(2)
    x = draw.array(layout, draw.sizes(2))
    size = draw.sizes(2)
    theirs = interpolate(x, size, "bicubic", align_corners=coords == "align-corners")
    ours = resize(x, size, layout, method="bicubic", **OPTIONS[coords])
    agree(ours, theirs, scale=np.abs(x).max(), note=(x.shape, size, layout))


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("rank", [1, 3])
def test_bicubic_of_lines_and_volumes_is_the_same_along_each_axis(draw, resize, agree, rank, seed):
    """torch has bicubic for 2-D only: take its axes one at a time, the other held at size 1."""
    layout = draw.layout(rank)
    x = draw.array(layout, draw.sizes(rank, high=20))
    size = draw.sizes(rank, high=20)
    theirs = x
    for axis, out_size in enumerate(size, start=2):
        last = np.moveaxis(theirs, axis, -1)
        flat = interpolate(
            np.ascontiguousarray(last).reshape(1, -1, 1, last.shape[-1]), (1, out_size), "bicubic"
        )
        theirs = np.moveaxis(flat.reshape(*last.shape[:-1], out_size), -1, axis)
    ours = resize(x, size, layout, method="bicubic")
    agree(ours, theirs, scale=np.abs(x).max(), note=(x.shape, size, layout))


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize(
    ("mode", "method"), [("bilinear", "bilinear"), ("bicubic", "bicubic"), ("lanczos", "lanczos3")]
)
def test_antialias(draw, resize, agree, mode, method, seed):
    """Sizes from 2: torch 2.13 disagrees with itself at an output width of 1, see the next test."""
    layout = draw.layout(2)
    x = draw.array(layout, draw.sizes(2))
    size = (draw.size(), draw.size(low=2))
    theirs = interpolate(x, size, mode, antialias=True)
    ours = resize(x, size, layout, method=method, antialias=True, convention="torch")
    agree(ours, theirs, scale=np.abs(x).max(), note=(x.shape, size, layout))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_antialias_to_a_width_of_one_follows_the_transposed_map(draw, resize, agree, mode, seed):
    """torch 2.13 to width 1 is off by up to 0.5 from its own answer on the transposed map.

    The formula (half-pixel, a = -0.5, renormalized edges) agrees with torch to a *height* of 1, so the
    oracle for width 1 is torch on the transposed map.
    """
    layout = draw.layout(2)
    x = draw.array(layout, draw.sizes(2, low=2))
    size = (draw.size(low=2), 1)
    theirs = interpolate(np.ascontiguousarray(x.swapaxes(2, 3)), size[::-1], mode, antialias=True).swapaxes(
        2, 3
    )
    ours = resize(x, size, layout, method=mode, antialias=True)
    agree(ours, theirs, scale=np.abs(x).max(), note=(x.shape, size, layout))


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_area(draw, resize, agree, rank, seed):
    layout = draw.layout(rank)
    x = draw.array(layout, draw.sizes(rank))
    size = draw.sizes(rank)
    ours = resize(x, size, layout, method="area")
    agree(ours, interpolate(x, size, "area"), scale=np.abs(x).max(), note=(x.shape, size, layout))


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("method", ["bilinear", "bicubic", "area"])
def test_float64_is_computed_in_float64(draw, resize, agree, method, seed):
    layout = draw.layout(2)
    x = draw.array(layout, draw.sizes(2), np.float64)
    size = draw.sizes(2)
    ours = resize(x, size, layout, method=method)
    assert ours.dtype == np.float64
    # 2e-14: double rounding of coordinates up to 70, the only error either side should have
    theirs = interpolate(x, size, method)
    agree(ours, theirs, within=2e-14, scale=np.abs(x).max(), note=(x.shape, size, layout))


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("method", ["bilinear", "bicubic", "area"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_the_float32_answer_rounded_once(draw, resize, agree, dtype, method, seed):
    """torch itself rounds half-precision weights in places, so its float32 answer is the oracle."""
    ml_dtypes = pytest.importorskip("ml_dtypes")
    kind = np.dtype(getattr(ml_dtypes, dtype, None) or dtype)
    layout = draw.layout(2)
    x = draw.array(layout, draw.sizes(2)).astype(kind)
    size = draw.sizes(2)
    ours = resize(x, size, layout, method=method)
    assert ours.dtype == kind
    theirs = interpolate(x.astype(np.float32), size, method)
    half_ulp = float(ml_dtypes.finfo(kind).eps) / 2
    # half a unit in the last place of the answer, and the float32 tolerance of the oracle
    bound = half_ulp * np.abs(theirs) + 1e-5 * max(1.0, np.abs(x.astype(np.float32)).max())
    assert np.all(np.abs(ours.astype(np.float32) - theirs) <= bound), (x.shape, size, layout)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32])
def test_integers_become_float32(draw, resize, agree, dtype, seed):
    layout = draw.layout(2)
    x = draw.array(layout, draw.sizes(2), dtype)
    size = draw.sizes(2)
    ours = resize(x, size, layout, method="bilinear")
    assert ours.dtype == np.float32
    theirs = interpolate(x.astype(np.float64), size, "bilinear")
    agree(ours, theirs, scale=np.abs(x.astype(np.float64)).max(), note=(x.shape, size, layout))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("factor", [2, 3, 4, 8])
def test_transposed_conv_with_the_bilinear_kernel(draw, resize, agree, factor, seed):
    """FCN upsampling: ConvTranspose with a triangle of size 2f - f % 2, stride f, padding to hit f * I."""
    layout = draw.layout(2)
    x = draw.array(layout, draw.sizes(2, high=17))
    taps = 2 * factor - factor % 2
    centre = factor - 1 if taps % 2 else factor - 0.5
    line = 1 - np.abs(np.arange(taps) - centre) / factor
    channels = x.shape[1]
    kernel = torch.from_numpy(
        np.broadcast_to(np.outer(line, line), (channels, 1, taps, taps)).astype(np.float32)
    )
    # the FCN padding ceil((f - 1) / 2) gives exactly f * I, for odd and for even factors
    theirs = F.conv_transpose2d(
        torch.from_numpy(x), kernel.contiguous(), stride=factor, padding=factor // 2, groups=channels
    ).numpy()
    ours = resize(x, tuple(factor * size for size in x.shape[2:]), layout, method="transposed-conv")
    agree(ours, theirs, scale=np.abs(x).max(), note=(x.shape, factor, layout))


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_zeros_are_equal_whatever_their_sign(resize, layout, dtype):
    """torch's bilinear keeps -0 where all its taps are, its bicubic and area do not; we promise neither."""
    x = np.full((1, 4, 12, 10), -0.0, dtype)
    x[0, 0, 5, 5] = 1
    for mode, signs in (("bilinear", True), ("bicubic", False), ("area", False)):
        for size in ((24, 20), (17, 23), (6, 5)):
            theirs = interpolate(x, size, mode)
            assert np.signbit(theirs[0, 1]).any() == signs
            ours = resize(x, size, layout, method=mode)
            np.testing.assert_array_equal(ours == 0, theirs == 0)
