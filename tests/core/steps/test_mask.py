"""Masks: out = a + mask * reconcile(b), and (1 - mask) * a + mask * b, exactly."""

import featfuse
import numpy as np
import pytest

from tests.support.arrays import upsampled


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


def test_one_and_three_spatial_axes(rng):
    a, b = rng.normal(size=(2, 9, 3)), rng.normal(size=(2, 9, 3))
    mask = rng.random(9) < 0.5
    assert np.array_equal(featfuse.fuse(a, b, mask=mask, layout="NWC"), a + mask[:, None] * b)
    a, b = rng.normal(size=(1, 2, 3, 4, 5)), rng.normal(size=(1, 2, 3, 4, 5))
    mask = rng.random((3, 4, 5))
    np.testing.assert_array_equal(featfuse.fuse(a, b, mask=mask, layout="NCDHW"), a + mask * b)


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


def test_a_mask_of_grey_values_is_warned_of_and_divided(rng, tmp_path):
    """0 to 255 is what image files hold: as floats they would multiply by 255."""
    a, b = (rng.normal(size=(1, 3, 6, 8)).astype(np.float32) for _ in range(2))
    grey = rng.integers(0, 256, (6, 8))
    share = grey.astype(np.float32) / np.float32(255)
    call = {"layout": "NCHW"}
    expected = featfuse.fuse(a, b, mask=share, **call)
    assert np.array_equal(featfuse.fuse(a, b, mask=grey, mask_scale=255, **call), expected)
    assert np.array_equal(
        featfuse.fuse(a, b, mask=grey.astype(np.float32), mask_scale="255", **call), expected
    )
    inverted = featfuse.fuse(a, b, mask=grey, mask_scale=255, mask_invert=True, **call)
    assert np.array_equal(inverted, featfuse.fuse(a, b, mask=share, mask_invert=True, **call))
    with pytest.warns(featfuse.FeatfuseWarning, match="outside 0 to 1.*mask_scale=255"):
        featfuse.fuse(a, b, mask=grey.astype(np.float32), **call)
    np.save(tmp_path / "m.npy", grey.astype(np.float32))
    report = featfuse.fuse(a, b, mask=str(tmp_path / "m.npy"), out=str(tmp_path / "o.npy"), **call)
    assert any("outside 0 to 1" in warning for warning in report.warnings)


@pytest.mark.parametrize(
    ("mask", "scale", "words"), [("auto", 255, 'not used by mask="auto"'), (np.ones((4, 4)), -1, "above 0")]
)
def test_scales_that_say_nothing(mask, scale, words):
    large, small = np.ones((1, 2, 4, 4)), np.ones((1, 2, 2, 2))
    with pytest.raises(featfuse.UsageError, match=words):
        featfuse.fuse(large, small, method="pad", mask=mask, mask_scale=scale, layout="NCHW")
