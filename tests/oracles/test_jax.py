"""jax.image.resize, which `convention="jax"` must equal: antialiased unless told otherwise."""

import warnings

import numpy as np
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    jax = pytest.importorskip("jax")
    pytest.importorskip("jax.image")

METHODS = {"linear": "bilinear", "cubic": "bicubic", "lanczos3": "lanczos3", "lanczos5": "lanczos5"}


def jax_resize(x: np.ndarray, size: tuple[int, ...], method: str, **options: bool) -> np.ndarray:
    """jax.image.resize of the spatial axes."""
    return np.asarray(jax.image.resize(x, (*x.shape[:2], *size), method, **options, precision="highest"))


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("antialias", [{}, {"antialias": True}, {"antialias": False}])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_resize(draw, resize, agree, rank, method, antialias, seed):
    layout = draw.layout(rank)
    x = draw.array(layout, draw.sizes(rank))
    size = draw.sizes(rank)
    ours = resize(x, size, layout, method=METHODS[method], convention="jax", **antialias)
    theirs = jax_resize(x, size, method, **antialias)
    agree(ours, theirs, scale=np.abs(x).max(), note=(x.shape, size, layout))


@pytest.mark.parametrize("seed", range(60))
def test_nearest(draw, resize, agree, seed):
    """Ties, too: as XLA computes them for a CPU."""
    layout = draw.layout(2)
    x = draw.array(layout, draw.sizes(2))
    size = draw.sizes(2)
    ours = resize(x, size, layout, method="nearest", convention="jax")
    agree(ours, jax_resize(x, size, "nearest"), within=0, note=(x.shape, size, layout))
