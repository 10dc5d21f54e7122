"""torch.nn.functional.pad, in the widths torch allows (reflect < size, circular <= size)."""

import warnings

import numpy as np
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    torch = pytest.importorskip("torch")

from torch.nn import functional as F

# F.pad's mode, ours, and by how much more or less than the axis's size the widest pad of a side may be
MODES = [
    ("constant", "constant", 20),
    ("replicate", "edge", 20),
    ("replicate", "replicate", 20),
    ("reflect", "reflect", -1),
    ("circular", "wrap", 0),
    ("circular", "circular", 0),
]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(("theirs", "mode", "widest"), MODES)
def test_pad(draw, resize, agree, offset_of, theirs, mode, widest, rank, seed):
    layout, dtype = draw.layout(rank), draw.choice(np.float32, np.float64, np.float16)
    x = draw.array(layout, draw.sizes(rank), dtype)
    widths = [tuple(int(draw.rng.integers(0, size + widest + 1)) for _ in "ab") for size in x.shape[2:]]
    value = {"pad_value": -1.5} if mode == "constant" and draw.rng.random() < 0.5 else {}
    flat = [width for pair in reversed(widths) for width in pair]
    expected = F.pad(torch.from_numpy(x), flat, mode=theirs, value=value.get("pad_value")).numpy()
    ours = resize(
        x, expected.shape[2:], layout, method="pad", pad_mode=mode, offset=offset_of(widths), **value
    )
    agree(ours, expected, within=0, note=(x.shape, widths, layout))


@pytest.mark.parametrize("seed", range(10))
def test_negative_pad_is_crop(draw, resize, agree, offset_of, seed):
    layout = draw.layout(2)
    x = draw.array(layout, draw.sizes(2, low=12))
    first, last = (tuple(int(draw.rng.integers(0, 6)) for _ in "HW") for _ in "ab")
    theirs = F.pad(torch.from_numpy(x), [-first[1], -last[1], -first[0], -last[0]]).numpy()
    offset = offset_of(list(zip(first, last, strict=True)))
    if offset and draw.rng.random() < 0.5:
        offset = ",".join(f"{letter}:{start}" for letter, start in offset.items())
    agree(resize(x, theirs.shape[2:], layout, method="crop", offset=offset), theirs, within=0)
