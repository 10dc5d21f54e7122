"""What options name and inputs are not: a `like`, masks, weights, kernels."""

from pathlib import Path
from typing import Any

import featfuse
import numpy as np
import pytest
from featfuse import InputError


def test_like_takes_a_path_an_array_or_a_shape(tmp_path: Path) -> None:
    x, like = np.ones((8, 8), np.float32), np.ones((3, 5), np.float32)
    np.save(tmp_path / "like.npy", like)
    for template in (like, (3, 5), tmp_path / "like.npy", f"{tmp_path}/like.npy"):
        assert featfuse.fuse(x, method="area", like=template).shape == (3, 5)


CHECKPOINT = {
    "head": (7, 24),
    "head_bias": (7,),
    "lat": (24, 6, 1, 1),
    "lat_bias": (24, 1, 1),
    "up": (18, 5, 4, 4),
    "up_bias": (5,),
}

MAPS = ((1, 6, 8, 8), (1, 18, 4, 4))
CONCAT = {"method": "nearest", "combine": "concat", "reduce": "conv1x1"}


@pytest.mark.parametrize(
    ("given", "command"),
    [
        ({**CONCAT, "kernel": "w.npz"}, 'kernel="w.npz::head"'),
        ({**CONCAT, "kernel": "w.npz::head", "bias": "w.npz"}, 'bias="w.npz::head_bias"'),
        ({"method": "transposed-conv", "kernel": "w.npz", "to": "8x8"}, 'kernel="w.npz::up"'),
        ({"method": "nearest", "project": "1=w.npz"}, 'project="1=w.npz::lat"'),
        (
            {"method": "nearest", "project": "1=w.npz::lat,w.npz"},
            'project="1=w.npz::lat,w.npz::lat_bias"',
        ),
    ],
)
def test_a_checkpoint_without_a_key_offers_what_fits(
    in_tmp_path: None, given: dict[str, Any], command: str
) -> None:
    np.savez("w.npz", **{name: np.zeros(shape, np.float32) for name, shape in CHECKPOINT.items()})
    with pytest.raises(InputError, match="holds 6 tensors, 1 of which fits the") as caught:
        featfuse.inspect(*MAPS, layout="NCHW", **given)
    assert caught.value.commands == (command,)
