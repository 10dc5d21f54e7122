"""cv2.resize of float images, which `convention="opencv"` must equal."""

import numpy as np
import pytest

cv2 = pytest.importorskip("cv2")

FLAGS = {
    "bilinear": "INTER_LINEAR",
    "bicubic": "INTER_CUBIC",
    "area": "INTER_AREA",
    "nearest": "INTER_NEAREST",
}


def opencv(x: np.ndarray, size: tuple[int, int], flag: str) -> np.ndarray:
    """Every (H, W) plane of (N, C, H, W) through OpenCV, which takes the width first."""
    planes = x.reshape(-1, *x.shape[2:])
    done = [cv2.resize(plane, size[::-1], interpolation=getattr(cv2, flag)) for plane in planes]
    return np.stack(done).reshape(*x.shape[:2], *size)


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("method", ["bilinear", "bicubic"])
def test_resize(draw, resize, agree, method, seed):
    layout = draw.layout(2)
    x = draw.array(layout, draw.sizes(2))
    size = draw.sizes(2)
    ours = resize(x, size, layout, method=method, convention="opencv")
    agree(ours, opencv(x, size, FLAGS[method]), scale=np.abs(x).max(), note=(x.shape, size, layout))


@pytest.mark.parametrize("seed", range(60))
def test_area_shrinks(draw, resize, agree, seed):
    """INTER_AREA where it is an area: both sides shrink (it is another bilinear where one grows)."""
    layout = draw.layout(2)
    x = draw.array(layout, draw.sizes(2))
    size = tuple(draw.size(high=length) for length in x.shape[2:])
    ours = resize(x, size, layout, method="area", convention="opencv")
    agree(ours, opencv(x, size, "INTER_AREA"), scale=np.abs(x).max(), note=(x.shape, size, layout))


def test_nearest_for_every_pair_of_sizes(resize, agree):
    """OpenCV's index is `floor(x * (1 / (O / I)))` in float64, torch's in float32: 3 % of pairs differ."""
    for in_size in range(1, 71):
        line = np.arange(in_size, dtype=np.float32).reshape(1, 1, 1, -1)
        for out_size in range(1, 71, 3):
            ours = resize(line, (1, out_size), "HW", method="nearest", convention="opencv")
            agree(ours, opencv(line, (1, out_size), "INTER_NEAREST"), within=0, note=(in_size, out_size))


def test_nearest_exact_is_that_of_opencv_off_the_ties(resize, agree, off_ties):
    for in_size in range(1, 71):
        line = np.arange(in_size, dtype=np.float32).reshape(1, 1, 1, -1)
        for out_size in range(1, 71, 3):
            kept = off_ties(in_size, out_size)
            theirs = opencv(line, (1, out_size), "INTER_NEAREST_EXACT")
            ours = resize(line, (1, out_size), "HW", method="nearest-exact")
            agree(ours[..., kept], theirs[..., kept], within=0, note=(in_size, out_size))
