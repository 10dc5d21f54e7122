"""Transposed convolution against a few lines of NumPy, its kernels, its refusals.

The frameworks themselves are asked in tests/oracles.
"""

import featfuse
import h5py
import ml_dtypes
import numpy as np
import pytest
from featfuse import ShapeError
from safetensors.numpy import save_file

from tests.support.convolution import Array, conv_transpose

SPACE = {1: "W", 2: "HW", 3: "DHW"}

HALF = (np.float16, ml_dtypes.bfloat16)


def random_case(seed: int, rank: int) -> tuple[Array, Array, dict[str, int]]:
    rng = np.random.default_rng(seed)
    groups = int(rng.integers(1, 4))
    stride, dilation = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    taps = tuple(int(n) for n in rng.integers(1, 6 if rank < 3 else 4, rank))
    space = tuple(int(n) for n in rng.integers(1, 9 if rank < 3 else 5, rank))
    least = min((n - 1) * stride + dilation * (k - 1) + 1 for n, k in zip(space, taps, strict=True))
    options = {
        "stride": stride,
        "padding": int(rng.integers(0, (least - 1) // 2 + 1)),
        "output_padding": int(rng.integers(0, max(stride, dilation))),
        "dilation": dilation,
        "groups": groups,
    }
    x = rng.normal(size=(int(rng.integers(1, 3)), groups * int(rng.integers(1, 4)), *space))
    return x, rng.normal(size=(x.shape[1], int(rng.integers(1, 4)), *taps)), options


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("seed", range(15))
def test_transposed_conv(rank, seed):
    x, kernel, options = random_case(seed, rank)
    x, kernel = x.astype(np.float32), kernel.astype(np.float32)
    expected = conv_transpose(
        x,
        kernel,
        options["stride"],
        options["padding"],
        options["output_padding"],
        options["dilation"],
        options["groups"],
    )
    bias = np.arange(expected.shape[1], dtype=np.float32) - 1
    expected += bias.reshape(-1, *(1 for _ in range(rank)))
    layout, last = "NC" + SPACE[rank], "N" + SPACE[rank] + "C"
    learned = {
        "method": "transposed-conv",
        "kernel": kernel,
        "kernel_layout": "IO" + SPACE[rank],
        "bias": bias,
    }
    first = featfuse.fuse(x, layout=layout, **learned, **options)
    np.testing.assert_allclose(
        first, expected, rtol=0, atol=2e-5, err_msg=str((x.shape, kernel.shape, options))
    )
    moved = featfuse.fuse(np.moveaxis(x, 1, -1), layout=last, **learned, **options)
    np.testing.assert_allclose(np.moveaxis(moved, -1, 1), expected, rtol=0, atol=2e-5)


def test_options_per_axis():
    x, kernel = np.random.default_rng(0).normal(size=(1, 2, 4, 5)), np.ones((2, 1, 3, 2))
    ours = featfuse.fuse(
        x,
        method="transposed-conv",
        kernel=kernel,
        stride="3x2",
        padding="1x0",
        output_padding="2x1",
        dilation="1x2",
        kernel_layout="IOHW",
        layout="NCHW",
    )
    assert ours.shape == (1, 1, 3 * 3 - 2 + 2 + 2 + 1, 4 * 2 + 2 + 1 + 1)
    # by hand: each sample is set down at every tap
    wide = np.zeros((1, 2, 4, 12))
    wide[..., 0:9:2] += x
    wide[..., 2:11:2] += x
    tall = np.zeros((1, 2, 14, 12))
    for tap in range(3):
        tall[:, :, tap : tap + 10 : 3] += wide
    np.testing.assert_allclose(ours, tall.sum(axis=1, keepdims=True)[:, :, 1:13], atol=1e-12)


@pytest.mark.parametrize("dtype", HALF)
def test_half_precision_accumulates_in_float32(dtype):
    """512 products of 1/512 + tiny: a half-precision accumulator would lose all the small parts."""
    x = np.ones((1, 512, 3, 3), dtype)
    kernel = np.full((512, 2, 2, 2), 1 / 512 + 2.0**-20, np.float32)
    ours = featfuse.fuse(x, method="transposed-conv", kernel=kernel, stride=2, layout="NCHW", dtype="float32")
    np.testing.assert_allclose(ours, 1 + 512 * 2.0**-20, rtol=1e-6)
    assert featfuse.fuse(x, method="transposed-conv", kernel=kernel, stride=2, layout="NCHW").dtype == dtype


def test_float64_is_kept_and_integers_become_float32():
    x, kernel, options = random_case(3, 2)
    ours = featfuse.fuse(
        x, method="transposed-conv", kernel=kernel, kernel_layout="IOHW", layout="NCHW", **options
    )
    assert ours.dtype == np.float64
    names = ("stride", "padding", "output_padding", "dilation", "groups")
    np.testing.assert_allclose(
        ours, conv_transpose(x, kernel, *(options[name] for name in names)), atol=1e-12
    )
    whole = featfuse.fuse(
        np.full((1, 2, 2, 2), 200, np.uint8),
        method="transposed-conv",
        kernel=np.ones((2, 1, 1, 1)),
        layout="NCHW",
    )
    assert whole.dtype == np.float32
    assert (whole == 400).all()


KERAS = [(k, s) for k in range(1, 6) for s in range(1, 5)]


@pytest.mark.parametrize(("size", "stride"), KERAS)
def test_keras_same_and_valid(size, stride):
    """The natural (I - 1) s + k samples, cropped in front or filled with zeros behind."""
    rng = np.random.default_rng(10 * size + stride)
    for space in (4, 5):
        x = rng.normal(size=(1, space, 3))  # NWC
        kernel = rng.normal(size=(size, 2, 3))  # WOI
        natural = conv_transpose(np.moveaxis(x, -1, 1), kernel.transpose(2, 1, 0), stride, 0, 0, 1, 1)
        natural = np.moveaxis(natural, 1, -1)
        call = {"method": "transposed-conv", "kernel": kernel, "kernel_layout": "WOI", "layout": "NWC"}
        ours = featfuse.fuse(x, stride=stride, padding="same", **call)
        pad = stride + size - 2
        front = (size - 1) - min(-(-pad // 2), size - 1)
        expected = np.zeros((1, space * stride, 2))
        part = natural[:, front : front + space * stride]
        expected[:, : part.shape[1]] = part
        np.testing.assert_allclose(ours, expected, atol=1e-12)
        ours = featfuse.fuse(x, stride=stride, padding="valid", **call)
        assert ours.shape[1] == space * stride + max(size - stride, 0)
        np.testing.assert_allclose(ours[:, : natural.shape[1]], natural, atol=1e-12)
        assert not ours[:, natural.shape[1] :].any()


# --- kernels: where they come from, how they are read ------------------------------------------


def test_kernel_files(tmp_path):
    x, kernel = np.ones((1, 3, 4, 4), np.float32), np.random.default_rng(0).normal(size=(3, 2, 2, 2))
    kernel = kernel.astype(np.float32)
    np.save(tmp_path / "w.npy", kernel)
    save_file({"up.weight": kernel, "up.bias": np.ones(2, np.float32)}, tmp_path / "w.safetensors")
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file["up/kernel"] = kernel.transpose(2, 3, 1, 0)  # as Keras stores it
    call = {"method": "transposed-conv", "stride": 2, "layout": "NCHW"}
    expected = featfuse.fuse(x, kernel=kernel, **call)
    assert np.array_equal(featfuse.fuse(x, kernel=str(tmp_path / "w.npy"), **call), expected)
    assert np.array_equal(featfuse.fuse(x, kernel=str(tmp_path / "w.h5::up/kernel"), **call), expected)
    file = str(tmp_path / "w.safetensors")
    biased = featfuse.fuse(x, kernel=f"{file}::up.weight", bias=f"{file}::up.bias", **call)
    np.testing.assert_allclose(biased, expected + 1, atol=1e-6)


def test_kernel_layout_is_inferred_when_one_reading_fits():
    x = np.random.default_rng(0).normal(size=(1, 3, 4, 4))
    iohw = np.random.default_rng(1).normal(size=(3, 2, 4, 5))
    hwoi = iohw.transpose(2, 3, 1, 0)
    call = {"method": "transposed-conv", "layout": "NCHW", "stride": 2}
    expected = conv_transpose(x, iohw, 2, 0, 0, 1, 1)
    for kernel in (iohw, hwoi):
        np.testing.assert_allclose(featfuse.fuse(x, kernel=kernel, **call), expected, atol=1e-12)


def test_ambiguous_kernel():
    x, kernel = np.ones((1, 3, 4, 4)), np.random.default_rng(0).normal(size=(3, 2, 2, 3))
    call = {"method": "transposed-conv", "layout": "NCHW"}
    with pytest.raises(ShapeError) as caught:
        featfuse.fuse(x, kernel=kernel, **call)
    text = f"{caught.value.message} {caught.value.hint}"
    assert "(3, 2, 2, 3)" in text
    assert 'kernel_layout="IOHW"' in text
    assert 'kernel_layout="HWOI"' in text
    torch_way = featfuse.fuse(x, kernel=kernel, kernel_layout="IOHW", **call)
    keras_way = featfuse.fuse(x, kernel=kernel, kernel_layout="hwoi", **call)
    assert torch_way.shape == (1, 2, 5, 6)
    assert keras_way.shape == (1, 2, 6, 5)
    np.testing.assert_allclose(keras_way, conv_transpose(x, kernel.transpose(3, 2, 0, 1), 1, 0, 0, 1, 1))


def test_the_kernel_acts_on_a_map_of_the_targets_size():
    """Stride 1, padding 1, 3 taps keep the size, and the kernel still has to be applied."""
    x, kernel = np.random.default_rng(0).normal(size=(1, 3, 4, 5)), np.ones((3, 2, 3, 3))
    call = {"method": "transposed-conv", "kernel": kernel, "kernel_layout": "IOHW", "padding": 1}
    free = featfuse.fuse(x, layout="NCHW", **call)
    np.testing.assert_allclose(free, conv_transpose(x, kernel, 1, 1, 0, 1, 1), atol=1e-12)


@pytest.mark.parametrize("layout", ["NCHW", "NCWH", "NWHC"])
@pytest.mark.parametrize("kernel_layout", ["IOHW", "HWOI"])
def test_taps_follow_letters(layout, kernel_layout):
    """A kernel's H taps go along H, wherever the input has it."""
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(1, 2, 5, 7)), rng.normal(size=(2, 3, 2, 4))
    kernel = w if kernel_layout == "IOHW" else w.transpose(2, 3, 1, 0)
    order = ["NCHW".index(letter) for letter in layout]
    call = {"method": "transposed-conv", "stride": 2, "kernel_layout": kernel_layout}
    expected = featfuse.fuse(x, kernel=w, layout="NCHW", **{**call, "kernel_layout": "IOHW"})
    made = featfuse.fuse(x.transpose(order), kernel=kernel, layout=layout, **call)
    np.testing.assert_allclose(made, expected.transpose(order), rtol=1e-12)
