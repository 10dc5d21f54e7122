"""What options name and inputs are not: a `like`, masks, weights, kernels."""

from pathlib import Path

import featfuse
import numpy as np


def test_like_takes_a_path_an_array_or_a_shape(tmp_path: Path) -> None:
    x, like = np.ones((8, 8), np.float32), np.ones((3, 5), np.float32)
    np.save(tmp_path / "like.npy", like)
    for template in (like, (3, 5), tmp_path / "like.npy", f"{tmp_path}/like.npy"):
        assert featfuse.fuse(x, method="area", like=template).shape == (3, 5)
