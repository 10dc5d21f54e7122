"""The fusions of well-known networks, each in a few lines of torch from its published definition.

Every recipe runs on odd and even sizes. What is done by the shell in `test_recipes_shell.py` is the same.
"""

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

PYRAMIDS = {
    "even": [(32, 48), (16, 24), (8, 12), (4, 6)],
    "odd": [(33, 47), (17, 24), (9, 12), (5, 6)],
    "odder": [(53, 40), (27, 20), (14, 10), (7, 5)],
}
"""Sizes of four stages, halved and rounded up as strided convolutions do."""

each_pyramid = pytest.mark.parametrize("sizes", PYRAMIDS.values(), ids=PYRAMIDS)


def pyramid(draw: Any, sizes: list[tuple[int, int]], channels: Any) -> list[Any]:
    """One random map per stage."""
    counts = [channels] * len(sizes) if isinstance(channels, int) else channels
    return [
        torch.from_numpy(draw.rng.standard_normal((1, count, *size)).astype(np.float32))
        for count, size in zip(counts, sizes, strict=True)
    ]


def arrays(maps: list[Any]) -> list[np.ndarray]:
    return [x.numpy() for x in maps]


def bilinear(x: Any, like: Any) -> Any:
    """As mmsegmentation's `resize(..., mode="bilinear", align_corners=False)`."""
    return F.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=False)


@pytest.fixture(autouse=True)
def no_gradients():
    torch.manual_seed(0)
    with torch.no_grad():
        yield


@each_pyramid
def test_fpn(draw, agree, tmp_path, sizes):
    """Lin et al., "Feature Pyramid Networks" (2017); torchvision.ops.FeaturePyramidNetwork: lateral 1x1
    convolutions, then each level plus the nearest-enlarged level above it."""
    channels = (4, 8, 12, 16)
    maps = pyramid(draw, sizes, channels)
    laterals = [nn.Conv2d(count, 6, 1) for count in channels]
    inner = [layer(x) for layer, x in zip(laterals, maps, strict=True)]
    for index in (2, 1, 0):
        inner[index] = inner[index] + F.interpolate(inner[index + 1], size=inner[index].shape[2:])
    projections = []
    for index, layer in enumerate(laterals, start=1):
        np.save(tmp_path / f"w{index}.npy", layer.weight.numpy())
        np.save(tmp_path / f"b{index}.npy", layer.bias.numpy())
        np.save(tmp_path / f"c{index}.npy", maps[index - 1].numpy())
        projections.append(f"{index}={tmp_path}/w{index}.npy,{tmp_path}/b{index}.npy")
    featfuse.fuse(
        *(str(tmp_path / f"c{index}.npy") for index in range(1, 5)),
        method="nearest",
        fold="coarse-to-fine",
        project=projections,
        layout="NCHW",
        out=tmp_path / "fpn.npz",
    )
    with np.load(tmp_path / "fpn.npz") as levels:
        for index in range(4):
            agree(levels[f"c{index + 1}"], inner[index].numpy(), within=1e-5, scale=10.0, note=index)


@pytest.mark.parametrize(("skip", "up"), [((28, 28), (24, 24)), ((29, 31), (24, 25)), ((9, 8), (8, 8))])
@pytest.mark.parametrize("last", [False, True])
def test_unet_crop_and_concat(draw, agree, skip, up, last):
    """Ronneberger et al., "U-Net" (2015): the skip is cropped at its centre to the grid that came up."""
    s, u = (draw.rng.standard_normal((1, c, *size)).astype(np.float32) for c, size in ((3, skip), (5, up)))
    top, left = ((big - small) // 2 for big, small in zip(skip, up, strict=True))
    cropped = torch.from_numpy(s)[:, :, top : top + up[0], left : left + up[1]]
    theirs = {
        "skip first": torch.cat([cropped, torch.from_numpy(u)], 1).numpy(),
        "up first": torch.cat([torch.from_numpy(u), cropped], 1).numpy(),
    }
    call = {"method": "crop", "combine": "concat", "layout": "NHWC" if last else "NCHW"}
    for name, pair in {"skip first": (s, u), "up first": (u, s)}.items():
        given = [np.moveaxis(x, 1, -1) for x in pair] if last else pair
        ours = featfuse.fuse(*given, **call)
        agree(np.moveaxis(ours, -1, 1) if last else ours, theirs[name], within=0, note=name)


@pytest.mark.parametrize(
    ("skip", "up"), [((28, 28), (24, 24)), ((29, 31), (28, 30)), ((9, 8), (8, 8)), ((7, 9), (4, 5))]
)
@pytest.mark.parametrize("last", [False, True])
def test_unet_pad_and_concat(draw, agree, skip, up, last):
    """The usual PyTorch U-Net: F.pad(x1, [dx // 2, dx - dx // 2, dy // 2, dy - dy // 2]), cat([x2, x1])."""
    s, u = (draw.rng.standard_normal((1, c, *size)).astype(np.float32) for c, size in ((3, skip), (5, up)))
    x1, x2 = torch.from_numpy(u), torch.from_numpy(s)
    dy, dx = x2.size(2) - x1.size(2), x2.size(3) - x1.size(3)
    x1 = F.pad(x1, [dx // 2, dx - dx // 2, dy // 2, dy - dy // 2])
    theirs = {"skip first": torch.cat([x2, x1], 1).numpy(), "up first": torch.cat([x1, x2], 1).numpy()}
    call = {"method": "pad", "combine": "concat", "layout": "NHWC" if last else "NCHW"}
    for name, pair in {"skip first": (s, u), "up first": (u, s)}.items():
        given = [np.moveaxis(x, 1, -1) for x in pair] if last else pair
        ours = featfuse.fuse(*given, **call)
        agree(np.moveaxis(ours, -1, 1) if last else ours, theirs[name], within=0, note=name)


@each_pyramid
def test_hrnet(draw, agree, sizes):
    """Wang et al., "Deep High-Resolution Representation Learning" (2019), HRNetV2: all to the finest,
    side by side, a 1x1 convolution."""
    channels = (4, 8, 16, 32)
    maps = pyramid(draw, sizes, channels)
    layer = nn.Conv2d(sum(channels), 10, 1)
    theirs = layer(torch.cat([maps[0], *(bilinear(x, maps[0]) for x in maps[1:])], 1)).numpy()
    ours = featfuse.fuse(
        *arrays(maps),
        method="bilinear",
        to="first",
        combine="concat",
        reduce="conv1x1",
        kernel=layer.weight.numpy(),
        bias=layer.bias.numpy(),
        layout="NCHW",
    )
    agree(ours, theirs, within=1e-5)


@each_pyramid
def test_segformer(draw, agree, tmp_path, sizes):
    """Xie et al., "SegFormer" (2021): a linear layer per stage, all to the first stage, c4 first, fused
    by a 1x1 convolution without bias."""
    channels = (4, 8, 12, 16)
    maps = pyramid(draw, sizes, channels)
    linear = [nn.Linear(count, 6) for count in channels]
    fuse = nn.Conv2d(4 * 6, 6, 1, bias=False)
    stages = [
        layer(x.flatten(2).transpose(1, 2)).transpose(1, 2).reshape(1, -1, *x.shape[2:])
        for layer, x in zip(linear, maps, strict=True)
    ]
    joined = torch.cat([bilinear(stages[index], stages[0]) for index in (3, 2, 1)] + [stages[0]], 1)
    theirs = fuse(joined).numpy()
    projections = []
    for number, layer in enumerate(reversed(linear), start=1):
        np.save(tmp_path / f"w{number}.npy", layer.weight.numpy())
        np.save(tmp_path / f"b{number}.npy", layer.bias.numpy())
        projections.append(f"{number}={tmp_path}/w{number}.npy,{tmp_path}/b{number}.npy")
    ours = featfuse.fuse(
        *reversed(arrays(maps)),
        method="bilinear",
        combine="concat",
        project=projections,
        reduce="conv1x1",
        kernel=fuse.weight.numpy(),
        layout="NCHW",
    )
    agree(ours, theirs, within=1e-5)


@pytest.mark.parametrize("size", [(16, 24), (17, 23)])
def test_bifpn_node(draw, agree, size):
    """Tan et al., "EfficientDet" (2020), 3.3, fast normalised fusion: the output node of a middle level, of
    its input, its top-down node and the max-pooled level below (3x3, stride 2, padding 1)."""
    p_in, p_td = pyramid(draw, [size, size], 6)
    below = pyramid(draw, [(2 * size[0] - size[0] % 2, 2 * size[1] - size[1] % 2)], 6)[0]
    w = torch.tensor([0.7, -0.3, 1.9])
    down = F.max_pool2d(below, 3, stride=2, padding=1)
    assert down.shape == p_in.shape
    w1, w2, w3 = torch.relu(w)
    theirs = (w1 * p_in + w2 * p_td + w3 * down) / (w1 + w2 + w3 + 1e-4)
    pooled = featfuse.resize(
        below.numpy(), None, method="max-pool", pool_size=3, pool_stride=2, pool_padding=1, layout="NCHW"
    )
    ours = featfuse.fuse(
        p_in.numpy(), p_td.numpy(), pooled, combine="fast-normalized", weights=w.numpy(), layout="NCHW"
    )
    agree(ours, theirs.numpy(), within=1e-6, scale=5.0)


@each_pyramid
def test_bifpn_top_down_node(draw, agree, sizes):
    """The intermediate node: this level's input and the level above, enlarged by nearest."""
    fine, coarse = pyramid(draw, sizes[:2], 6)
    w1, w2 = 0.4, 1.3
    up = F.interpolate(coarse, size=fine.shape[2:], mode="nearest")
    theirs = (w1 * fine + w2 * up) / (w1 + w2 + 1e-4)
    ours = featfuse.fuse(
        fine.numpy(),
        coarse.numpy(),
        method="nearest",
        combine="fast-normalized",
        weights=[w1, w2],
        layout="NCHW",
    )
    agree(ours, theirs.numpy(), within=1e-6, scale=5.0)


@each_pyramid
@pytest.mark.parametrize("last", [False, True])
def test_asff(draw, agree, sizes, last):
    """Liu et al., "Learning Spatial Fusion for Single-Shot Object Detection" (2019): levels brought to one
    grid by nearest, weighted per position by a softmax over the levels."""
    levels = pyramid(draw, sizes[:3], 6)
    logits = torch.from_numpy(draw.rng.standard_normal((1, 3, *sizes[0])).astype(np.float32))
    w = torch.softmax(logits, dim=1)
    up = [levels[0], *(F.interpolate(x, size=sizes[0], mode="nearest") for x in levels[1:])]
    theirs = up[0] * w[:, 0:1] + up[1] * w[:, 1:2] + up[2] * w[:, 2:]
    given, maps = arrays(levels), logits.numpy()
    if last:
        given, maps = [np.moveaxis(x, 1, -1) for x in given], np.moveaxis(maps, 1, -1)
    ours = featfuse.fuse(
        *given, method="nearest", combine="softmax", weights=maps, layout="NHWC" if last else "NCHW"
    )
    agree(np.moveaxis(ours, -1, 1) if last else ours, theirs.numpy(), within=1e-6, scale=5.0)


@each_pyramid
def test_hypercolumns(draw, agree, sizes):
    """Hariharan et al., "Hypercolumns" (2015): every layer on the image's grid, side by side."""
    maps = pyramid(draw, sizes, (3, 5, 7, 9))
    image = (2 * sizes[0][0] - 1, 2 * sizes[0][1])
    theirs = torch.cat([F.interpolate(x, size=image, mode="bilinear", align_corners=False) for x in maps], 1)
    ours = featfuse.fuse(*arrays(maps), method="bilinear", to=image, combine="concat", layout="NCHW")
    agree(ours, theirs.numpy(), within=1e-5, scale=5.0)  # torch's source coordinates are float32


@each_pyramid
def test_patchcore(draw, agree, sizes):
    """Roth et al., "PatchCore" (2022), as anomalib does it: AvgPool2d(3, 1, 1) on each layer, the second
    enlarged bilinearly to the first, side by side."""
    maps = pyramid(draw, sizes[:2], (4, 8))
    pool = nn.AvgPool2d(3, 1, 1)
    first, second = (pool(x) for x in maps)
    theirs = torch.cat([first, F.interpolate(second, size=first.shape[-2:], mode="bilinear")], 1)
    window = {"pool_size": 3, "pool_stride": 1, "pool_padding": 1, "count_include_pad": True}
    pooled = [featfuse.resize(x, None, method="avg-pool", layout="NCHW", **window) for x in arrays(maps)]
    ours = featfuse.fuse(*pooled, method="bilinear", to="first", combine="concat", layout="NCHW")
    agree(ours, theirs.numpy(), within=1e-5)


@pytest.mark.parametrize(("sd", "side"), [((16, 16), 15), ((32, 32), 60), ((15, 17), 16)])
def test_sd_dino(draw, agree, sd, side):
    """Zhang et al., "A Tale of Two Features" (2023): both on one grid, each l2-normalised over channels,
    side by side. DINO's features come as tokens behind a class token."""
    diffusion = torch.from_numpy(draw.rng.standard_normal((1, 10, *sd)).astype(np.float32))
    tokens = torch.from_numpy(draw.rng.standard_normal((1, 1 + side * side, 12)).astype(np.float32))
    dino = tokens[:, 1:].transpose(1, 2).reshape(1, 12, side, side)
    target = (24, 24)
    resized = [F.interpolate(x, size=target, mode="bilinear", align_corners=False) for x in (diffusion, dino)]
    theirs = torch.cat([F.normalize(x, dim=1) for x in resized], 1)
    ours = featfuse.fuse(
        diffusion.numpy(),
        tokens.numpy(),
        method="bilinear",
        to=target,
        normalize="l2",
        combine="concat",
        grid=(side, side),
        skip_tokens=1,
        layout="NCHW,NLC",
    )
    # an enlarged vector may be short, and its direction is then as uncertain as torch's own sums
    agree(ours, theirs.numpy(), within=1e-5)


@pytest.mark.parametrize("size", [(16, 16), (15, 17)])
def test_resnet_option_a(draw, agree, size):
    """He et al., "Deep Residual Learning" (2016), 3.3 (A): every second sample, extra channels of zero."""
    x = torch.from_numpy(draw.rng.standard_normal((2, 4, *size)).astype(np.float32))
    branch = nn.Conv2d(4, 8, 3, stride=2, padding=1)(x)
    shortcut = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, 4))
    ours = featfuse.fuse(branch.numpy(), x.numpy(), method="stride", channels="zero-pad", layout="NCHW")
    agree(ours, (branch + shortcut).numpy(), within=1e-6)


@pytest.mark.parametrize("size", [(16, 16), (15, 17)])
def test_soft_mask_blending(draw, agree, size):
    """Two models' outputs, (1 - m) a + m b, the second model at half the resolution."""
    a = torch.from_numpy(draw.rng.standard_normal((1, 5, *size)).astype(np.float32))
    half = ((size[0] + 1) // 2, (size[1] + 1) // 2)
    b = torch.from_numpy(draw.rng.standard_normal((1, 5, *half)).astype(np.float32))
    mask = torch.from_numpy(draw.rng.random(size).astype(np.float32))
    theirs = torch.lerp(a, bilinear(b, a), mask)
    ours = featfuse.fuse(
        a.numpy(), b.numpy(), method="bilinear", mask=mask.numpy(), mask_mode="blend", layout="NCHW"
    )
    agree(ours, theirs.numpy(), within=1e-5)


@pytest.mark.parametrize("weights", [None, [0.5, 0.3, 0.2], [2.0, 1.0, 1.0]])
@pytest.mark.parametrize("size", [(16, 16), (15, 17)])
def test_ensemble_average(draw, agree, size, weights):
    """The mean of three models' logits, one of them at half the resolution."""
    half = ((size[0] + 1) // 2, (size[1] + 1) // 2)
    maps = pyramid(draw, [size, size, half], 5)
    up = torch.stack([maps[0], maps[1], bilinear(maps[2], maps[0])])
    w = torch.tensor(weights or [1.0, 1.0, 1.0])
    theirs = torch.einsum("k,knchw->nchw", w / w.sum(), up)
    given = {"weights": weights} if weights else {}
    ours = featfuse.fuse(*arrays(maps), method="bilinear", combine="mean", layout="NCHW", **given)
    agree(ours, theirs.numpy(), within=1e-5)
