"""The mean over space, against NumPy in float64."""

import featfuse
import numpy as np
import pytest
from featfuse import ShapeError, UsageError

# --- gap ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layout", "shape", "axes"),
    [
        ("NCHW", (2, 3, 4, 5), (2, 3)),
        ("NHWC", (2, 4, 5, 3), (1, 2)),
        ("NDHWC", (2, 2, 4, 5, 3), (1, 2, 3)),
        ("NCW", (2, 3, 7), (2,)),
        ("CHW", (3, 4, 5), (1, 2)),
        ("HW", (4, 5), (0, 1)),
    ],
)
def test_gap(rng, layout, shape, axes):
    x = rng.normal(size=shape)
    kept = featfuse.fuse(x, layout=layout, reduce="gap")
    np.testing.assert_allclose(kept, x.mean(axes, keepdims=True), atol=1e-13)
    assert np.array_equal(featfuse.fuse(x, layout=layout, reduce="gap", keepdims=True), kept)
    gone = featfuse.fuse(x, layout=layout, reduce="gap", keepdims=False)
    assert gone.shape == x.mean(axes).shape
    np.testing.assert_allclose(gone, x.mean(axes), atol=1e-13)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_gap_of_half_precision(dtype):
    """A million ones: neither half-precision nor a running float32 sum of thousandths may show."""
    x = np.full((1, 1024, 1024, 1), 0.1, np.float32)
    half = featfuse.fuse(x, layout="NHWC", dtype=dtype)
    out = featfuse.fuse(half, layout="NHWC", reduce="gap", dtype="float32")
    assert out.item() == np.float32(half.flat[0])
    assert featfuse.fuse(half, layout="NHWC", reduce="gap").dtype == half.dtype


@pytest.mark.parametrize("layout", ["NCW", "NWC"])
def test_gap_of_very_many_samples_does_not_drift(layout):
    x = np.full((1, 2, 2_000_000), 0.1, np.float32)
    out = featfuse.fuse(x if layout == "NCW" else np.moveaxis(x, 1, 2), layout=layout, reduce="gap")
    assert (out == np.float32(0.1)).all()


def test_gap_follows_the_combining(rng):
    a, b = rng.normal(size=(1, 3, 8, 8)), rng.normal(size=(1, 2, 4, 4))
    out = featfuse.fuse(a, b, method="nearest", combine="concat", reduce="gap", keepdims=False, layout="NCHW")
    np.testing.assert_allclose(out, np.concatenate([a.mean((2, 3)), b.mean((2, 3))], 1), atol=1e-13)


def test_gap_refusals():
    with pytest.raises(ShapeError, match='reduce="gap" needs a spatial axis'):
        featfuse.fuse(np.ones((2, 3)), layout="NC", reduce="gap")
    with pytest.raises(UsageError, match="`keepdims`"):
        featfuse.fuse(np.ones((2, 3)), layout="NC", keepdims=True)


def test_gap_of_nothing():
    with pytest.raises(ShapeError, match="empty"):
        featfuse.fuse(np.ones((1, 2, 0, 3)), layout="NCHW", reduce="gap")
