"""scikit-learn's PCA over the channels of every position."""

import re
import warnings

import featfuse
import numpy as np
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    decomposition = pytest.importorskip("sklearn.decomposition")


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("memory", ["256M", "64K"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pca(draw, tmp_path, layout, memory, dtype):
    """The same scores, with the largest loading positive, and the same variance explained."""
    mixing = draw.rng.standard_normal((8, 8)) * 1.7 ** -np.arange(8)[:, None]
    data = (draw.rng.standard_normal((2 * 20 * 30, 8)) @ mixing + 5).astype(dtype)
    model = decomposition.PCA(3, svd_solver="full").fit(data.astype(np.float64))
    signs = np.sign(model.components_[np.arange(3), np.abs(model.components_).argmax(1)])
    theirs = model.transform(data.astype(np.float64)) * signs
    x = data.reshape(2, 20, 30, 8)
    report = featfuse.fuse(
        x if layout == "NHWC" else x.transpose(0, 3, 1, 2),
        layout=layout,
        reduce="pca",
        out_channels=3,
        memory=memory,
        out=tmp_path / "out.npy",
    )
    ours = np.load(tmp_path / "out.npy")
    ours = (ours if layout == "NHWC" else ours.transpose(0, 2, 3, 1)).reshape(-1, 3)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-5 if dtype == "float32" else 1e-10)
    told = next(note for note in report.notes if "explains" in note)
    total, *parts = (float(part) for part in re.findall(r"([\d.]+)%", told))
    np.testing.assert_allclose(parts, 100 * model.explained_variance_ratio_, atol=0.06)
    assert total == pytest.approx(100 * model.explained_variance_ratio_.sum(), abs=0.06)
