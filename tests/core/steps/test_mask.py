"""Masks: out = a + mask * reconcile(b), and (1 - mask) * a + mask * b, exactly."""

import featfuse
import numpy as np
import pytest
from featfuse import ShapeError, UsageError
from safetensors.numpy import save_file


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def upsampled(b):
    """Nearest by two, NCHW."""
    return b.repeat(2, 2).repeat(2, 3)


def note_percent(report):
    """The mask's coverage as the report tells it, in percent."""
    words = [note for note in report.notes if "mask covers" in note]
    assert len(words) == 1, report.notes
    return float(words[0].split()[-1].rstrip("%"))


MASKS = {
    "bool": lambda rng, shape: rng.random(shape) < 0.4,
    "uint8": lambda rng, shape: (rng.random(shape) < 0.4).astype(np.uint8),
    "int64": lambda rng, shape: (rng.random(shape) < 0.4).astype(np.int64),
    "float32": lambda rng, shape: (rng.random(shape) < 0.4).astype(np.float32),
}


@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize("shape", [(6, 8), (1, 6, 8), (1, 1, 6, 8), (2, 1, 6, 8), (2, 3, 6, 8), (3, 6, 8)])
def test_multiply_is_exact_inside_and_outside(rng, kind, shape):
    a, b = rng.normal(size=(2, 3, 6, 8)), rng.normal(size=(2, 3, 3, 4))
    mask = MASKS[kind](rng, shape)
    out = featfuse.fuse(a, b, method="nearest", mask=mask, layout="NCHW")
    inside = np.broadcast_to(mask != 0, a.shape)
    assert inside.any()
    assert not inside.all()
    assert np.array_equal(out[~inside], a[~inside])
    assert np.array_equal(out[inside], (a + upsampled(b))[inside])


def test_soft_masks(rng):
    a, b = (rng.normal(size=(1, 3, 6, 8)).astype(np.float32) for _ in range(2))
    mask = rng.random((6, 8)).astype(np.float32)
    assert np.array_equal(featfuse.fuse(a, b, mask=mask, layout="NCHW"), a + mask * b)
    inverted = featfuse.fuse(a, b, mask=mask, mask_invert=True, layout="NCHW")
    assert np.array_equal(inverted, a + (1 - mask) * b)


@pytest.mark.parametrize("method", ["nearest", "bilinear", "bicubic", "pad", "strict"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("combine", ["add", "max", "concat", "mean"])
def test_a_mask_of_ones_is_no_mask(rng, method, dtype, combine):
    a = rng.normal(size=(1, 7, 9, 3)).astype(dtype)
    b = a[:, ::-1] if method == "strict" else rng.normal(size=(1, 4, 5, 3)).astype(dtype)
    call = {"method": method, "layout": "NHWC", "combine": combine}
    plain = featfuse.fuse(a, b, **call)
    for ones in (np.ones((7, 9)), np.ones((1, 7, 9, 1), bool), np.full((7, 9, 1), 255, np.uint8)):
        masked = featfuse.fuse(a, b, mask=ones, **call)
        assert masked.dtype == plain.dtype
        assert np.array_equal(masked, plain)
    zeros = featfuse.fuse(a, b, mask=np.zeros((7, 9)), mask_invert=True, **call)
    assert np.array_equal(zeros, plain)


def test_channels_last(rng):
    a, b = rng.normal(size=(1, 6, 8, 3)), rng.normal(size=(1, 6, 8, 3))
    mask = rng.random((6, 8)) < 0.5
    expected = a + mask[None, :, :, None] * b
    for shaped in (mask, mask[:, :, None], mask[None, :, :, None], np.repeat(mask[None, :, :, None], 3, 3)):
        assert np.array_equal(featfuse.fuse(a, b, mask=shaped, layout="NHWC"), expected)


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


def test_one_and_three_spatial_axes(rng):
    a, b = rng.normal(size=(2, 9, 3)), rng.normal(size=(2, 9, 3))
    mask = rng.random(9) < 0.5
    assert np.array_equal(featfuse.fuse(a, b, mask=mask, layout="NWC"), a + mask[:, None] * b)
    a, b = rng.normal(size=(1, 2, 3, 4, 5)), rng.normal(size=(1, 2, 3, 4, 5))
    mask = rng.random((3, 4, 5))
    np.testing.assert_array_equal(featfuse.fuse(a, b, mask=mask, layout="NCDHW"), a + mask * b)


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


@pytest.mark.parametrize("invert", [False, True])
def test_blend(rng, invert):
    a, b = rng.normal(size=(1, 2, 6, 6)).astype(np.float32), rng.normal(size=(1, 2, 3, 3)).astype(np.float32)
    soft = rng.random((6, 6)).astype(np.float32)
    m = 1 - soft if invert else soft
    call = {"method": "nearest", "mask_mode": "blend", "mask_invert": invert, "layout": "NCHW"}
    expected = (1 - m) * a + m * upsampled(b)
    np.testing.assert_allclose(featfuse.fuse(a, b, mask=soft, **call), expected, rtol=0, atol=1e-6)
    # the map on the grid is a, wherever it stands on the command line
    np.testing.assert_allclose(featfuse.fuse(b, a, mask=soft, **call), expected, rtol=0, atol=1e-6)
    hard = soft < 0.5
    chosen = featfuse.fuse(a, b, mask=hard, **call)
    taken = np.broadcast_to(hard != invert, a.shape)
    assert np.array_equal(chosen, np.where(taken, upsampled(b), a))


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


# --- the report --------------------------------------------------------------------------------


@pytest.mark.parametrize("memory", ["256M", "6K"])
def test_the_coverage_is_true(rng, tmp_path, memory):
    a, b = rng.normal(size=(1, 2, 20, 25)), rng.normal(size=(1, 2, 20, 25))
    mask = np.zeros((20, 25), np.float32)
    mask[:4] = 1
    mask[4, :5] = 0.5
    call = {"mask": mask, "layout": "NCHW", "memory": memory, "force": True, "out": tmp_path / "o.npy"}
    report = featfuse.fuse(a, b, **call)
    assert report.mask is not None
    assert report.mask.shape == (20, 25)
    assert report.mask.inputs == ("input 2",)
    assert note_percent(report) == pytest.approx(100 * mask.mean(), abs=0.06)
    inverted = featfuse.fuse(a, b, mask_invert=True, **call)
    assert note_percent(inverted) == pytest.approx(100 - 100 * mask.mean(), abs=0.06)


def test_the_coverage_of_auto_and_of_one_channel(rng, tmp_path):
    a, b = rng.normal(size=(1, 10, 10, 2)), rng.normal(size=(1, 5, 6, 2))
    call = {"layout": "NHWC", "force": True, "out": tmp_path / "o.npy"}
    report = featfuse.fuse(a, b, method="pad", mask="auto", **call)
    assert note_percent(report) == 30.0
    assert "auto" in str(report)
    per_channel = np.zeros((1, 10, 10, 2))
    per_channel[..., 0] = 1
    assert note_percent(featfuse.fuse(a, a, mask=per_channel, **call)) == 50.0
    mixed = featfuse.fuse(a, a, mask=per_channel, reduce="conv1x1", out_channels=3, memory="4K", **call)
    assert note_percent(mixed) == 50.0


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
        with pytest.raises(UsageError, match="needs --mask"):
            featfuse.fuse(a, a, **options, **call)
    mask = np.ones((6, 6))
    with pytest.raises(UsageError, match="two inputs"):
        featfuse.fuse(a, mask=mask, **call)
    with pytest.raises(UsageError, match="exactly two inputs"):
        featfuse.fuse(a, a, a, mask=mask, mask_mode="blend", **call)
    with pytest.raises(UsageError, match="--combine"):
        featfuse.fuse(a, a, mask=mask, mask_mode="blend", combine="mul", **call)
    with pytest.raises(UsageError, match="--mask-mode"):
        featfuse.fuse(a, a, mask=mask, mask_mode="blnd", **call)
