"""Keras' Conv2DTranspose (`same` and `valid`) and Conv2D, with its kernels as they are."""

import os
import warnings

import featfuse
import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("tensorflow")
    keras = pytest.importorskip("keras")

LAYERS = {
    1: (keras.layers.Conv1DTranspose, "WOI", "NWC"),
    2: (keras.layers.Conv2DTranspose, "HWOI", "NHWC"),
    3: (keras.layers.Conv3DTranspose, "DHWOI", "NDHWC"),
}


def built(layer, x, draw):
    """The layer with random weights, a bias included, and its answer to `x`."""
    layer.build(x.shape)
    layer.set_weights([draw.rng.standard_normal(w.shape).astype(np.float32) for w in layer.get_weights()])
    return np.asarray(layer(x)), *layer.get_weights()


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("stride", range(1, 5))
@pytest.mark.parametrize("size", range(1, 6))
def test_conv2d_transpose(draw, agree, size, stride, padding):
    for space in ((4, 6), (5, 3), (1, 7)):
        x = draw.rng.standard_normal((2, *space, 3)).astype(np.float32)
        layer = keras.layers.Conv2DTranspose(4, size, strides=stride, padding=padding)
        theirs, kernel, bias = built(layer, x, draw)
        call = {"method": "transposed-conv", "kernel": kernel, "bias": bias, "kernel_layout": "HWOI"}
        call |= {"stride": stride, "padding": padding}
        note = (size, stride, padding, space)
        agree(featfuse.fuse(x, layout="NHWC", **call), theirs, within=1e-5, scale=10.0, note=note)
        first = featfuse.fuse(np.moveaxis(x, -1, 1), layout="NCHW", **call)
        agree(np.moveaxis(first, 1, -1), theirs, within=1e-5, scale=10.0, note=note)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("size", "stride"), [((1, 4), (2, 3)), ((5, 2), (1, 4)), ((3, 4), (4, 2))])
def test_a_size_and_stride_per_axis(draw, agree, size, stride, padding):
    x = draw.rng.standard_normal((2, 5, 4, 3)).astype(np.float32)
    layer = keras.layers.Conv2DTranspose(4, size, strides=stride, padding=padding)
    theirs, kernel, bias = built(layer, x, draw)
    call = {"method": "transposed-conv", "kernel": kernel, "bias": bias, "kernel_layout": "HWOI"}
    ours = featfuse.fuse(x, layout="NHWC", stride=stride, padding=padding, **call)
    agree(ours, theirs, within=1e-5, scale=10.0)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("size", "stride"), [(1, 3), (2, 2), (3, 2), (4, 3), (5, 4)])
@pytest.mark.parametrize("rank", [1, 3])
def test_other_ranks(draw, agree, rank, size, stride, padding):
    make, kernel_layout, layout = LAYERS[rank]
    x = draw.rng.standard_normal((2, *(4, 3, 2)[:rank], 3)).astype(np.float32)
    theirs, kernel, bias = built(make(2, size, strides=stride, padding=padding), x, draw)
    call = {"method": "transposed-conv", "kernel": kernel, "bias": bias, "kernel_layout": kernel_layout}
    ours = featfuse.fuse(x, layout=layout, stride=stride, padding=padding, **call)
    agree(ours, theirs, within=1e-5, scale=20.0)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("dilation", [2, 3])
@pytest.mark.parametrize("stride", [1, 2, 4])
def test_dilation(draw, agree, stride, dilation, padding):
    """TensorFlow on a CPU refuses dilation, so its layer gets the kernel with the zeros written out."""
    x = draw.rng.standard_normal((2, 5, 4, 3)).astype(np.float32)
    kernel = draw.rng.standard_normal((3, 3, 2, 3)).astype(np.float32)
    reach = 2 * dilation + 1
    spread = np.zeros((reach, reach, 2, 3), np.float32)
    spread[::dilation, ::dilation] = kernel
    layer = keras.layers.Conv2DTranspose(2, reach, strides=stride, padding=padding, use_bias=False)
    layer.build(x.shape)
    layer.set_weights([spread])
    call = {"method": "transposed-conv", "kernel": kernel, "kernel_layout": "HWOI", "stride": stride}
    ours = featfuse.fuse(x, layout="NHWC", padding=padding, dilation=dilation, **call)
    agree(ours, np.asarray(layer(x)), within=1e-5, scale=10.0)


def test_kernel_layout_is_inferred(draw, agree):
    x = draw.rng.standard_normal((2, 5, 4, 6)).astype(np.float32)
    theirs, kernel, bias = built(keras.layers.Conv2DTranspose(2, 3, strides=2, padding="same"), x, draw)
    ours = featfuse.fuse(
        x, layout="NHWC", method="transposed-conv", kernel=kernel, bias=bias, stride=2, padding="same"
    )
    agree(ours, theirs, within=1e-5, scale=10.0)


def test_the_third_classic_case(draw, agree):
    """(1, 64, 64, 32) and (1, 64, 64, 16) side by side through a Conv2D of 32 filters."""
    a, b = (draw.rng.standard_normal((1, 64, 64, c)).astype(np.float32) for c in (32, 16))
    theirs, kernel, bias = built(keras.layers.Conv2D(32, 1), np.concatenate([a, b], -1), draw)
    ours = featfuse.fuse(a, b, combine="concat", reduce="conv1x1", kernel=kernel, bias=bias, layout="NHWC")
    assert ours.shape == (1, 64, 64, 32)
    agree(ours, theirs, within=1e-6, scale=np.abs(theirs).max() * 4)


def test_dense(draw, agree):
    """Dense keeps (in, out): two plain axes are read as torch's, so it must be named."""
    x = draw.rng.standard_normal((2, 5, 7, 6)).astype(np.float32)
    theirs, kernel, bias = built(keras.layers.Dense(4), x, draw)
    call = {"reduce": "conv1x1", "kernel": kernel, "bias": bias, "layout": "NHWC"}
    agree(featfuse.fuse(x, kernel_layout="IO", **call), theirs, within=1e-6, scale=10.0)


def test_global_average_pooling(draw, agree):
    x = draw.rng.standard_normal((2, 5, 7, 6)).astype(np.float32)
    for keepdims in (False, True):
        theirs = np.asarray(keras.layers.GlobalAveragePooling2D(keepdims=keepdims)(x))
        agree(featfuse.fuse(x, reduce="gap", keepdims=keepdims, layout="NHWC"), theirs, within=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_glorot_bounds(seed):
    """Keras' initialiser for the same fan: the same limit, not the same numbers."""
    theirs = np.asarray(keras.initializers.GlorotUniform(seed=seed)((1, 1, 48, 32)))
    identity = np.eye(48, dtype=np.float32).reshape(1, 6, 8, 48)
    ours = featfuse.fuse(identity, reduce="conv1x1", out_channels=32, seed=seed, layout="NHWC")
    assert np.abs(ours).max() <= np.sqrt(6 / 80)
    np.testing.assert_allclose(np.abs(ours).max(), np.abs(theirs).max(), rtol=0.01)
    np.testing.assert_allclose(ours.std(), theirs.std(), rtol=0.05)
