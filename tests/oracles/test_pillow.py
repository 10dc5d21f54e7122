"""Pillow's resize of float images (mode "F"), which `convention="pillow"` must equal: antialiased."""

import numpy as np
import pytest

Image = pytest.importorskip("PIL.Image")

FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos3": Image.Resampling.LANCZOS,
}


def pillow(x: np.ndarray, size: tuple[int, int], resample: int) -> np.ndarray:
    """Every (H, W) plane of (N, C, H, W) through Pillow, which takes the width first."""
    planes = x.reshape(-1, *x.shape[2:])
    done = [np.asarray(Image.fromarray(plane).resize(size[::-1], resample)) for plane in planes]
    return np.stack(done).reshape(*x.shape[:2], *size)


@pytest.mark.parametrize("seed", range(80))
@pytest.mark.parametrize("method", FILTERS)
def test_resize(draw, resize, agree, method, seed):
    layout = draw.layout(2)
    x = draw.array(layout, draw.sizes(2))
    size = draw.sizes(2)
    ours = resize(x, size, layout, method=method, convention="pillow")
    agree(ours, pillow(x, size, FILTERS[method]), scale=np.abs(x).max(), note=(x.shape, size, layout))


def test_nearest_for_every_pair_of_sizes(resize, agree):
    """Pillow adds the step to a float64 position again and again, and so decides ties its own way."""
    for in_size in range(1, 71):
        line = np.arange(in_size, dtype=np.float32).reshape(1, 1, 1, -1)
        for out_size in range(1, 71, 3):
            theirs = pillow(line, (1, out_size), Image.Resampling.NEAREST)
            ours = resize(line, (1, out_size), "HW", method="nearest", convention="pillow")
            agree(ours, theirs, within=0, note=(in_size, out_size))


def test_nearest_exact_is_pillows_off_the_ties(resize, agree, off_ties):
    for in_size in range(1, 71):
        line = np.arange(in_size, dtype=np.float32).reshape(1, 1, 1, -1)
        for out_size in range(1, 71, 3):
            kept = off_ties(in_size, out_size)
            theirs = pillow(line, (1, out_size), Image.Resampling.NEAREST)
            ours = resize(line, (1, out_size), "HW", method="nearest-exact")
            agree(ours[..., kept], theirs[..., kept], within=0, note=(in_size, out_size))
