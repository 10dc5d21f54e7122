"""numpy.pad, every mode, exactly, at any width, and plain slices for crop and stride."""

import numpy as np
import pytest

from tests.support.amounts import only_slow

MODES = (
    "constant",
    "edge",
    "reflect",
    "symmetric",
    "wrap",
    "linear_ramp",
    "maximum",
    "mean",
    "median",
    "minimum",
)
DTYPES = ("float16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64")


def keywords(mode: str, value: float) -> dict[str, float]:
    """`value` under the name numpy.pad gives it in `mode`, if it takes one."""
    name = {"constant": "constant_values", "linear_ramp": "end_values"}.get(mode)
    return {name: value} if name else {}


def numpy_pad(x: np.ndarray, widths: list[tuple[int, int]], mode: str, value: float = 0) -> np.ndarray:
    """numpy.pad of the spatial axes of `(N, C, *space)`; the others are left alone."""
    return np.pad(x, [(0, 0), (0, 0), *widths], mode=mode, **keywords(mode, value))


def exactness(mode: str, x: np.ndarray) -> dict[str, float]:
    """Bit for bit, but for the mean of floats.

    NumPy adds the samples of a mean in an order that depends on the array's strides, so that the same
    values in another layout already differ in the last bit: two units in the last place are allowed.
    """
    if mode != "mean" or x.dtype.kind != "f":
        return {"within": 0}
    return {"within": 2 * float(np.finfo(x.dtype).eps), "scale": float(np.abs(x).max())}


@pytest.mark.parametrize("seed", range(14))
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("mode", MODES)
def test_any_width(draw, resize, agree, offset_of, mode, rank, seed):
    """Also much wider than the array: several reflections, several periods."""
    layout = draw.layout(rank)
    high = {1: 70, 2: 24, 3: 8}[rank]
    x = draw.array(layout, draw.sizes(rank, high=high), draw.choice(*DTYPES))
    widths = [tuple(draw.size(low=0, high=high * 2) for _ in "ab") for _ in range(rank)]
    value = int(draw.rng.integers(0, 100))
    expected = numpy_pad(x, widths, mode, value)
    options = {"pad_value": value} if keywords(mode, value) else {}
    options["offset"] = offset_of(widths)
    ours = resize(x, expected.shape[2:], layout, method="pad", pad_mode=mode, **options)
    agree(ours, expected, **exactness(mode, x), note=(x.shape, x.dtype, widths, layout))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("in_size", [2, *only_slow([1, 3, 5])])
def test_small_maps_at_every_width(draw, resize, agree, offset_of, mode, in_size):
    for out_size in range(in_size, in_size + 14):
        x = draw.array("W", (in_size,), np.int16)
        grow = out_size - in_size
        for offset in range(grow + 1):
            widths = [(offset, grow - offset)]
            expected = numpy_pad(x, widths, mode)
            ours = resize(x, (out_size,), "W", method="pad", pad_mode=mode, offset=offset_of(widths))
            agree(ours, expected, within=0, note=(in_size, out_size, offset))


@pytest.mark.parametrize("mode", MODES)
def test_values_numpy_treats_specially(draw, resize, agree, mode):
    """NaN, infinities and negative zeros inside, in the order numpy pads the axes (first axis first)."""
    x = draw.array("NCHW", (7, 5))
    x[0, 0, 0], x[0, 0, 6, 4], x[0, 0, 3, 3] = np.nan, np.inf, -0.0
    with np.errstate(invalid="ignore"):
        expected = numpy_pad(x, [(3, 4), (2, 2)], mode)
    ours = resize(x, (14, 9), "NCHW", method="pad", pad_mode=mode)
    agree(ours, expected, **exactness(mode, np.float32([2])))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("anchor", ["center", "start", "end"])
@pytest.mark.parametrize("mode", MODES)
def test_anchor(draw, resize, agree, mode, anchor, seed):
    """`center` puts d // 2 first and the rest last; `start` pads behind, `end` in front."""
    x = draw.array("NHWC", draw.sizes(2, high=20))
    grow = [draw.size(low=0, high=15) for _ in "HW"]
    widths = [{"center": (d // 2, d - d // 2), "start": (0, d), "end": (d, 0)}[anchor] for d in grow]
    expected = numpy_pad(x, widths, mode)
    ours = resize(x, expected.shape[2:], "NHWC", method="pad", pad_mode=mode, anchor=anchor)
    agree(ours, expected, **exactness(mode, x), note=(x.shape, widths))


# where a centred crop of `small` out of `large` starts, by --odd
STARTS = {
    "floor": lambda large, small: (large - small) // 2,
    "ceil": lambda large, small: -((small - large) // 2),
    "round": lambda large, small: round((large - small) / 2),
    "monai": lambda large, small: large // 2 - small // 2,
}


@pytest.mark.parametrize("odd", STARTS)
def test_odd_crop(resize, agree, odd):
    for large in range(1, 20):
        x = np.arange(large, dtype=np.float32).reshape(1, 1, -1)
        for small in range(1, large + 1):
            start = STARTS[odd](large, small)
            expected = x[..., start : start + small]
            agree(resize(x, (small,), "W", method="crop", odd=odd), expected, within=0, note=(large, small))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("anchor", ["center", "start", "end"])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_crop(draw, resize, agree, rank, anchor, seed):
    layout = draw.layout(rank)
    x = draw.array(layout, draw.sizes(rank), draw.choice(*DTYPES))
    size = tuple(draw.size(high=s) for s in x.shape[2:])
    cut = [a - b for a, b in zip(x.shape[2:], size, strict=True)]
    first = [{"center": d // 2, "start": 0, "end": d}[anchor] for d in cut]
    window = tuple(slice(start, start + length) for start, length in zip(first, size, strict=True))
    ours = resize(x, size, layout, method="crop", anchor=anchor)
    agree(ours, x[(..., *window)], within=0, note=(x.shape, size, layout))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_stride(draw, resize, agree, rank, seed):
    layout = draw.layout(rank)
    x = draw.array(layout, draw.sizes(rank), draw.choice(*DTYPES))
    steps = tuple(draw.size(high=5) for _ in range(rank))
    size = x[(..., *(slice(None, None, step) for step in steps))].shape[2:]
    # several steps can give one size (7 -> 2 by 4, 5 or 6); the smallest is the one meant
    steps = tuple(_smallest_step(size, out) for size, out in zip(x.shape[2:], size, strict=True))
    expected = x[(..., *(slice(None, None, step) for step in steps))]
    agree(
        resize(x, size, layout, method="stride"),
        expected,
        within=0,
        note=(x.shape, steps, layout),
    )


def _smallest_step(in_size: int, out_size: int) -> int:
    return next(step for step in range(1, in_size + 1) if -(-in_size // step) == out_size)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_crop_or_pad(draw, resize, agree, rank, seed):
    """Each axis as it needs: centred slice or centred zeros."""
    layout = draw.layout(rank)
    x = draw.array(layout, draw.sizes(rank), draw.choice(*DTYPES))
    size = draw.sizes(rank)
    expected = x
    for axis, (have, want) in enumerate(zip(x.shape[2:], size, strict=True), start=2):
        cut, grow = max(have - want, 0), max(want - have, 0)
        expected = np.take(expected, range(cut // 2, cut // 2 + min(have, want)), axis)
        pairs = [(0, 0)] * x.ndim
        pairs[axis] = (grow // 2, grow - grow // 2)
        expected = np.pad(expected, pairs)
    agree(resize(x, size, layout, method="crop-or-pad"), expected, within=0, note=(x.shape, size, layout))
