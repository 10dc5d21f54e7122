"""Two maps made one: every resizing, pooling, padding and joining operation, in three dtypes."""

from collections.abc import Iterator
from dataclasses import dataclass

from goals import AtMost, Faster, Goal
from measure import Command
from peers import Peers, copy_flushed, copy_inputs
from workload import NO_SYNC, Sizes, Workload, array, fuse

__all__ = ["conv1x1", "fusions", "halves", "headline"]

_CHANNELS = 256


@dataclass(frozen=True, slots=True)
class Operation:
    """One row: the sides of both maps, featfuse's options, torch's expression on NCHW maps a and b."""

    name: str
    title: str
    large: int
    small: int
    options: tuple[str, ...]
    torch: str
    goals: tuple[Goal, ...]
    channels: int = _CHANNELS
    no_half: bool = False  # torch has no half-precision kernel: its users go through float32


_UP = "a + F.interpolate(b, a.shape[2:], mode={!r}, align_corners=False)"
_TWICE_TORCH = (Faster(2, "torch", imported=True),)
_FLUSHED = "cp, flushed, of the large input"
_ALL_FLUSHED = "cp, flushed, of all inputs"
_NEAR_COPY = (
    AtMost(1.5, "cp of all inputs"),
    AtMost(1.5, "cp of all inputs", NO_SYNC),
    AtMost(1.5, _ALL_FLUSHED),
)
_BILINEAR = ("-m", "bilinear")


def _near_large(limit: float) -> tuple[Goal, ...]:
    """Close to `cp`, which does not wait for the disk; and like with like: neither waits, or both do."""
    return (
        AtMost(limit, "cp of the large input"),
        AtMost(limit, "cp of the large input", NO_SYNC),
        AtMost(limit, _FLUSHED),
    )


OPERATIONS = (
    Operation(
        *("bilinear-1.5x", "bilinear 1.5× + add", 126, 84, _BILINEAR, _UP.format("bilinear")),
        goals=_near_large(3),
    ),
    Operation(
        *("bilinear-1.37x", "bilinear 1.37× + add", 137, 100, _BILINEAR, _UP.format("bilinear")),
        goals=_near_large(3),
    ),
    Operation(
        *("bicubic-2x", "bicubic 2× + add", 128, 64, ("-m", "bicubic"), _UP.format("bicubic")),
        goals=_TWICE_TORCH,
    ),
    Operation(
        *("antialias-half", "antialiased bilinear ½× + add", 128, 64),
        options=("-m", "bilinear", "--antialias", "--to", "smallest"),
        torch="b + F.interpolate(a, b.shape[2:], mode='bilinear', antialias=True)",
        goals=_TWICE_TORCH,
        no_half=True,
    ),
    Operation(
        *("area-half", "area ½× + add", 128, 64, ("-m", "area")),
        torch="b + F.interpolate(a, b.shape[2:], mode='area')",
        goals=_TWICE_TORCH,
    ),
    Operation(
        *("avg-pool", "average pool 2 + add", 128, 64, ("-m", "avg-pool")),
        torch="b + F.avg_pool2d(a, 2)",
        goals=_TWICE_TORCH,
    ),
    Operation(
        *("max-pool", "max pool 2 + add", 128, 64, ("-m", "max-pool")),
        torch="b + F.max_pool2d(a, 2)",
        goals=_TWICE_TORCH,
    ),
    Operation(
        *("nearest-2x", "nearest 2× + add", 128, 64, ("-m", "nearest")),
        torch="a + F.interpolate(b, a.shape[2:])",
        goals=_TWICE_TORCH,
    ),
    Operation(
        *("pad", "pad 4 + add", 128, 120, ("-m", "pad"), "a + F.pad(b, (4, 4, 4, 4))"), goals=_NEAR_COPY
    ),
    Operation(
        *("crop", "crop 4 + add", 136, 128, ("-m", "crop"), "a[:, :, 4:-4, 4:-4] + b"), goals=_NEAR_COPY
    ),
    Operation(*("add", "add", 128, 128, (), "a + b"), goals=_NEAR_COPY),
    Operation(
        *("concat", "concat 128 + 128 channels", 128, 128, ("-c", "concat"), "torch.cat((a, b), 1)"),
        goals=_NEAR_COPY,
        channels=128,
    ),
)

BILINEAR_2X = Operation(
    *("bilinear-2x", "bilinear 2× + add", 128, 64, _BILINEAR, _UP.format("bilinear")),
    goals=(
        *_near_large(2.5),
        Faster(4, "torch"),
        Faster(1.5, "torch", imported=True),
    ),
)


def headline(sizes: Sizes, peers: Peers, layout: str) -> Workload:
    """Bilinear 2x + add in one layout, beside everyone who can."""
    batch = sizes.batch(_CHANNELS, 128)
    grids = {"large": (128, 128), "small": (64, 64)}
    shapes = {
        name: (batch, *grid, _CHANNELS) if layout == "NHWC" else (batch, _CHANNELS, *grid)
        for name, grid in grids.items()
    }
    files = {f"{name}.npy": array(*shape) for name, shape in shapes.items()}
    mrtrix = peers.mrtrix_bilinear(f"128,128,{_CHANNELS}") if layout == "NCHW" else {}
    if mrtrix:
        files |= {f"{name}.mif": array(*shape) for name, shape in shapes.items()}
    arguments = ("large.npy", "small.npy", *_BILINEAR, "--layout", layout, "-q")
    return Workload(
        f"bilinear-2x-{layout.lower()}",
        f"bilinear 2× + add, {layout}, {'×'.join(map(str, shapes['large']))} float32",
        files,
        {
            "featfuse": Command(fuse(*arguments, "-o", "fused.npy"), ("fused.npy",)),
            NO_SYNC: Command(
                fuse(*arguments, "--no-sync", "-o", "unsynced.npy"), ("unsynced.npy",), compared=False
            ),
            "cp of the large input": copy_inputs("large.npy"),
            _FLUSHED: copy_flushed("large.npy"),
            **peers.torch(BILINEAR_2X.torch, "nhwc" if layout == "NHWC" else "npy"),
            **peers.tensorflow_bilinear(layout),
            **mrtrix,
            **peers.scipy_bilinear(),
        },
        BILINEAR_2X.goals,
    )


def fusions(sizes: Sizes, peers: Peers) -> Iterator[Workload]:
    """Every other operation in float32."""
    for operation in OPERATIONS:
        yield _workload(operation, sizes, peers, "float32")


def halves(sizes: Sizes, peers: Peers) -> Iterator[Workload]:
    """Every operation in float16 and bfloat16: as fast as torch, its import taken off."""
    for dtype in ("float16", "bfloat16"):
        for operation in (BILINEAR_2X, *OPERATIONS):
            yield _workload(operation, sizes, peers, dtype)


# a share of the largest value: torch rounds twice (after resizing, after adding), featfuse once
_TOLERANCE = {"float32": 1e-5, "float16": 2e-3, "bfloat16": 1.6e-2}


def _workload(operation: Operation, sizes: Sizes, peers: Peers, dtype: str) -> Workload:
    half = dtype != "float32"
    suffix = "safetensors" if dtype == "bfloat16" else "npy"
    itemsize = 2 if half else 4
    # the size is the output's: concat has twice the channels of its inputs
    batch = sizes.batch(_CHANNELS, operation.large, itemsize)
    large, small, fused = f"large.{suffix}", f"small.{suffix}", f"fused.{suffix}"
    files = {
        name: array(batch, operation.channels, side, side, dtype=dtype)
        for name, side in ((large, operation.large), (small, operation.small))
    }
    expression = operation.torch
    if half and operation.no_half:
        expression = f"({expression.replace('(a,', '(a.float(),')}).to(a.dtype)"
    shape = "×".join(map(str, files[large]["shape"]))
    goals = (Faster(1, "torch", imported=True),) if half else operation.goals
    arguments = (large, small, *operation.options, "--layout", "NCHW", "-q")
    return Workload(
        f"{operation.name}-{dtype}" if half else operation.name,
        f"{operation.title}, NCHW, {shape} {dtype}",
        files,
        {
            "featfuse": Command(fuse(*arguments, "-o", fused), (fused,)),
            **_beside_copies(goals, arguments, (large, small)),
            **peers.torch(expression, suffix),
        },
        goals,
        _TOLERANCE[dtype],
        notes=("torch goes through float32: it has no half kernel",) if half and operation.no_half else (),
    )


def _beside_copies(
    goals: tuple[Goal, ...], arguments: tuple[str, ...], inputs: tuple[str, str]
) -> dict[str, Command]:
    """featfuse without waiting for the disk, and the copies that the goals name."""
    large, _ = inputs
    unsynced = f"unsynced-{large}"
    able = {
        NO_SYNC: Command(fuse(*arguments, "--no-sync", "-o", unsynced), (unsynced,), compared=False),
        "cp of the large input": copy_inputs(large),
        "cp of all inputs": copy_inputs(*inputs),
        _FLUSHED: copy_flushed(large),
        _ALL_FLUSHED: copy_flushed(*inputs),
    }
    wanted = {label for goal in goals for label in goal.labels()}
    return {label: command for label, command in able.items() if label in wanted}


def conv1x1(sizes: Sizes, peers: Peers) -> Workload:
    """Concatenate 256 + 256 channels and mix them to 256."""
    batch = sizes.batch(_CHANNELS, 128)
    maps = array(batch, _CHANNELS, 128, 128)
    return Workload(
        "conv1x1",
        f"concat + conv1x1 512→256, NCHW, output {batch}×256×128×128 float32",
        {"large.npy": maps, "small.npy": maps, "kernel.npy": array(256, 512, 1, 1)},
        {
            "featfuse": Command(
                fuse(
                    *("large.npy", "small.npy", "-c", "concat", "--reduce", "conv1x1"),
                    *("--kernel", "kernel.npy", "--layout", "NCHW", "-q", "-o", "fused.npy"),
                ),
                ("fused.npy",),
            ),
            "cp of all inputs": copy_inputs("large.npy", "small.npy"),
            **peers.torch("F.conv2d(torch.cat((a, b), 1), torch.from_numpy(np.load('kernel.npy')))"),
        },
        (Faster(0.9, "torch", imported=True),),
    )
