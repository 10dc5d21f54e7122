"""TensorFlow: tf.image.resize and its relatives (`convention="tf"`), tf.pad, and broadcasting."""

import os
import warnings
from typing import Any

import featfuse
import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    tf = pytest.importorskip("tensorflow")

# TF's name, ours
METHODS = {
    "bilinear": "bilinear",
    "bicubic": "bicubic",
    "lanczos3": "lanczos3",
    "lanczos5": "lanczos5",
    "mitchellcubic": "mitchell",
    "gaussian": "gaussian",
    "area": "area",
}
TABLE_OF_BICUBIC = 3e-3
"""TF's bicubic without antialias takes its weights from a table of 1024 entries, so far from the formula."""


def channels_last(x: np.ndarray) -> np.ndarray:
    """(N, C, H, W) as TF wants it."""
    return np.ascontiguousarray(np.moveaxis(x, 1, -1))


def tf_image(name: str, x: np.ndarray, *args: Any, **options: Any) -> np.ndarray:
    """tf.image.NAME of an (N, C, H, W) array."""
    return np.moveaxis(getattr(tf.image, name)(channels_last(x), *args, **options).numpy(), -1, 1)


def uses(method: str, antialias: bool) -> dict[str, Any]:
    """Our options for TF's; area always antialiases and takes no such option."""
    options = {"method": METHODS[method], "convention": "tf"}
    return options if method == "area" else options | {"antialias": antialias}


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_resize(draw, resize, agree, method, antialias, seed):
    layout = draw.layout(2)
    x = draw.array(layout, draw.sizes(2))
    size = draw.sizes(2)
    theirs = tf_image("resize", x, size, method=method, antialias=antialias)
    within = TABLE_OF_BICUBIC if method == "bicubic" and not antialias else 1e-5
    ours = resize(x, size, layout, **uses(method, antialias))
    agree(ours, theirs, within=within, scale=np.abs(x).max(), note=(x.shape, size, layout))


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("method", ["lanczos3", "lanczos5", "mitchell", "gaussian"])
def test_the_kernels_of_tf_need_no_convention(draw, resize, agree, method, seed):
    """torch has no such kernels (or none without antialias): they follow TF unless told otherwise."""
    x = draw.array("NHWC", draw.sizes(2))
    size = draw.sizes(2)
    named = next(theirs for theirs, ours in METHODS.items() if ours == method)
    theirs = tf_image("resize", x, size, method=named)
    agree(resize(x, size, "NHWC", method=method), theirs, scale=np.abs(x).max(), note=(x.shape, size))


@pytest.mark.parametrize("options", [{"method": "nearest", "convention": "tf"}, {"method": "nearest-exact"}])
def test_nearest_for_every_pair_of_sizes(resize, agree, options):
    for in_size in range(1, 71):
        line = np.arange(in_size, dtype=np.float32).reshape(1, 1, 1, -1)
        for out_size in range(1, 71, 3):
            theirs = tf_image("resize", line, (1, out_size), method="nearest")
            agree(resize(line, (1, out_size), "NHWC", **options), theirs, within=0, note=(in_size, out_size))


@pytest.mark.parametrize("seed", range(20))
def test_nearest_keeps_the_dtype(draw, resize, agree, seed):
    layout, dtype = draw.layout(2), draw.choice(np.uint8, np.int32, np.float16, np.float64)
    x = draw.array(layout, draw.sizes(2), dtype)
    size = draw.sizes(2)
    theirs = tf_image("resize", x, size, method="nearest")
    ours = resize(x, size, layout, method="nearest", convention="tf")
    agree(ours, theirs, within=0, note=(x.shape, size, layout))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("method", ["bilinear", "bicubic", "area"])
@pytest.mark.parametrize("dtype", ["uint8", "float16", "bfloat16"])
def test_dtypes(draw, resize, agree, dtype, method, seed):
    """TF computes these in float32 and returns float32; so does featfuse for integers, while a half
    precision float comes back rounded once to what it was."""
    ml_dtypes = pytest.importorskip("ml_dtypes")
    kind = np.dtype(getattr(ml_dtypes, dtype, None) or dtype)
    layout = draw.layout(2)
    x = draw.array(layout, draw.sizes(2), kind if dtype == "uint8" else np.float32).astype(kind)
    size = draw.sizes(2)
    theirs = tf_image("resize", x.astype(np.float32), size, method=method, antialias=True)
    ours = resize(x, size, layout, **uses(method, True))
    assert ours.dtype == (np.float32 if dtype == "uint8" else kind)
    scale = float(np.abs(x.astype(np.float32)).max())
    rounding = 0.0 if dtype == "uint8" else float(ml_dtypes.finfo(kind).eps)
    agree(ours, theirs, within=1e-5 + rounding, scale=scale, note=(x.shape, size, layout))


@pytest.mark.parametrize("seed", range(40))
def test_resize_with_crop_or_pad(draw, resize, agree, seed):
    layout = draw.layout(2)
    x = draw.array(layout, draw.sizes(2), draw.choice(np.float32, np.uint8))
    size = draw.sizes(2)
    theirs = tf_image("resize_with_crop_or_pad", x, *size)
    agree(resize(x, size, layout, method="crop-or-pad"), theirs, within=0, note=(x.shape, size, layout))


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("method", ["bilinear", "bicubic", "lanczos3", "lanczos5", "nearest"])
def test_resize_with_pad(draw, resize, agree, method, antialias, seed):
    """Sizes from 8, targets from 9: TF refuses a map so long and thin that its short side becomes 0."""
    layout = draw.layout(2)
    x = draw.array(layout, draw.sizes(2, low=8))
    size = draw.sizes(2, low=9)
    theirs = tf_image("resize_with_pad", x, *size, method=method, antialias=antialias)
    options = {"convention": "tf", "interpolation": method}
    if method != "nearest":
        options["antialias"] = antialias
    within = TABLE_OF_BICUBIC if method == "bicubic" and not antialias else 1e-5
    ours = resize(x, size, layout, method="letterbox", **options)
    agree(ours, theirs, within=within, scale=np.abs(x).max(), note=(x.shape, size, layout))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(
    ("mode", "ours"), [("CONSTANT", "constant"), ("REFLECT", "reflect"), ("SYMMETRIC", "symmetric")]
)
def test_pad(draw, resize, agree, offset_of, mode, ours, rank, seed):
    layout, dtype = draw.layout(rank), draw.choice(np.float32, np.float64, np.uint8, np.int32)
    x = draw.array(layout, draw.sizes(rank), dtype)
    # how much wider than the axis a pad may be
    beyond = {"CONSTANT": 9, "REFLECT": -1, "SYMMETRIC": 0}[mode]
    widths = [tuple(int(draw.rng.integers(0, size + beyond + 1)) for _ in "ab") for size in x.shape[2:]]
    theirs = tf.pad(x, [(0, 0), (0, 0), *widths], mode=mode).numpy()
    padded = resize(x, theirs.shape[2:], layout, method="pad", pad_mode=ours, offset=offset_of(widths))
    agree(padded, theirs, within=0, note=(x.shape, widths, layout))


def test_channels_of_32_and_16_broadcast_neither_here_nor_there(draw):
    a, b = draw.rng.random((1, 64, 64, 32), np.float32), draw.rng.random((1, 32, 32, 16), np.float32)
    with pytest.raises(tf.errors.InvalidArgumentError, match="Incompatible shapes"):
        tf.add(a, tf.image.resize(b, (64, 64)))
    with pytest.raises(featfuse.ShapeError) as refusal:
        featfuse.fuse(a, b, method="bilinear", layout="NHWC")
    assert refusal.value.exit_code == 3
    assert all(word in str(refusal.value) for word in ("32", "16", 'channels="tile"'))


def test_bilinear_with_tiled_channels(draw, agree):
    a, b = draw.rng.random((1, 64, 64, 32), np.float32), draw.rng.random((1, 32, 32, 16), np.float32)
    theirs = tf.add(a, tf.tile(tf.image.resize(b, (64, 64)), (1, 1, 1, 2))).numpy()
    for layout in ({}, {"layout": "NHWC"}, {"layout": "NHWC", "convention": "tf"}):
        agree(featfuse.fuse(a, b, method="bilinear", channels="tile", **layout), theirs)


@pytest.mark.parametrize("mode", ["CONSTANT", "REFLECT", "SYMMETRIC"])
def test_two_pixels_of_padding_on_every_side(draw, agree, mode):
    a, b = draw.rng.random((1, 64, 64, 32), np.float32), draw.rng.random((1, 60, 60, 32), np.float32)
    theirs = tf.add(a, tf.pad(b, ((0, 0), (2, 2), (2, 2), (0, 0)), mode=mode)).numpy()
    agree(featfuse.fuse(a, b, method="pad", pad_mode=mode.lower(), layout="NHWC"), theirs, within=0)
    cropped = featfuse.fuse(a, b, method="crop", layout="NHWC")
    agree(cropped, tf.add(a[:, 2:62, 2:62], b).numpy(), within=0)


def test_concat(draw, agree):
    a, b = draw.rng.random((1, 64, 64, 32), np.float32), draw.rng.random((1, 64, 64, 16), np.float32)
    agree(featfuse.fuse(a, b, combine="concat", layout="NHWC"), tf.concat([a, b], -1).numpy(), within=0)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("method", METHODS)
def test_fusing_two_maps_of_any_sizes(draw, agree, method, seed):
    """Both maps are brought to the larger of each side, as two tf.image.resize and an add would.

    A map that is on the grid already is left as it is, though mitchell and gaussian would blur it in TF.
    """
    (h1, w1), (h2, w2), channels = draw.sizes(2), draw.sizes(2), draw.size(high=5)
    a, b = (
        draw.rng.random((2, h1, w1, channels), np.float32),
        draw.rng.random((2, h2, w2, channels), np.float32),
    )
    size = (max(h1, h2), max(w1, w2))
    resized = [
        x if x.shape[1:3] == size else tf.image.resize(x, size, method=method, antialias=method != "area")
        for x in (a, b)
    ]
    ours = featfuse.fuse(a, b, to="largest", layout="NHWC", **uses(method, True))
    agree(ours, tf.add(*resized).numpy(), within=2e-5, note=(a.shape, b.shape))


# --------------------------------------------------------------------------------------- pools and shuffles

KERAS = {"max-pool": "MaxPooling", "avg-pool": "AveragePooling"}


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("method", KERAS)
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_pools_of_keras(draw, resize, agree, rank, method, padding, seed):
    """`same` gives ceil(I / stride) windows, the odd sample behind, and counts real samples alone.

    Windows shorter than their step are padded by nothing; in 3-D, and there alone, TF crops instead.
    """
    layer = getattr(tf.keras.layers, f"{KERAS[method]}{rank}D")
    size, stride = (tuple(draw.size(high=5) for _ in range(rank)) for _ in "ab")
    if rank == 3:
        stride = tuple(map(min, size, stride))
    stride = draw.choice(None, stride)
    low = 1 if padding == "same" else 5
    layout, x = draw.layout(rank), draw.array("NCHW", draw.sizes(rank, low=low, high=14))
    last = np.moveaxis(x, 1, -1)
    theirs = np.moveaxis(np.asarray(layer(size, strides=stride, padding=padding)(last)), -1, 1)
    options = {"pool_size": size} | ({"pool_stride": stride} if stride else {})
    if padding == "same":
        options["pool_padding"] = "same"
    x, theirs = (y[: None if "N" in layout else 1, : None if "C" in layout else 1] for y in (x, theirs))
    ours = resize(x, None, layout, method=method, **options)
    exact = 0 if method == "max-pool" else 1e-5
    agree(ours, theirs, within=exact, scale=np.abs(x).max(), note=(x.shape, options, layout))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("kind", ["MAX", "AVG"])
def test_dilated_pools(draw, resize, agree, kind, seed):
    """tf.nn.pool takes no dilation with SAME, nor with a stride."""
    size, dilation = ((draw.size(high=3), draw.size(high=3)) for _ in "ab")
    x = draw.array("NCHW", draw.sizes(2, low=7, high=14))
    theirs = tf.nn.pool(channels_last(x), size, kind, (1, 1), "VALID", dilations=dilation).numpy()
    options = {"pool_size": size, "pool_dilation": dilation, "pool_stride": 1}
    ours = resize(x, None, "NHWC", method="max-pool" if kind == "MAX" else "avg-pool", **options)
    agree(ours, np.moveaxis(theirs, -1, 1), scale=np.abs(x).max(), note=(x.shape, options))


@pytest.mark.parametrize("seed", range(20))
def test_a_border_of_unequal_sides(draw, resize, agree, seed):
    size, stride = ((draw.size(low=2, high=4), draw.size(high=3)) for _ in "ab")
    pads = tuple(tuple(int(n) for n in draw.rng.integers(0, k, 2)) for k in size)
    x = draw.array("NCHW", draw.sizes(2, low=4, high=12))
    theirs = tf.nn.max_pool2d(channels_last(x), size, stride, [(0, 0), *pads, (0, 0)]).numpy()
    spelt = draw.choice(pads, "x".join(f"{before}+{after}" for before, after in pads))
    options = {"pool_size": size, "pool_stride": stride, "pool_padding": spelt}
    ours = resize(x, None, "NHWC", method="max-pool", **options)
    agree(ours, np.moveaxis(theirs, -1, 1), within=0, note=(x.shape, options))


@pytest.mark.parametrize("seed", range(30))
def test_depth_to_space_and_back(draw, resize, agree, seed):
    layout, factor = draw.choice("NCHW", "NHWC"), draw.size(low=2, high=4)
    dtype = draw.choice(np.float32, np.float16, np.uint8, np.int64)
    space = draw.sizes(2, high=8)
    shape = (draw.size(high=3), draw.size(high=4) * factor**2, *space)
    x = (draw.rng.standard_normal(shape) * 50).astype(dtype)
    wide = tf.nn.depth_to_space(channels_last(x), factor)
    theirs = np.moveaxis(wide.numpy(), -1, 1)
    options, note = {"convention": "tf"}, (shape, factor, layout)
    agree(resize(x, theirs.shape[2:], layout, method="pixel-shuffle", **options), theirs, within=0, note=note)
    back = np.moveaxis(tf.nn.space_to_depth(wide, factor).numpy(), -1, 1)
    agree(resize(theirs, space, layout, method="pixel-unshuffle", **options), back, within=0, note=note)
