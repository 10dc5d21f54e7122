"""How sizes and channels are brought together."""

from collections.abc import Callable
from typing import Any

import featfuse
import ml_dtypes
import numpy as np
import pytest
from featfuse import CHANNEL_MODES, FeatfuseError, ShapeError

RNG = np.random.default_rng(0)


def normal(*shape: int) -> Any:
    return RNG.normal(size=shape).astype(np.float32)


Plan = Callable[..., Any]


# --- many inputs -------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 3, 7, 16])
@pytest.mark.parametrize("combine", ["add", "concat", "max", "fast-normalized"])
def test_many_inputs_of_different_dtype_layout_and_rank(rng, count, combine):
    """Whole numbers, so that every dtype holds them exactly."""
    layouts = ("NCHW", "NHWC", "CHW", "HWC")
    dtypes = (np.float32, np.float16, ml_dtypes.bfloat16, np.uint8, np.int16, np.float64, np.bool_)
    given, names, expected = [], [], []
    for index in range(count):
        size, layout = (8, 4, 2)[index % 3], layouts[index % 4]
        dtype = dtypes[index % len(dtypes)]
        x = rng.integers(0, 2 if dtype is np.bool_ else 9, (1, 3, size, size))
        expected.append(x.repeat(8 // size, 2).repeat(8 // size, 3).astype(np.float64))
        shaped = x if "N" in layout else x[0]
        shaped = shaped if layout.endswith("HW") else np.moveaxis(shaped, -3, -1)
        given.append(shaped.astype(dtype))
        names.append(layout)
    out = featfuse.fuse(*given, method="nearest", combine=combine, layout=",".join(names))
    assert out.shape == (1, 3 * count if combine == "concat" else 3, 8, 8)
    wanted = {
        "add": lambda: np.sum(expected, axis=0),
        "concat": lambda: np.concatenate(expected, 1),
        "max": lambda: np.max(expected, axis=0),
        "fast-normalized": lambda: np.sum(expected, axis=0) / (count + 1e-4),
    }[combine]()
    np.testing.assert_allclose(out.astype(np.float64), wanted, rtol=1e-6)


def test_channels_of_number_zero_are_an_error_with_words() -> None:
    with pytest.raises(ShapeError):
        featfuse.fuse(np.zeros((1, 4, 4, 0), np.float32), normal(1, 8, 8, 3))
    with pytest.raises(ShapeError):
        featfuse.fuse(np.zeros((1, 0, 4, 4)), normal(1, 3, 4, 4), channels="tile", layout="NCHW")


def test_sizes_of_any_magnitude_are_compared() -> None:
    assert featfuse.inspect((25 * 10**9, 1, 1, 1), (1, 1, 1, 25 * 10**9)).compatibility == "broadcast"
    for target in ("99999999999999999999x4", (10**14, 10**14)):
        with pytest.raises(FeatfuseError):
            featfuse.fuse(normal(4, 4), method="nearest", to=target)


def test_channels_are_matched_after_maxima_and_borders() -> None:
    """As the report says, and in every layout: the mean of maxima is not the maximum of means."""
    big, small = normal(1, 4, 6, 6), np.zeros((1, 2, 3, 3), np.float32)
    pooled = big.reshape(1, 2, 2, 3, 2, 3, 2).max(axis=(4, 6)).mean(axis=2)
    padded = np.pad(small, [(0, 0), (0, 0), (0, 3), (0, 3)], constant_values=2.0)
    grown = np.concatenate([padded, np.zeros_like(padded)], axis=1)
    for layout, axes in (("NCHW", (0, 1, 2, 3)), ("NHWC", (0, 2, 3, 1))):
        maps = [np.ascontiguousarray(each.transpose(axes)) for each in (big, small)]
        result = featfuse.fuse(*maps, method="max-pool", channels="mean", layout=layout)
        np.testing.assert_allclose(result, pooled.transpose(axes), atol=1e-6)
        options = {"method": "pad", "channels": "zero-pad", "pad_value": 2.0, "anchor": "start"}
        result = featfuse.fuse(*maps, layout=layout, **options)
        np.testing.assert_allclose(result, (big + grown).transpose(axes), atol=1e-6)


@pytest.mark.parametrize("mode", [mode for mode in CHANNEL_MODES if mode != "strict"])
def test_every_channels_mode_says_what_it_did(plan: Plan, mode: str) -> None:
    result = plan((8, 8, 6), (8, 8, 3), channels=mode)
    row = result.axes[-1]
    assert [action != "=" for action in row.actions] == [size != row.output for size in row.sizes]
    assert any(mode in action for action in row.actions)


def test_the_first_input_may_lack_a_pooled_axis(plan: Plan) -> None:
    result = plan((2, 2), (4, 4, 4), layout="HW,DHW", method="max-pool", pool_size="1x2x2")
    assert result.shape == (4, 2, 2)


def test_like_may_have_an_axis_of_size_0(plan: Plan) -> None:
    assert plan((4, 4), method="crop", like=(0, 3)).shape == (0, 3)


def test_a_negative_size_is_refused() -> None:
    with pytest.raises(featfuse.FeatfuseError):
        featfuse.inspect((-1, 4), (3, 4))
