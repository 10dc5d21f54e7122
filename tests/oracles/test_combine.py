"""Combining and channel modes against plain NumPy: no framework needed."""

from functools import reduce
from typing import Any

import featfuse
import numpy as np
import pytest

ELEMENTWISE = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "max": np.maximum,
    "min": np.minimum,
}
# (N, C, H, W) with C channels brought to `count`, as plain NumPy does it
CHANNELS = {
    "tile": lambda x, count: np.concatenate([x] * -(-count // x.shape[1]), axis=1)[:, :count],
    "repeat": lambda x, count: np.repeat(x, count // x.shape[1], axis=1),
    "zero-pad": lambda x, count: np.pad(x, ((0, 0), (0, count - x.shape[1]), (0, 0), (0, 0))),
    "truncate": lambda x, count: x[:, :count],
    "mean": lambda x, count: x.reshape(x.shape[0], count, -1, *x.shape[2:]).mean(axis=2, dtype=np.float64),
}
SHRINKING = ("truncate", "mean")


def maps(draw: Any, count: int, shape: tuple[int, ...] | None = None) -> list[np.ndarray]:
    """`count` maps of one shape."""
    shape = shape or (*draw.sizes(2, high=4), *draw.sizes(2, high=20))
    return [draw.rng.standard_normal(shape).astype(np.float32) for _ in range(count)]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("combine", ELEMENTWISE)
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_elementwise(draw, agree, count, combine, seed):
    inputs = maps(draw, count)
    if combine == "sub":
        inputs = (inputs * 2)[:2]  # sub is the first minus the second, of exactly two
    theirs = reduce(ELEMENTWISE[combine], inputs)
    agree(featfuse.fuse(*inputs, combine=combine), theirs, within=1e-6, scale=10)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_weights(draw, agree, count, seed):
    inputs = maps(draw, count)
    weights = tuple(round(float(w), 3) for w in draw.rng.uniform(-1, 2, count))
    spelt = draw.choice(weights, ",".join(str(w) for w in weights))
    total = sum(w * x.astype(np.float64) for w, x in zip(weights, inputs, strict=True))
    agree(featfuse.fuse(*inputs, weights=spelt), total, scale=np.abs(total).max())
    agree(featfuse.fuse(*inputs, combine="mean"), np.mean(inputs, axis=0), scale=5)
    positive = tuple(abs(w) + 0.1 for w in weights)
    theirs = np.average(inputs, axis=0, weights=positive)
    agree(featfuse.fuse(*inputs, combine="mean", weights=positive), theirs, scale=5)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC", "CHW", "HWC", "NCDHW", "NDHWC", "NCW", "NWC"])
def test_concat_joins_channels_and_stack_a_new_leading_axis(draw, agree, layout):
    shape = tuple(draw.size(high=9) for _ in layout)
    inputs = [draw.rng.standard_normal(shape).astype(np.float32) for _ in range(3)]
    axis = layout.index("C")
    wider = np.repeat(inputs[1], 2, axis=axis)
    theirs = np.concatenate([inputs[0], wider, inputs[2]], axis=axis)
    ours = featfuse.fuse(inputs[0], wider, inputs[2], combine="concat", layout=layout)
    agree(ours, theirs, within=0)
    agree(featfuse.fuse(*inputs, combine="stack", layout=layout), np.stack(inputs), within=0)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("mode", CHANNELS)
def test_channels(draw, agree, mode, layout, seed):
    """The other map's channels are brought to the larger count, or by truncate and mean to the smaller."""
    few, factor = draw.size(low=2, high=6), draw.size(low=2, high=4)
    # tile, repeat and mean take whole multiples, as tf.tile does; the other two any count
    many = few * factor if mode in ("tile", "repeat", "mean") else few + draw.size(high=9)
    n, h, w = draw.size(high=3), *draw.sizes(2, high=12)
    pair = [draw.rng.standard_normal((n, c, h, w)).astype(np.float32) for c in (few, many)]
    if draw.rng.random() < 0.5:
        pair.reverse()
    count = few if mode in SHRINKING else many
    theirs = sum(x if x.shape[1] == count else CHANNELS[mode](x, count) for x in pair)
    given = pair if layout == "NCHW" else [np.moveaxis(x, 1, -1) for x in pair]
    ours = featfuse.fuse(*given, channels=mode, layout=layout)
    agree(ours if layout == "NCHW" else np.moveaxis(ours, -1, 1), theirs, scale=8, note=(few, many))


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_size_one_broadcasts(draw, agree, layout):
    shape = (3, 5, 6, 7)
    a = draw.rng.standard_normal(shape).astype(np.float32)
    for axis in range(4):
        b = draw.rng.standard_normal([1 if k == axis else s for k, s in enumerate(shape)]).astype(np.float32)
        agree(featfuse.fuse(a, b, layout=layout), a + b, within=0, note=axis)
        agree(featfuse.fuse(b, a, layout=layout), a + b, within=0, note=axis)


def test_a_batch_axis_on_one_side_only(draw, agree):
    a, b = (draw.rng.standard_normal(shape).astype(np.float32) for shape in ((4, 3, 8, 9), (3, 8, 9)))
    agree(featfuse.fuse(a, b, layout="NCHW,CHW"), a + b, within=0)
    agree(featfuse.fuse(b, a, layout="CHW,NCHW", combine="mul").reshape(a.shape), a * b, within=0)


def test_mixed_layouts_are_aligned_by_letter(draw, agree):
    a, b = (draw.rng.standard_normal((2, 3, 8, 9)).astype(np.float32) for _ in "ab")
    agree(featfuse.fuse(a, np.moveaxis(b, 1, -1), layout="NCHW,NHWC"), a + b, within=0)


@pytest.mark.parametrize("channels", [(32, 16), (3, 2), (6, 4)])
def test_channels_that_differ_are_refused(channels):
    a, b = (np.zeros((1, 8, 8, count), np.float32) for count in channels)
    with pytest.raises(featfuse.ShapeError):
        featfuse.fuse(a, b, layout="NHWC")


@pytest.mark.parametrize("to", ["auto", "largest", "smallest", "first", "last", "7x9", (7, 9)])
def test_targets(draw, agree, to):
    """Cropping and padding make the grid visible: corner anchored, so plain slices are the oracle."""
    sizes = [(10, 6), (4, 12), (8, 8)]
    inputs = [draw.rng.standard_normal((1, 2, *size)).astype(np.float32) for size in sizes]
    height, width = {
        "auto": sizes[0],
        "largest": (10, 12),
        "smallest": (4, 6),
        "first": sizes[0],
        "last": sizes[-1],
    }.get(to, (7, 9))
    theirs = np.zeros((1, 2, height, width), np.float32)
    for x in inputs:
        kept = x[:, :, :height, :width]
        theirs[:, :, : kept.shape[2], : kept.shape[3]] += kept
    ours = featfuse.fuse(*inputs, method="crop-or-pad", anchor="start", to=to, layout="NCHW")
    agree(ours, theirs, within=1e-6, scale=10)


@pytest.mark.parametrize(
    "pair", [("float16", "float16"), ("float32", "float64"), ("uint8", "float32"), ("int32", "int16")]
)
def test_dtypes_of_a_sum(draw, agree, pair):
    a, b = ((draw.rng.integers(0, 50, (3, 4, 5))).astype(kind) for kind in pair)
    ours = featfuse.fuse(a, b)
    assert ours.dtype == np.result_type(a, b)
    agree(ours, a + b, within=0)


def test_integers_that_do_not_fit():
    a, b = np.full((2, 3), 200, np.uint8), np.full((2, 3), 100, np.uint8)
    with pytest.raises(featfuse.FeatfuseError, match="6"):
        featfuse.fuse(a, b)
    assert (featfuse.fuse(a, b, on_overflow="saturate") == 255).all()
    assert (featfuse.fuse(b, a, combine="sub", on_overflow="saturate") == 0).all()
