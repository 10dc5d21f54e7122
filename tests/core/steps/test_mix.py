"""1x1 convolutions: trained kernels in every layout, projections, the untrained kernel; against NumPy."""

from contextlib import suppress
from typing import Any

import featfuse
import ml_dtypes
import numpy as np
import pytest
from featfuse import ShapeError, UsageError

Array = np.ndarray[Any, Any]
HALF = (np.float16, ml_dtypes.bfloat16)


def mix(x: Array, matrix: Array, layout: str) -> Array:
    axis = layout.index("C")
    return np.moveaxis(np.moveaxis(x, axis, -1) @ matrix.T, -1, axis)


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


def test_project_is_a_1x1_convolution_before_all_else(tmp_path):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(1, 4, 8, 8)), rng.normal(size=(1, 7, 4, 4))
    first, second, bias = rng.normal(size=(3, 4, 1, 1)), rng.normal(size=(3, 7)), rng.normal(size=3)
    for name, array in {"first": first, "second": second, "bias": bias}.items():
        np.save(tmp_path / f"{name}.npy", array)
    ours = featfuse.fuse(
        a,
        b,
        method="nearest",
        layout="NCHW",
        project=[f"1={tmp_path / 'first.npy'}", f"2={tmp_path / 'second.npy'},{tmp_path / 'bias.npy'}"],
    )
    down = mix(b, second, "NCHW") + bias[:, None, None]
    expected = mix(a, first[:, :, 0, 0], "NCHW") + down.repeat(2, 2).repeat(2, 3)
    np.testing.assert_allclose(ours, expected, atol=1e-12)


@pytest.mark.parametrize(
    ("kernel", "options", "words"),
    [
        ((6, 9, 1, 1), {}, ["(6, 9, 1, 1)", "8 channels", "OIHW", "HWIO"]),
        ((6, 8, 3, 3), {}, ["(6, 8, 3, 3)", "8 channels"]),
        ((1, 1, 9, 6), {}, ["(1, 1, 9, 6)", "8 channels"]),
        ((8, 6), {}, ["(8, 6)", "8 channels", "OI"]),
        ((6, 8), {"kernel_layout": "IO"}, ["(6, 8)", "8 channels", "IO"]),
        ((6, 8), {"kernel_layout": "HWIO"}, ["(6, 8)", "HWIO"]),
        ((6, 8), {"bias": np.zeros(8)}, ["bias (8,)", "6 output channels"]),
        ((6, 8), {"bias": np.zeros((2, 3))}, ["bias (2, 3)", "6 output channels"]),
    ],
)
def test_mismatched_1x1_kernels(kernel, options, words):
    with pytest.raises(ShapeError) as caught:
        featfuse.fuse(
            np.ones((1, 4, 4, 5)),
            np.ones((1, 4, 4, 3)),
            layout="NHWC",
            combine="concat",
            reduce="conv1x1",
            kernel=np.ones(kernel),
            **options,
        )
    text = f"{caught.value.message} {caught.value.hint}"
    assert all(word in text for word in words), text


def test_projection_refusals(tmp_path):
    path = tmp_path / "w.npy"
    np.save(path, np.ones((3, 5)))
    a = np.ones((1, 4, 4, 8))
    with pytest.raises(ShapeError, match=r"\(3, 5\).*8 channels of input 1"):
        featfuse.fuse(a, layout="NHWC", project=f"1={path}")
    for wrong in (f"0={path}", f"2={path}", str(path), [f"1={path}", f"1={path}"]):
        with pytest.raises(UsageError, match="--project"):
            featfuse.fuse(a, layout="NHWC", project=wrong)


# --- the untrained kernel ----------------------------------------------------------------------


def test_untrained_kernel_is_glorot_uniform_and_seeded(tmp_path):
    identity = np.eye(48).reshape(1, 6, 8, 48)  # each position shows one column of the kernel
    call = {"layout": "NHWC", "reduce": "conv1x1", "out_channels": 32}
    kernel = featfuse.fuse(identity, **call).reshape(48, 32)
    limit = np.sqrt(6 / (48 + 32))
    assert np.abs(kernel).max() <= limit
    assert np.abs(kernel).max() > 0.99 * limit
    assert abs(kernel.mean()) < 0.05 * limit
    np.testing.assert_allclose(kernel.std(), limit / np.sqrt(3), rtol=0.05)
    assert np.array_equal(featfuse.fuse(identity, seed=0, **call).reshape(48, 32), kernel)
    assert not np.array_equal(featfuse.fuse(identity, seed=1, **call).reshape(48, 32), kernel)
    report = featfuse.inspect(identity, seed=7, **call)
    assert any(
        "untrained" in warning and "48→32" in warning and "7" in warning for warning in report.warnings
    )


@pytest.mark.parametrize("name", ["w.npy", "w.safetensors", "w.h5", "w.npz"])
def test_a_saved_kernel_gives_the_same_again(tmp_path, name):
    x = np.random.default_rng(0).normal(size=(1, 6, 7, 9)).astype(np.float32)
    call = {"layout": "NHWC", "reduce": "conv1x1"}
    saved = str(tmp_path / name)
    made = featfuse.fuse(x, out_channels=4, seed=5, save_kernel=saved, **call)
    assert np.array_equal(featfuse.fuse(x, kernel=saved, **call), made)
    with pytest.raises(featfuse.RunError, match=name):
        featfuse.fuse(x, out_channels=4, save_kernel=saved, **call)


def test_what_the_untrained_kernel_refuses(tmp_path):
    x = np.ones((1, 4, 4, 3))
    np.save(tmp_path / "w.npy", np.ones((2, 3)))
    call = {"layout": "NHWC", "reduce": "conv1x1"}
    with pytest.raises(UsageError, match="--kernel or --out-channels"):
        featfuse.fuse(x, **call)
    with pytest.raises(UsageError, match="--kernel or --out-channels"):
        featfuse.fuse(x, kernel=np.ones((2, 3)), out_channels=2, **call)
    with pytest.raises(UsageError, match="--seed"):
        featfuse.fuse(x, kernel=np.ones((2, 3)), seed=2, **call)
    with pytest.raises(UsageError, match="--bias"):
        featfuse.fuse(x, out_channels=2, bias=np.ones(2), **call)
    with pytest.raises(UsageError, match="--save-kernel"):
        featfuse.fuse(x, kernel=np.ones((2, 3)), save_kernel=tmp_path / "v.npy", **call)
    assert [path.name for path in tmp_path.iterdir()] == ["w.npy"]
