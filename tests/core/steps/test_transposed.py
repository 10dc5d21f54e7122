"""Transposed convolution against a few lines of NumPy, its kernels, its refusals.

The frameworks themselves are asked in tests/oracles.
"""

import itertools
import re
from typing import Any

import featfuse
import h5py
import ml_dtypes
import numpy as np
import pytest
from featfuse import ShapeError, UsageError
from safetensors.numpy import save_file

Array = np.ndarray[Any, Any]
SPACE = {1: "W", 2: "HW", 3: "DHW"}
HALF = (np.float16, ml_dtypes.bfloat16)


def conv_transpose(
    x: Array, kernel: Array, stride: int, padding: int, extra: int, dilation: int, groups: int
) -> Array:
    """torch's conv_transpose of (N, C, *space) by its definition: every sample scatters its kernel."""
    x, kernel = x.astype(np.float64), kernel.astype(np.float64)
    taps = kernel.shape[2:]
    full = [(n - 1) * stride + dilation * (k - 1) + 1 + extra for n, k in zip(x.shape[2:], taps, strict=True)]
    out = np.zeros((len(x), kernel.shape[1] * groups, *full))
    per_in, per_out = x.shape[1] // groups, kernel.shape[1]
    for group in range(groups):
        ins = slice(group * per_in, (group + 1) * per_in)
        outs = slice(group * per_out, (group + 1) * per_out)
        for tap in itertools.product(*map(range, taps)):
            places = tuple(
                slice(t * dilation, t * dilation + (n - 1) * stride + 1, stride)
                for t, n in zip(tap, x.shape[2:], strict=True)
            )
            product = np.einsum("nc...,co->no...", x[:, ins], kernel[(ins, slice(None), *tap)])
            out[(slice(None), outs, *places)] += product
    return out[(..., *(slice(padding, size - padding) for size in full))]


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
    """DESIGN 4.2: the natural (I - 1) s + k samples, cropped in front or filled with zeros behind."""
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
    assert "--kernel-layout IOHW" in text
    assert "--kernel-layout HWOI" in text
    torch_way = featfuse.fuse(x, kernel=kernel, kernel_layout="IOHW", **call)
    keras_way = featfuse.fuse(x, kernel=kernel, kernel_layout="hwoi", **call)
    assert torch_way.shape == (1, 2, 5, 6)
    assert keras_way.shape == (1, 2, 6, 5)
    np.testing.assert_allclose(keras_way, conv_transpose(x, kernel.transpose(3, 2, 0, 1), 1, 0, 0, 1, 1))


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


def missed(target: tuple[int, int], source: tuple[int, int], **options: Any) -> ShapeError:
    with pytest.raises(ShapeError) as caught:
        featfuse.fuse(np.ones((1, 2, *target)), np.ones((1, 3, *source)), layout="NCHW", **options)
    return caught.value


def test_the_output_padding_that_is_named_works():
    call = {"method": "transposed-conv", "kernel": np.ones((3, 2, 3, 3)), "kernel_layout": "IOHW"}
    call |= {"stride": 2, "padding": 1}
    error = missed((10, 8), (5, 4), **call)
    assert "gives 9" in error.message
    assert "target is 10" in error.message
    named = re.search(r"--output-padding (\S+)", error.hint or "")
    assert named
    call["output_padding"] = named[1]
    assert featfuse.fuse(np.ones((1, 2, 10, 8)), np.ones((1, 3, 5, 4)), layout="NCHW", **call).shape == (
        1,
        2,
        10,
        8,
    )


def test_the_output_padding_that_is_named_works_when_axes_need_different_ones():
    """5 gives 9 and the target is 9; 4 gives 7 and the target is 8: --output-padding 0x1."""
    call = {"method": "transposed-conv", "kernel": np.ones((3, 2, 3, 3)), "kernel_layout": "IOHW"}
    call |= {"stride": 2, "padding": 1}
    error = missed((9, 8), (5, 4), **call)
    named = re.search(r"--output-padding ([\dx]+)", error.hint or "")
    assert named
    call["output_padding"] = named[1]
    featfuse.fuse(np.ones((1, 2, 9, 8)), np.ones((1, 3, 5, 4)), layout="NCHW", **call)


def test_a_target_out_of_reach_offers_a_method():
    call = {"method": "transposed-conv", "kernel": np.ones((3, 2, 2, 2)), "stride": 2}
    error = missed((107, 16), (54, 8), **call)
    assert "gives 108" in error.message
    assert "target is 107" in error.message
    assert "--output-padding" not in (error.hint or "")
    assert "--method bilinear" in (error.hint or "")
    error = missed((11, 11), (5, 5), padding="same", **call)
    assert "gives 10" in error.message
    assert "--output-padding" not in (error.hint or "")


def test_output_padding_must_be_small():
    with pytest.raises(UsageError, match="--output-padding 2"):
        featfuse.fuse(
            np.ones((1, 3, 4, 4)),
            method="transposed-conv",
            kernel=np.ones((3, 2, 2, 2)),
            stride=2,
            output_padding=2,
            layout="NCHW",
        )


def test_padding_that_leaves_nothing():
    with pytest.raises(ShapeError, match="leaves"):
        featfuse.fuse(
            np.ones((1, 3, 2, 2)),
            method="transposed-conv",
            kernel=np.ones((3, 2, 2, 2)),
            padding=2,
            layout="NCHW",
        )


def test_the_kernel_acts_on_a_map_of_the_targets_size():
    """Stride 1, padding 1, 3 taps keep the size, and the kernel still has to be applied."""
    x, kernel = np.random.default_rng(0).normal(size=(1, 3, 4, 5)), np.ones((3, 2, 3, 3))
    call = {"method": "transposed-conv", "kernel": kernel, "kernel_layout": "IOHW", "padding": 1}
    free = featfuse.fuse(x, layout="NCHW", **call)
    np.testing.assert_allclose(free, conv_transpose(x, kernel, 1, 1, 0, 1, 1), atol=1e-12)


def test_the_kernel_acts_on_a_map_of_the_targets_size_also_with_to():
    x, kernel = np.random.default_rng(0).normal(size=(1, 3, 4, 5)), np.ones((3, 2, 3, 3))
    call = {"method": "transposed-conv", "kernel": kernel, "kernel_layout": "IOHW", "padding": 1}
    assert featfuse.fuse(x, layout="NCHW", to="4x5", **call).shape == (1, 2, 4, 5)


def test_a_kernel_that_nothing_needs_is_not_ignored():
    """Every other option that has nothing to do is refused."""
    x, kernel = np.ones((1, 3, 4, 5)), np.ones((3, 3, 2, 2))
    with pytest.raises(featfuse.FeatfuseError):
        featfuse.fuse(
            x, x, method="transposed-conv", kernel=kernel, kernel_layout="IOHW", stride=2, layout="NCHW"
        )


# --- the fixed bilinear kernel -----------------------------------------------------------------


@pytest.mark.parametrize("factor", range(1, 7))
def test_fixed_bilinear_kernel(factor):
    """FCN's upsample_filt, one per channel, stride f and padding (k - f) / 2."""
    size = 2 * factor - factor % 2
    half = (size + 1) // 2
    centre = half - 1 if size % 2 else half - 0.5
    line = 1 - np.abs(np.arange(size) - centre) / half
    x = np.random.default_rng(factor).normal(size=(2, 3, 4, 5))
    kernel = np.broadcast_to(np.outer(line, line), (3, 1, size, size))
    expected = conv_transpose(x, kernel, factor, (size - factor) // 2, 0, 1, 3)
    ours = featfuse.fuse(x, method="transposed-conv", to=(4 * factor, 5 * factor), layout="NCHW")
    np.testing.assert_allclose(ours, expected, atol=1e-12)


def test_fixed_bilinear_kernel_takes_whole_factors():
    with pytest.raises(ShapeError, match="whole factors"):
        featfuse.fuse(np.ones((1, 3, 4, 4)), method="transposed-conv", to="8x9", layout="NCHW")
