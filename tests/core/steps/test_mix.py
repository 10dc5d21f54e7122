"""1x1 convolutions in every layout and l2 norms, against NumPy."""

from contextlib import suppress

import featfuse
import ml_dtypes
import numpy as np
import pytest
from featfuse import ShapeError

from tests.support.arrays import mix

HALF = (np.float16, ml_dtypes.bfloat16)


@pytest.mark.parametrize("layout", ["NCW", "NWC", "NCHW", "NHWC", "CHW", "HWC", "NCDHW", "NDHWC", "NC"])
def test_conv1x1_in_every_layout_and_kernel_layout(layout):
    rng = np.random.default_rng(0)
    sizes = {"N": 2, "C": 5, "D": 2, "H": 3, "W": 4}
    a = rng.normal(size=[sizes[letter] for letter in layout])
    b = rng.normal(size=[7 if letter == "C" else sizes[letter] for letter in layout])
    matrix, bias = rng.normal(size=(3, 12)), rng.normal(size=3)
    joined = np.concatenate([a, b], layout.index("C"))
    expected = mix(joined, matrix, layout) + bias.reshape([3 if letter == "C" else 1 for letter in layout])
    kernels = [
        (None, matrix),
        ("OI", matrix),
        ("IO", matrix.T),
        (None, matrix[:, :, None]),
        ("OIHW", matrix[:, :, None, None]),
        (None, matrix[:, :, None, None]),
        ("HWIO", matrix.T[None, None]),
        (None, matrix.T[None, None]),
        (None, matrix[:, :, None, None, None]),
        ("DHWIO", matrix.T[None, None, None]),
    ]
    for name, kernel in kernels:
        given = {"kernel_layout": name} if name else {}
        ours = featfuse.fuse(
            a, b, layout=layout, combine="concat", reduce="conv1x1", kernel=kernel, bias=bias, **given
        )
        np.testing.assert_allclose(ours, expected, atol=1e-12, err_msg=f"{name} {kernel.shape}")


def test_conv1x1_on_a_single_input_and_after_add():
    rng = np.random.default_rng(0)
    a, matrix = rng.normal(size=(1, 5, 4, 4)), rng.normal(size=(2, 5))
    one = featfuse.fuse(a, layout="NCHW", reduce="conv1x1", kernel=matrix)
    np.testing.assert_allclose(one, mix(a, matrix, "NCHW"), atol=1e-12)
    two = featfuse.fuse(a, a, layout="NCHW", reduce="conv1x1", kernel=matrix)
    np.testing.assert_allclose(two, 2 * one, atol=1e-12)


def test_conv1x1_of_no_channels():
    with suppress(featfuse.FeatfuseError):
        featfuse.fuse(np.ones((1, 0, 2, 2)), layout="NCHW", reduce="conv1x1", out_channels=3)


@pytest.mark.parametrize("dtype", HALF)
def test_conv1x1_accumulates_in_float32(dtype):
    x, matrix = np.ones((1, 2, 2, 1024), dtype), np.full((1, 1024), 1 / 1024 + 2.0**-22, np.float32)
    ours = featfuse.fuse(x, layout="NHWC", reduce="conv1x1", kernel=matrix, dtype="float32")
    np.testing.assert_allclose(ours, 1 + 1024 * 2.0**-22, rtol=1e-6)
    assert featfuse.fuse(x, layout="NHWC", reduce="conv1x1", kernel=matrix).dtype == dtype


# --- l2 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["NCHW", "NHWC", "CHW", "NC"])
def test_l2(rng, layout):
    sizes = {"N": 2, "C": 5, "H": 3, "W": 4}
    x = rng.normal(size=[sizes[letter] for letter in layout])
    axis = layout.index("C")
    index = [slice(0, 1)] * len(layout)
    index[axis] = slice(None)
    x[tuple(index)] = 0
    out = featfuse.fuse(x, normalize="l2", layout=layout)
    length = np.sqrt((x**2).sum(axis, keepdims=True))
    np.testing.assert_allclose(out, x / np.where(length == 0, 1, length), atol=1e-14)
    assert not out[tuple(index)].any()


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_l2_squares_in_float32(dtype):
    """300 squared leaves float16, and so would the sum of 64 of them."""
    out = featfuse.fuse(np.full((1, 2, 2, 64), 300, dtype), normalize="l2", layout="NHWC")
    assert out.dtype == dtype
    assert (out.astype(np.float32) == 0.125).all()


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_l2_of_very_many_channels_does_not_drift(layout):
    x = np.full((1, 100_000, 2, 2), 0.1, np.float32)
    out = featfuse.fuse(x if layout == "NCHW" else np.moveaxis(x, 1, 3), normalize="l2", layout=layout)
    np.testing.assert_allclose(out, 100_000**-0.5, rtol=3 * np.finfo(np.float32).eps)


def test_l2_comes_after_resizing_and_before_combining(rng):
    a, b = rng.normal(size=(1, 4, 4, 3)), rng.normal(size=(1, 2, 2, 5))
    out = featfuse.fuse(a, b, method="bilinear", normalize="l2", combine="concat", layout="NHWC")
    np.testing.assert_allclose(np.linalg.norm(out[..., :3], axis=-1), 1, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(out[..., 3:], axis=-1), 1, atol=1e-12)


def test_l2_needs_channels():
    with pytest.raises(ShapeError, match="channel axis"):
        featfuse.fuse(np.ones((4, 4)), normalize="l2", layout="HW")
