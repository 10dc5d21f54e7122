"""One branch for each input: projections, and the type that a method is computed in."""

from typing import Any

import featfuse
import numpy as np
import pytest
from featfuse import ShapeError, UsageError

from tests.support.arrays import mix

RNG = np.random.default_rng(0)


def normal(*shape: int) -> Any:
    return RNG.normal(size=shape).astype(np.float32)


def test_project_is_a_1x1_convolution_before_all_else(tmp_path):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(1, 4, 8, 8)), rng.normal(size=(1, 7, 4, 4))
    first, second, bias = rng.normal(size=(3, 4, 1, 1)), rng.normal(size=(3, 7)), rng.normal(size=3)
    for name, array in {"first": first, "second": second, "bias": bias}.items():
        np.save(tmp_path / f"{name}.npy", array)
    ours = featfuse.fuse(
        a,
        b,
        method="nearest",
        layout="NCHW",
        project=[f"1={tmp_path / 'first.npy'}", f"2={tmp_path / 'second.npy'},{tmp_path / 'bias.npy'}"],
    )
    down = mix(b, second, "NCHW") + bias[:, None, None]
    expected = mix(a, first[:, :, 0, 0], "NCHW") + down.repeat(2, 2).repeat(2, 3)
    np.testing.assert_allclose(ours, expected, atol=1e-12)


def test_projection_refusals(tmp_path):
    path = tmp_path / "w.npy"
    np.save(path, np.ones((3, 5)))
    a = np.ones((1, 4, 4, 8))
    with pytest.raises(ShapeError, match=r"\(3, 5\).*8 channels of input 1"):
        featfuse.fuse(a, layout="NHWC", project=f"1={path}")
    for wrong in (f"0={path}", f"2={path}", str(path), [f"1={path}", f"1={path}"]):
        with pytest.raises(UsageError, match="project"):
            featfuse.fuse(a, layout="NHWC", project=wrong)


def test_a_pad_value_must_fit_the_type_padding_is_done_in() -> None:
    with pytest.raises(UsageError, match="float16"):
        featfuse.fuse(normal(4, 4).astype("f2"), method="pad", to="6x6", pad_value=1e6)
    image = np.full((1, 4, 4, 1), 7, np.uint8)
    out = featfuse.fuse(image, method="letterbox", to="4x6", pad_value=0.5, layout="NHWC")
    assert out[0, 0, 0, 0] == 0.5
