"""Weighted fusion against its formulas: BiFPN's fast normalisation, softmax, mean and add."""

import featfuse
import numpy as np
import pytest
from safetensors.numpy import save_file

EPSILON = 1e-4


def factors(name, weights):
    """What `--combine name` makes of raw weights, over the first axis."""
    w = np.asarray(weights, np.float64)
    if name == "fast-normalized":
        return np.maximum(w, 0) / (np.maximum(w, 0).sum(0) + EPSILON)
    if name == "softmax":
        return np.exp(w) / np.exp(w).sum(0)
    return w / w.sum(0) if name == "mean" else w


NAMES = ["add", "mean", "fast-normalized", "softmax"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("count", [2, 3, 16])
def test_numbers(rng, tmp_path, name, count):
    inputs = [rng.normal(size=(1, 3, 4, 5)) for _ in range(count)]
    weights = rng.normal(size=count) + 0.5
    expected = sum(w * x for w, x in zip(factors(name, weights), inputs, strict=True))
    call = {"combine": name, "layout": "NCHW"}
    np.testing.assert_allclose(featfuse.fuse(*inputs, weights=list(weights), **call), expected, atol=1e-12)
    text = ",".join(repr(float(weight)) for weight in weights)
    np.testing.assert_allclose(featfuse.fuse(*inputs, weights=text, **call), expected, atol=1e-12)
    np.save(tmp_path / "w.npy", weights)
    save_file({"node.w": weights.reshape(1, -1, 1, 1)}, tmp_path / "w.safetensors")
    for source in (tmp_path / "w.npy", f"{tmp_path / 'w.safetensors'}::node.w", weights):
        given = source if isinstance(source, np.ndarray) else str(source)
        np.testing.assert_allclose(featfuse.fuse(*inputs, weights=given, **call), expected, atol=1e-12)


@pytest.mark.parametrize("name", ["fast-normalized", "softmax"])
def test_without_weights_all_count_alike(rng, name):
    a, b = rng.normal(size=(1, 3, 4, 5)), rng.normal(size=(1, 3, 4, 5))
    scale = factors(name, [1.0, 1.0])[0]
    np.testing.assert_allclose(featfuse.fuse(a, b, combine=name, layout="NCHW"), scale * (a + b), atol=1e-12)


def test_negative_weights_are_cut_by_fast_normalized(rng):
    a, b = rng.normal(size=(1, 3, 4, 5)), rng.normal(size=(1, 3, 4, 5))
    out = featfuse.fuse(a, b, combine="fast-normalized", weights=[-2.0, 3.0], layout="NCHW")
    np.testing.assert_allclose(out, b * 3 / (3 + EPSILON), atol=1e-12)
    none = featfuse.fuse(a, b, combine="fast-normalized", weights=[-2.0, -3.0], layout="NCHW")
    assert not none.any()


def test_large_softmax_weights_stay_finite(rng):
    a, b = rng.normal(size=(1, 3, 4, 5)), rng.normal(size=(1, 3, 4, 5))
    out = featfuse.fuse(a, b, combine="softmax", weights=[1000.0, 990.0], layout="NCHW")
    np.testing.assert_allclose(out, (a + np.exp(-10) * b) / (1 + np.exp(-10)), atol=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_fused_in_float32(dtype):
    """Sixteen times 1/16 of 2048 and of 1: a half-precision sum would drop the ones."""
    inputs = [np.full((1, 2, 2, 1), 2048 if index == 0 else 1, np.float32) for index in range(16)]
    halves = [featfuse.fuse(x, dtype=dtype, layout="NHWC") for x in inputs]
    out = featfuse.fuse(*halves, combine="mean", weights=[1.0] * 16, dtype="float32", layout="NHWC")
    np.testing.assert_allclose(out, (2048 + 15) / 16, rtol=1e-6)
    assert featfuse.fuse(*halves, combine="softmax", layout="NHWC").dtype == halves[0].dtype


def test_integers_become_float32():
    a, b = np.full((1, 2, 2, 1), 200, np.uint8), np.full((1, 2, 2, 1), 100, np.uint8)
    out = featfuse.fuse(a, b, weights=[1.0, 0.5], layout="NHWC")
    assert out.dtype == np.float32
    assert (out == 250).all()


# --- weights per position ----------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("batched", [True, False])
def test_maps(rng, name, layout, batched):
    """Three levels of different size; the maps have one channel per level, in the layout of the inputs."""
    inputs = [rng.normal(size=(2, 4, size, size)) for size in (8, 4, 2)]
    maps = rng.random((2 if batched else 1, 3, 8, 8)) + 0.1
    up = [x.repeat(f, 2).repeat(f, 3) for x, f in zip(inputs, (1, 2, 4), strict=True)]
    share = factors(name, maps.transpose(1, 0, 2, 3))[:, :, None]
    expected = sum(f * x for f, x in zip(share, up, strict=True))
    if layout == "NHWC":
        inputs, maps = [x.transpose(0, 2, 3, 1) for x in inputs], maps.transpose(0, 2, 3, 1)
        expected = expected.transpose(0, 2, 3, 1)
    given = maps if batched else maps[0]
    out = featfuse.fuse(*inputs, method="nearest", combine=name, weights=given, layout=layout)
    np.testing.assert_allclose(out, expected, atol=1e-12)


def test_maps_from_a_file_of_another_grid(rng, tmp_path):
    a, b = rng.normal(size=(1, 4, 8, 8)), rng.normal(size=(1, 4, 4, 4))
    maps = rng.normal(size=(1, 2, 4, 4))
    np.save(tmp_path / "w.npy", maps)
    share = factors("softmax", maps[0].repeat(2, 1).repeat(2, 2))
    out = featfuse.fuse(
        a, b, method="nearest", combine="softmax", weights=str(tmp_path / "w.npy"), layout="NCHW"
    )
    np.testing.assert_allclose(out, share[0] * a + share[1] * b.repeat(2, 2).repeat(2, 3), atol=1e-12)
