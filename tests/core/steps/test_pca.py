"""Principal components of the channels, against NumPy in float64."""

import re

import featfuse
import numpy as np
import pytest
from featfuse import RunError, ShapeError, UsageError

# --- pca ---------------------------------------------------------------------------------------


def principal(x, count):
    """Scores and shares of variance by SVD of the centred (positions, C), largest loading positive."""
    centred = x - x.mean(0)
    _, values, rows = np.linalg.svd(centred, full_matrices=False)
    rows = rows * np.sign(rows[np.arange(len(rows)), np.abs(rows).argmax(1)])[:, None]
    return centred @ rows[:count].T, (values**2 / (values**2).sum())[:count]


def correlated(rng, positions, channels):
    """Data whose variances fall fast, so that directions are well defined; a mean far from 0."""
    spread = 2.0 ** -np.arange(channels)
    turn = np.linalg.qr(rng.normal(size=(channels, channels)))[0]
    return (rng.normal(size=(positions, channels)) * spread) @ turn + 3


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("memory", ["256M", "24K"])
def test_pca(rng, tmp_path, layout, memory):
    data = correlated(rng, 2 * 12 * 15, 6)
    x = data.reshape(2, 12, 15, 6)
    given = x if layout == "NHWC" else x.transpose(0, 3, 1, 2)
    scores, shares = principal(data, 3)
    path = tmp_path / "out.npy"
    report = featfuse.fuse(given, layout=layout, reduce="pca", out_channels=3, memory=memory, out=path)
    out = np.load(path)
    out = out if layout == "NHWC" else out.transpose(0, 2, 3, 1)
    np.testing.assert_allclose(out.reshape(-1, 3), scores, atol=1e-10)
    told = next(note for note in report.notes if "explains" in note)
    percents = [float(part) for part in re.findall(r"([\d.]+)%", told)]
    np.testing.assert_allclose(percents, 100 * np.array([shares.sum(), *shares]), atol=0.06)


def test_pca_of_several_inputs_and_of_float16(rng):
    data = correlated(rng, 64, 5).astype(np.float16)
    a, b = data[:, :3].reshape(1, 8, 8, 3), data[:, 3:].reshape(1, 8, 8, 2)
    out = featfuse.fuse(a, b, layout="NHWC", combine="concat", reduce="pca", out_channels=2, dtype="float32")
    np.testing.assert_allclose(out.reshape(-1, 2), principal(data.astype(np.float64), 2)[0], atol=1e-5)
    halves = featfuse.fuse(a, b, layout="NHWC", combine="concat", reduce="pca", out_channels=2)
    assert halves.dtype == np.float16


def test_pca_of_a_large_mean_costs_no_digits(rng):
    data = correlated(rng, 100, 4)
    x = (data + 1e6).reshape(1, 10, 10, 4)
    out = featfuse.fuse(x, layout="NHWC", reduce="pca", out_channels=2)
    np.testing.assert_allclose(out.reshape(-1, 2), principal(data, 2)[0], atol=1e-6)


def test_pca_of_constant_data():
    out = featfuse.fuse(np.full((1, 4, 4, 3), 2.5), layout="NHWC", reduce="pca", out_channels=2)
    np.testing.assert_allclose(out, 0, atol=1e-12)


def test_all_components_keep_distances(rng):
    data = correlated(rng, 36, 5)
    out = featfuse.fuse(data.reshape(1, 6, 6, 5), layout="NHWC", reduce="pca", out_channels=5).reshape(-1, 5)
    np.testing.assert_allclose(
        np.linalg.norm(out[:, None] - out, axis=-1), np.linalg.norm(data[:, None] - data, axis=-1), atol=1e-9
    )


def test_pca_refusals():
    x = np.ones((1, 4, 4, 3))
    with pytest.raises(ShapeError, match=r"4 components of 3 channels"):
        featfuse.fuse(x, layout="NHWC", reduce="pca", out_channels=4)
    with pytest.raises(UsageError, match="out_channels"):
        featfuse.fuse(x, layout="NHWC", reduce="pca")
    with pytest.raises(UsageError, match="out_channels"):
        featfuse.fuse(x, layout="NHWC", reduce="pca", out_channels=0)
    with pytest.raises(ShapeError, match="channel axis"):
        featfuse.fuse(x[0, :, :, 0], layout="HW", reduce="pca", out_channels=1)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_pca_of_nan(value):
    x = np.random.default_rng(0).normal(size=(1, 4, 4, 3))
    x[0, 1, 1, 1] = value
    with pytest.raises(RunError, match="NaN or inf"):
        featfuse.fuse(x, layout="NHWC", reduce="pca", out_channels=2)


def test_pca_of_nothing():
    with pytest.raises(ShapeError, match=r"empty: \(0, 4, 4, 3\)"):
        featfuse.fuse(np.zeros((0, 4, 4, 3)), layout="NHWC", reduce="pca", out_channels=2)
