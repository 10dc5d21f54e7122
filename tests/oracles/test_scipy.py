"""scipy.ndimage.zoom of order 1, in the two settings that are a formula of ours."""

import warnings

import numpy as np
import pytest

ndimage = pytest.importorskip("scipy.ndimage")

# zoom's grid, and what it is here
GRIDS = {
    "half-pixel": {"grid_mode": True, "mode": "nearest"},
    "align-corners": {"grid_mode": False, "mode": "nearest"},
}


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("coords", GRIDS)
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_linear(draw, resize, agree, rank, coords, seed):
    """Sizes from 2: for an axis of 1 zoom's align-corners divides by zero and means something else."""
    layout = draw.layout(rank)
    x = draw.array(layout, draw.sizes(rank, low=2), np.float64)
    size = draw.sizes(rank, low=2)
    factors = [new / old for new, old in zip((*x.shape[:2], *size), x.shape, strict=True)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = ndimage.zoom(x, factors, order=1, **GRIDS[coords])
    assert theirs.shape[2:] == size
    ours = resize(x, size, layout, method="bilinear", coords=coords)
    agree(ours, theirs, within=1e-11, scale=np.abs(x).max(), note=(x.shape, size, layout))


@pytest.mark.parametrize("seed", range(15))
@pytest.mark.parametrize(
    ("theirs", "mode"),
    [("nearest", "edge"), ("reflect", "symmetric"), ("mirror", "reflect"), ("grid-wrap", "wrap")],
)
def test_pad_modes_are_the_borders_of_ndimage(draw, resize, agree, theirs, mode, seed):
    """A shift by whole samples shows a filter's border: ndimage's names for it, and NumPy's."""
    x = draw.array("W", (draw.size(low=2),), np.float64)
    before = draw.size(high=60)
    kernel = np.zeros(2 * before + 1)
    kernel[0] = 1
    shifted = ndimage.correlate1d(x[0, 0], kernel, mode=theirs)
    ours = resize(x, (x.shape[2] + before,), "W", method="pad", pad_mode=mode, anchor="end")
    agree(ours[..., : x.shape[2]], shifted[None, None], within=0, note=(x.shape, before))
