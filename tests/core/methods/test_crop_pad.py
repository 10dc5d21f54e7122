"""Every pad mode against numpy.pad: any width, also multiples of the size, one to three axes, any dtype.

Exact, except `mean` (NumPy's order of adding depends on the block's shape) and `linear_ramp` (the last
bit of a float: np.linspace takes another rounding path when one sample equals the end value).
"""

from collections.abc import Callable, Sequence
from typing import Any

import featfuse
import numpy as np
import pytest
from featfuse import METHODS, ShapeError, UsageError, engine
from featfuse.methods.settings import AxisSettings
from featfuse.model.change import Change, ChangeKind
from featfuse.request.table import OPTIONS, PAD_MODES
from hypothesis import given, settings
from hypothesis import strategies as st

DTYPES = ("bool", "int8", "uint8", "int32", "uint64", "float16", "float32", "float64")

TAKES_VALUE = {"constant": "constant_values", "linear_ramp": "end_values"}


def pad(x: np.ndarray, widths: Sequence[tuple[int, int]], mode: str, **options: Any) -> np.ndarray:
    """What numpy.pad does, asked for as a user would: a target grid and the offset of the input in it."""
    letters = "DHW"[-x.ndim :]
    target = tuple(before + size + after for (before, after), size in zip(widths, x.shape, strict=True))
    offset = {
        letter: before
        for letter, (before, after) in zip(letters, widths, strict=True)
        if before + after  # an offset where nothing changes is refused
    }
    words = {"offset": offset} if offset else {}
    return featfuse.resize(x, target, method="pad", pad_mode=mode, layout=letters, **words, **options)


def check(x: np.ndarray, widths: Sequence[tuple[int, int]], mode: str, value: float = 0) -> None:
    options = {"pad_value": value} if mode in TAKES_VALUE else {}
    words = {TAKES_VALUE[mode]: value} if mode in TAKES_VALUE else {}
    expected = np.pad(x, widths, mode, **words)
    result = pad(x, widths, mode, **options)
    assert result.dtype == expected.dtype
    assert result.shape == expected.shape
    if x.dtype.kind != "f" or mode not in ("mean", "linear_ramp"):
        # a float64 mean of integers that lies on a tie could round either way; integers are compared below
        if mode == "mean" and x.dtype.kind in "iu":
            assert np.abs(result.astype(float) - expected.astype(float)).max() <= 1
        else:
            np.testing.assert_array_equal(result, expected)
    else:
        # numpy computes a second axis from already rounded values: one step per axis
        step = np.finfo(x.dtype).eps * x.ndim
        scale = max(1.0, float(np.abs(expected).max(initial=0)))
        np.testing.assert_allclose(
            result.astype(np.float64), expected.astype(np.float64), rtol=0, atol=2 * step * scale
        )


def samples(shape: Sequence[int], dtype: str, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=tuple(shape)) * 30
    if dtype == "bool":
        return values > 0
    return (np.abs(values) if dtype.startswith("u") else values).astype(dtype)


Settings = Callable[..., AxisSettings]


@pytest.mark.parametrize("mode", PAD_MODES)
@settings(max_examples=35)
@given(data=st.data())
def test_equals_numpy(mode: str, data: st.DataObject) -> None:
    shape = data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=3))
    widths = [(data.draw(st.integers(0, 14)), data.draw(st.integers(0, 14))) for _ in shape]
    dtype = data.draw(st.sampled_from(DTYPES))
    value = data.draw(st.sampled_from([0, 1] if dtype == "bool" else [0, 1, 7]))
    check(samples(shape, dtype), widths, mode, value)


@pytest.mark.parametrize("mode", PAD_MODES)
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_widths_around_multiples_of_the_size(mode: str, size: int) -> None:
    """Mirrors turn round exactly at multiples of the size (and of the size less one)."""
    widths = sorted({max(0, k * size + d) for k in range(4) for d in (-1, 0, 1)})
    x = samples([size], "float32")
    for before in widths:
        check(x, [(before, 0)], mode)
        check(x, [(0, before)], mode)


@pytest.mark.parametrize(
    "mode",
    [
        pytest.param(
            mode,
        )
        for mode in PAD_MODES
    ],
)
def test_nan_and_inf(mode: str) -> None:
    """They spread as in NumPy, whose warnings are not for our users."""
    x = np.array([[1, np.nan, 3], [np.inf, 5, -np.inf]], dtype=np.float32)
    with np.errstate(invalid="ignore"):
        expected = np.pad(x, [(2, 1), (1, 2)], mode)
    result = pad(x, [(2, 1), (1, 2)], mode)
    np.testing.assert_array_equal(np.isnan(result), np.isnan(expected))
    np.testing.assert_array_equal(np.isposinf(result), np.isposinf(expected))


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric", "wrap", "maximum", "minimum"])
@pytest.mark.parametrize("name", ["bfloat16", "float8_e5m2", "float8_e4m3fn"])
def test_types_numpy_lacks_move_unchanged(mode: str, name: str) -> None:
    import ml_dtypes

    x = np.array([[1, -2, 3], [0.5, 4, -6]]).astype(np.dtype(getattr(ml_dtypes, name)))
    result = pad(x, [(3, 2), (1, 4)], mode)
    assert result.dtype == x.dtype
    expected = np.pad(x.astype(np.float32), [(3, 2), (1, 4)], mode)
    np.testing.assert_array_equal(result.astype(np.float32), expected)


@pytest.mark.parametrize(("alias", "mode"), OPTIONS["pad_mode"].aliases.items())
def test_aliases(alias: str, mode: str) -> None:
    x = samples([2, 3], "float32")
    assert pad(x, [(3, 4), (5, 6)], alias).tobytes() == pad(x, [(3, 4), (5, 6)], mode).tobytes()


@pytest.mark.parametrize("mode", PAD_MODES)
def test_nothing_to_pad_from(mode: str) -> None:
    """Only a constant can be put round an axis of size 0: as in NumPy."""
    x = np.zeros((0, 2), dtype=np.float32)
    if mode == "constant":
        assert pad(x, [(1, 2), (0, 0)], mode, pad_value=4.0).tolist() == [[4.0, 4.0]] * 3
        return
    with pytest.raises(ShapeError, match="axis H"):
        pad(x, [(1, 2), (0, 0)], mode)


@pytest.mark.parametrize(
    ("dtype", "value"),
    [("uint8", -1), ("uint8", 256), ("int8", 128), ("int32", 0.5), ("int64", 2.0**63), ("uint64", 2.0**64)],
)
def test_a_value_the_type_cannot_hold_is_refused(dtype: str, value: float) -> None:
    with pytest.raises(UsageError, match=dtype) as caught:
        pad(samples([3], dtype), [(1, 1)], "constant", pad_value=value)
    assert "from" in caught.value.hint


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_nan_does_not_fit_an_integer(value: float) -> None:
    with pytest.raises(UsageError, match="int8"):
        pad(samples([3], "int8"), [(1, 1)], "constant", pad_value=value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1e4])
def test_any_float_pads_floats(value: float) -> None:
    result = pad(samples([2], "float16"), [(1, 0)], "constant", pad_value=value)
    assert np.array_equal(result[:1], np.array([value], np.float16), equal_nan=True)


@pytest.mark.parametrize("mode", PAD_MODES)
@pytest.mark.parametrize(("in_size", "out_size"), [(1, 4), (5, 5), (5, 8), (6, 20)])
def test_crop_undoes_pad(axis_settings: Settings, mode: str, in_size: int, out_size: int) -> None:
    values = np.random.default_rng(0).normal(size=in_size).astype(np.float32)
    for where in ({"anchor": "start"}, {"anchor": "end"}, {"anchor": "center"}, {"offset": 0}):
        (pad,) = METHODS["pad"].build()(
            in_size, out_size, axis_settings("pad", in_size, out_size, {**where, "pad_mode": mode})
        )
        (crop,) = METHODS["crop"].build()(out_size, in_size, axis_settings("crop", out_size, in_size, where))
        padded = engine.apply(pad, values, 0, 0, slice(0, out_size))
        assert engine.apply(crop, padded, 0, 0, slice(0, in_size)).tobytes() == values.tobytes()
        assert (crop.change.before, crop.change.after) == (pad.change.before, pad.change.after)


@pytest.mark.parametrize(
    ("odd", "in_size", "out_size", "start"),
    [
        # of a centred crop of d: floor d//2, ceil -(-d//2), round half to even of d/2, monai I//2 - O//2
        ("floor", 9, 4, 2),
        ("ceil", 9, 4, 3),
        ("round", 9, 4, 2),  # 2.5 -> 2
        ("round", 9, 2, 4),  # 3.5 -> 4
        ("monai", 9, 4, 2),  # 4 - 2
        ("monai", 8, 5, 2),  # 4 - 2, where d//2 would be 1
        ("ceil", 8, 5, 2),
        ("floor", 8, 5, 1),
        *((odd, 8, 4, 2) for odd in ("floor", "ceil", "round", "monai")),  # even: all agree
    ],
)
def test_odd_sample_of_a_centred_crop(
    axis_settings: Settings, odd: str, in_size: int, out_size: int, start: int
) -> None:
    settings_ = axis_settings("crop", in_size, out_size, {"odd": odd})
    (crop,) = METHODS["crop"].build()(in_size, out_size, settings_)
    assert crop.indices[:, 0].tolist() == list(range(start, start + out_size))
    assert crop.change == Change(ChangeKind.CROP, before=start, after=in_size - out_size - start)


def test_centred_pad_puts_the_smaller_half_first(axis_settings: Settings) -> None:
    (pad,) = METHODS["pad"].build()(4, 9, axis_settings("pad", 4, 9))
    assert pad.change == Change(ChangeKind.PAD, "constant", before=2, after=3)


@pytest.mark.parametrize("mode", PAD_MODES)
def test_blockwise_padding_equals_whole(mode: str) -> None:
    x = np.random.default_rng(2).normal(size=(2, 9, 14, 3)).astype(np.float32)
    options = {"method": "pad", "pad_mode": mode, "layout": "NHWC"}
    whole = featfuse.resize(x, (40, 31), **options)
    assert featfuse.resize(x, (40, 31), memory="20K", threads=2, **options).tobytes() == whole.tobytes()
