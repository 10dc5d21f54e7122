"""torch's transposed and 1x1 convolutions, its normalising and pooling."""

import warnings
from typing import Any

import featfuse
import numpy as np
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    torch = pytest.importorskip("torch")

from torch import nn
from torch.nn import functional as F

SPACE = {1: "W", 2: "HW", 3: "DHW"}
TYPES = {
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float32": torch.float32,
    "float64": torch.float64,
}
HALF_STEP = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2e-6, "float64": 1e-13}
"""How far apart two correct results may be, relative to their size: a unit in the last place when rounded."""


def transposed(rank: int) -> Any:
    """torch.nn.functional.conv_transpose1d, 2d or 3d."""
    return getattr(F, f"conv_transpose{rank}d")


def geometry(draw: Any, rank: int, space: tuple[int, ...]) -> tuple[tuple[int, ...], dict[str, Any]]:
    """Taps, and options per axis that torch allows and that leave a map of at least one sample."""
    taps, options = [], {"stride": [], "padding": [], "output_padding": [], "dilation": []}
    for size in space:
        k, s, d = (int(draw.rng.integers(1, high)) for high in (6, 5, 4))
        natural = (size - 1) * s + d * (k - 1) + 1
        values = (
            s,
            int(draw.rng.integers(0, (natural - 1) // 2 + 1)),
            int(draw.rng.integers(0, max(s, d))),
            d,
        )
        taps.append(k)
        for name, value in zip(options, values, strict=True):
            options[name].append(value)
    return tuple(taps), {name: tuple(values) for name, values in options.items()}


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_conv_transpose(draw, rank, seed):
    space = draw.sizes(rank, high=(12, 9, 5)[rank - 1])
    taps, options = geometry(draw, rank, space)
    groups = draw.choice(1, 1, 2, 3)
    ins, outs = groups * draw.size(high=4), draw.size(high=4)
    dtype = draw.choice(*TYPES)
    x = torch.from_numpy(draw.rng.standard_normal((draw.size(high=3), ins, *space))).to(TYPES[dtype])
    kernel = torch.from_numpy(draw.rng.standard_normal((ins, outs, *taps))).to(TYPES[dtype])
    bias = torch.from_numpy(draw.rng.standard_normal(outs * groups)).to(TYPES[dtype])
    bias = draw.choice(bias, None)
    exact = torch.float64 if dtype == "float64" else torch.float32
    theirs = transposed(rank)(
        x.to(exact), kernel.to(exact), None if bias is None else bias.to(exact), groups=groups, **options
    )
    last = bool(draw.rng.integers(2))
    layout = f"N{SPACE[rank]}C" if last else f"NC{SPACE[rank]}"
    wide = x.to(exact).numpy()
    given = featfuse.fuse(np.moveaxis(wide, 1, -1) if last else wide, layout=layout, dtype=dtype)
    learned = {"kernel": kernel.to(exact).numpy()}
    learned |= {} if bias is None else {"bias": bias.to(exact).numpy()}
    ours = featfuse.fuse(
        given,
        method="transposed-conv",
        kernel_layout="IO" + SPACE[rank],
        groups=groups,
        layout=layout,
        **learned,
        **options,
    )
    assert ours.dtype.name == dtype
    ours = np.moveaxis(ours, -1, 1) if last else ours
    note = (tuple(x.shape), tuple(kernel.shape), groups, options, dtype, layout)
    assert ours.shape == tuple(theirs.shape), note
    size = float(theirs.abs().max()) + float(kernel.abs().sum(dim=0).max())
    difference = np.abs(ours.astype(np.float64) - theirs.double().numpy()).max()
    assert difference <= HALF_STEP[dtype] * max(size, 1.0), note


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_conv_transpose_layer_to_a_skips_grid(draw, rank, agree):
    """k=3, s=2, p=1 brings 4 samples to 7, and to 8 by output padding: torch's `output_size`."""
    with torch.no_grad():
        layer = getattr(nn, f"ConvTranspose{rank}d")(5, 3, 3, stride=2, padding=1)
        x = torch.from_numpy(draw.rng.standard_normal((2, 5, *([4] * rank))).astype(np.float32))
        for extra in (0, 1):
            skip = draw.rng.standard_normal((2, 3, *([7 + extra] * rank))).astype(np.float32)
            theirs = layer(x, output_size=[7 + extra] * rank).numpy() + skip
            ours = featfuse.fuse(
                skip,
                x.numpy(),
                method="transposed-conv",
                kernel=layer.weight.numpy(),
                bias=layer.bias.numpy(),
                kernel_layout="IO" + SPACE[rank],
                stride=2,
                padding=1,
                output_padding=extra,
                layout="NC" + SPACE[rank],
            )
            agree(ours, theirs, within=1e-5)


@pytest.mark.parametrize("factor", range(1, 6))
def test_fcn_upsampling(draw, agree, factor):
    """Caffe's bilinear filler, as FCN's upsample_filt: one kernel per channel."""
    size = 2 * factor - factor % 2
    x = draw.rng.standard_normal((2, 3, 5, 4)).astype(np.float32)
    spot = torch.arange(size).float()
    half = (size + 1) // 2
    line = 1 - (spot - (half - 1 if size % 2 else half - 0.5)).abs() / half
    kernel = (line[:, None] * line).expand(3, 1, size, size)
    theirs = F.conv_transpose2d(
        torch.from_numpy(x), kernel, stride=factor, padding=(size - factor) // 2, groups=3
    )
    ours = featfuse.fuse(x, method="transposed-conv", to=(5 * factor, 4 * factor), layout="NCHW")
    agree(ours, theirs.numpy(), within=1e-6, scale=np.abs(x).max())


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("biased", [False, True])
def test_conv1x1(draw, agree, rank, last, biased):
    """The third classic case: 32 and 16 channels side by side, mixed to 32 by a torch convolution."""
    with torch.no_grad():
        layer = getattr(nn, f"Conv{rank}d")(48, 32, 1, bias=biased)
        space = (9, 8, 7)[:rank]
        a, b = (draw.rng.standard_normal((1, c, *space)).astype(np.float32) for c in (32, 16))
        theirs = layer(torch.from_numpy(np.concatenate([a, b], 1))).numpy()
        layout = f"N{SPACE[rank]}C" if last else f"NC{SPACE[rank]}"
        given = [np.moveaxis(x, 1, -1) for x in (a, b)] if last else [a, b]
        bias = {"bias": layer.bias.numpy()} if biased else {}
        call = {"layout": layout, "combine": "concat", "reduce": "conv1x1", **bias}
        ours = featfuse.fuse(*given, kernel=layer.weight.numpy(), **call)
    agree(np.moveaxis(ours, -1, 1) if last else ours, theirs, within=1e-6, scale=np.abs(theirs).max())


def test_linear_layer(draw, agree):
    with torch.no_grad():
        layer = nn.Linear(6, 4)
        x = draw.rng.standard_normal((2, 5, 7, 6)).astype(np.float32)
        ours = featfuse.fuse(
            x, reduce="conv1x1", kernel=layer.weight.numpy(), bias=layer.bias.numpy(), layout="NHWC"
        )
        agree(ours, layer(torch.from_numpy(x)).numpy(), within=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_normalize(draw, dtype):
    x = draw.rng.standard_normal((2, 6, 5, 7))
    x[:, :, 0] = 0
    given = featfuse.fuse(x, dtype=dtype)
    wide = given.astype(np.float64)
    theirs = F.normalize(torch.from_numpy(wide), dim=1).numpy()
    ours = featfuse.fuse(given, normalize="l2", layout="NCHW")
    assert not ours[:, :, 0].any()
    np.testing.assert_allclose(ours.astype(np.float64), theirs, rtol=0, atol=HALF_STEP[dtype] / 2 + 1e-7)


def test_adaptive_average_to_one_is_gap(draw, agree):
    x = draw.rng.standard_normal((2, 6, 5, 7)).astype(np.float32)
    theirs = F.adaptive_avg_pool2d(torch.from_numpy(x), 1).numpy()
    agree(featfuse.fuse(x, reduce="gap", layout="NCHW"), theirs, within=1e-6)
    flat = featfuse.fuse(x, reduce="gap", keepdims=False, layout="NCHW")
    agree(flat, theirs[:, :, 0, 0], within=1e-6)
