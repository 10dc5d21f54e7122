"""Masks, planned: which inputs they multiply, `auto`, their grids and layouts, and refusals."""

from typing import Any

import featfuse
import numpy as np
import pytest
from featfuse import ShapeError, UsageError
from safetensors.numpy import save_file

from tests.support.arrays import upsampled

RNG = np.random.default_rng(0)


def normal(*shape: int) -> Any:
    return RNG.normal(size=shape).astype(np.float32)


def test_a_mask_file_says_its_own_layout(rng, tmp_path):
    """A channels-last mask for channels-first maps, by the metadata of its file."""
    a, b = rng.normal(size=(1, 3, 6, 8)), rng.normal(size=(1, 3, 6, 8))
    mask = rng.random((1, 6, 8, 1)).astype(np.float32)
    path = tmp_path / "mask.safetensors"
    save_file({"mask": mask}, path, metadata={"layout": "NHWC"})
    out = featfuse.fuse(a, b, mask=str(path), layout="NCHW")
    np.testing.assert_allclose(out, a + mask.transpose(0, 3, 1, 2) * b, rtol=0, atol=0)


@pytest.mark.parametrize("channels", [3, 6])
def test_a_channels_last_mask_for_channels_first_maps(rng, channels):
    """(1, 6, 6, 1) can only be N H W C beside (1, C, 6, 6): no other reading has the target's grid."""
    a, b = rng.normal(size=(1, channels, 6, 6)), rng.normal(size=(1, channels, 6, 6))
    mask = rng.random((1, 6, 6, 1)) < 0.5
    out = featfuse.fuse(a, b, mask=mask, layout="NCHW")
    assert np.array_equal(out, a + mask[:, None, :, :, 0] * b)


def test_a_mask_of_another_grid_is_brought_by_nearest(rng):
    a, b = rng.normal(size=(1, 3, 8, 12)), rng.normal(size=(1, 3, 4, 6))
    small, large = rng.random((4, 4)) < 0.5, rng.random((16, 24)) < 0.5
    up = featfuse.fuse(a, b, method="nearest", mask=small, layout="NCHW")
    assert np.array_equal(up, a + small.repeat(2, 0).repeat(3, 1) * upsampled(b))
    down = featfuse.fuse(a, b, method="nearest", mask=large, layout="NCHW")
    assert np.array_equal(down, a + large[::2, ::2] * upsampled(b))


def test_the_mask_multiplies_what_was_brought_to_the_grid(rng):
    """The first input is the one that moves, the second and third stay."""
    small, large, third = (rng.normal(size=(1, 2, n, n)) for n in (3, 6, 6))
    mask = rng.random((6, 6)) < 0.5
    out = featfuse.fuse(small, large, third, method="nearest", mask=mask, layout="NCHW")
    np.testing.assert_allclose(out, upsampled(small) * mask + large + third, atol=1e-12)
    joined = featfuse.fuse(small, large, method="nearest", mask=mask, layout="NCHW", combine="concat")
    assert np.array_equal(joined, np.concatenate([upsampled(small) * mask, large], 1))


def test_all_on_one_grid_masks_all_but_the_first(rng):
    a, b, c = (rng.normal(size=(1, 2, 4, 4)) for _ in range(3))
    mask = rng.random((4, 4)) < 0.5
    out = featfuse.fuse(a, b, c, mask=mask, layout="NCHW")
    np.testing.assert_allclose(out, a + mask * b + mask * c, atol=1e-12)


# --- auto --------------------------------------------------------------------------------------


@pytest.mark.parametrize("pad", [{"pad_value": 9.0}, {"pad_mode": "reflect"}, {"anchor": "end"}, {}])
def test_auto_with_pad_leaves_the_border_equal_to_the_larger(rng, pad):
    a, b = rng.normal(size=(1, 9, 10, 3)), rng.normal(size=(1, 6, 7, 3))
    out = featfuse.fuse(a, b, method="pad", mask="auto", layout="NHWC", **pad)
    top, left = (3, 3) if "anchor" in pad else (1, 1)
    inside = np.zeros((9, 10), bool)
    inside[top : top + 6, left : left + 7] = True
    assert np.array_equal(out[:, ~inside], a[:, ~inside])
    assert np.array_equal(out[:, inside], a[:, inside] + b.reshape(1, -1, 3))


def test_auto_with_an_offset(rng):
    a, b = rng.normal(size=(1, 9, 10, 3)), rng.normal(size=(1, 6, 10, 3))
    out = featfuse.fuse(a, b, method="pad", mask="auto", offset="H:2", pad_value=5.0, layout="NHWC")
    expected = a.copy()
    expected[:, 2:8] += b
    assert np.array_equal(out, expected)
    inverted = featfuse.fuse(
        a, b, method="pad", mask="auto", mask_invert=True, offset="H:2", pad_value=5.0, layout="NHWC"
    )
    expected = a + 5
    expected[:, 2:8] = a[:, 2:8]
    assert np.array_equal(inverted, expected)


def test_auto_with_letterbox(rng):
    """8x4 in 8x10: doubled to nothing, scaled by 1, padded 3+3 on W; 4x4 becomes 8x8, padded 1+1."""
    a, b = rng.normal(size=(1, 8, 10, 3)), rng.normal(size=(1, 4, 4, 3))
    plain = featfuse.fuse(a, b, method="letterbox", pad_value=7.0, layout="NHWC")
    out = featfuse.fuse(a, b, method="letterbox", pad_value=7.0, mask="auto", layout="NHWC")
    inside = np.zeros((8, 10), bool)
    inside[:, 1:9] = True
    assert np.array_equal(out[:, ~inside], a[:, ~inside])
    assert np.array_equal(out[:, inside], plain[:, inside])
    assert np.array_equal(plain[:, ~inside], a[:, ~inside] + 7)


def test_auto_with_crop_or_pad(rng):
    """H is cropped from 9 to 6, W padded from 4 to 7."""
    a, b = rng.normal(size=(1, 6, 7, 3)), rng.normal(size=(1, 9, 4, 3))
    out = featfuse.fuse(a, b, method="crop-or-pad", pad_value=7.0, mask="auto", layout="NHWC")
    expected = a.copy()
    expected[:, :, 1:5] += b[:, 1:7]
    assert np.array_equal(out, expected)


def test_auto_blend(rng):
    """Paste the smaller map into the larger."""
    a, b = rng.normal(size=(1, 9, 10, 3)), rng.normal(size=(1, 5, 4, 3))
    out = featfuse.fuse(a, b, method="pad", mask="auto", mask_mode="blend", layout="NHWC")
    expected = a.copy()
    expected[:, 2:7, 3:7] = b
    assert np.array_equal(out, expected)


def test_auto_masks_each_input_by_its_own_padding(rng):
    a, b, c = (rng.normal(size=(1, n, n, 2)) for n in (8, 6, 4))
    out = featfuse.fuse(a, b, c, method="pad", pad_value=3.0, mask="auto", layout="NHWC")
    expected = a.copy()
    expected[:, 1:7, 1:7] += b
    expected[:, 2:6, 2:6] += c
    np.testing.assert_allclose(out, expected, atol=1e-12)


@pytest.mark.parametrize("method", ["bilinear", "crop"])
def test_auto_without_padding_is_refused(method):
    with pytest.raises(ShapeError, match="no input is padded"):
        featfuse.fuse(np.ones((1, 4, 4, 3)), np.ones((1, 2, 2, 3)), method=method, mask="auto", layout="NHWC")


def test_auto_on_equal_grids_is_refused():
    with pytest.raises(ShapeError, match="no input is padded"):
        featfuse.fuse(np.ones((1, 4, 4, 3)), np.ones((1, 4, 4, 3)), method="pad", mask="auto", layout="NHWC")


def test_the_plan_shows_the_mask_without_data():
    report = featfuse.inspect((1, 8, 8, 3), (1, 4, 4, 3), method="bilinear", mask=(8, 8), layout="NHWC")
    assert report.problem is None
    assert report.mask is not None
    assert (report.mask.shape, report.mask.layout, report.mask.mode) == ((8, 8), "HW", "multiply")
    assert report.to_dict()["mask"]


# --- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((2, 6, 6), ["(2, 6, 6)", "CHW", "2", "3"]),
        ((2, 3, 6, 6), ["(2, 3, 6, 6)", "NCHW", "2", "1"]),
        ((6,), ["(6,)", "NCHW"]),
        ((1, 1, 1, 6, 6), ["(1, 1, 1, 6, 6)", "NCHW"]),
    ],
)
def test_mismatched_masks(shape, words):
    with pytest.raises(ShapeError) as caught:
        featfuse.fuse(np.ones((1, 3, 6, 6)), np.ones((1, 3, 6, 6)), mask=np.ones(shape), layout="NCHW")
    assert all(word in caught.value.message for word in words), caught.value.message
    assert caught.value.hint


def test_mask_usage():
    a = np.ones((1, 3, 6, 6))
    call = {"layout": "NCHW"}
    for options in ({"mask_invert": True}, {"mask_mode": "blend"}):
        with pytest.raises(UsageError, match="needs `mask`"):
            featfuse.fuse(a, a, **options, **call)
    mask = np.ones((6, 6))
    with pytest.raises(UsageError, match="two inputs"):
        featfuse.fuse(a, mask=mask, **call)
    with pytest.raises(UsageError, match="exactly two inputs"):
        featfuse.fuse(a, a, a, mask=mask, mask_mode="blend", **call)
    with pytest.raises(UsageError, match="not combine="):
        featfuse.fuse(a, a, mask=mask, mask_mode="blend", combine="mul", **call)
    with pytest.raises(UsageError, match="`mask_mode`: unknown choice"):
        featfuse.fuse(a, a, mask=mask, mask_mode="blnd", **call)


def test_a_mask_of_the_concatenation_has_a_channel_for_each_of_its_channels() -> None:
    a, b, mask = normal(3, 8, 8), normal(2, 4, 4), np.zeros((5, 8, 8), np.float32)
    mask[3:] = 1
    call = {"method": "nearest", "combine": "concat", "layout": "CHW"}
    plain = featfuse.fuse(a, b, **call)
    np.testing.assert_array_equal(featfuse.fuse(a, b, mask=mask, **call)[3:], plain[3:])
    assert not featfuse.fuse(a, b, mask=mask, mask_invert=True, **call)[3:].any()
