"""Learned kernels and biases: what fits, what does not, and the untrained kernel."""

import featfuse
import numpy as np
import pytest
from featfuse import ShapeError, UsageError


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
    with pytest.raises(UsageError, match="`kernel` or `out_channels`"):
        featfuse.fuse(x, **call)
    with pytest.raises(UsageError, match="`kernel` or `out_channels`"):
        featfuse.fuse(x, kernel=np.ones((2, 3)), out_channels=2, **call)
    with pytest.raises(UsageError, match="`seed`"):
        featfuse.fuse(x, kernel=np.ones((2, 3)), seed=2, **call)
    with pytest.raises(UsageError, match="`bias`"):
        featfuse.fuse(x, out_channels=2, bias=np.ones(2), **call)
    with pytest.raises(UsageError, match="`save_kernel`"):
        featfuse.fuse(x, kernel=np.ones((2, 3)), save_kernel=tmp_path / "v.npy", **call)
    assert [path.name for path in tmp_path.iterdir()] == ["w.npy"]


@pytest.mark.parametrize(
    ("kernel", "options", "words"),
    [
        ((4, 2, 2, 4), {}, ["(4, 2, 2, 4)", "3 channels", "IOHW", "HWOI"]),
        ((4, 2, 2, 3), {"kernel_layout": "IOHW"}, ["(4, 2, 2, 3)", "3 channels", "IOHW"]),
        ((3, 2, 2), {}, ["(3, 2, 2)", "3 channels", "2 spatial axes"]),
        ((3, 2, 2, 2), {"groups": 2}, ["3 channels", "2 groups"]),
        ((3, 2, 2, 2), {"bias": np.zeros(3)}, ["bias (3,)", "2 output channels"]),
        ((3, 2, 2, 2), {"kernel_layout": "IOW"}, ["(3, 2, 2, 2)", "IOW", "IOHW"]),
    ],
)
def test_mismatched_transposed_kernels(kernel, options, words):
    with pytest.raises(ShapeError) as caught:
        featfuse.fuse(
            np.ones((1, 3, 4, 4)),
            method="transposed-conv",
            kernel=np.ones(kernel),
            layout="NCHW",
            **options,
        )
    text = f"{caught.value.message} {caught.value.hint}"
    assert all(word in text for word in words), text


def test_unknown_kernel_layout():
    with pytest.raises(UsageError, match="IOHH"):
        featfuse.fuse(
            np.ones((1, 3, 4, 4)),
            method="transposed-conv",
            kernel=np.ones((3, 2, 2, 2)),
            kernel_layout="IOHH",
            layout="NCHW",
        )
