"""A whole fusion in float64: layouts, target grid, methods, channels, mask, combine.

Slow, and independent of featfuse: what its results are compared with. Learned kernels are in learned.py,
what follows the combining in joining.py.
"""

from typing import Any, NamedTuple

import numpy as np

from tests.support.reference.axes import Infeasible, change_axis, fit, pooled_size
from tests.support.reference.shuffling import shuffle

__all__ = ["Infeasible", "Result", "fuse"]

SPACE = "DHW"
TARGET = {
    **dict.fromkeys(("area", "avg-pool", "max-pool", "lp-pool", "stride", "crop"), "smallest"),
    "pixel-unshuffle": "smallest",
    "crop-or-pad": "first",
}
"""`--to auto`; largest for the rest."""

Maps = list[tuple[np.ndarray, str]]


class Result(NamedTuple):
    """`scale`: how large the numbers were that rounding errors come from."""

    values: np.ndarray
    scale: float


def fuse(inputs: Maps, options: dict[str, Any], mask: tuple[np.ndarray, str] | None = None) -> Result:
    """The fused map, in the first input's layout. Every input is (values, layout)."""
    layout = inputs[0][1]  # the first input names every axis here
    maps = [spread(np.asarray(values, dtype=np.float64), own, layout) for values, own in inputs]
    method = options.get("method", "strict")
    grid = target_grid(maps, layout, method, options)
    before = [each.shape for each in maps]
    if method.startswith("pixel-"):
        pairs = zip(maps, inputs, strict=True)
        maps = [shuffled(each, layout, grid, options, own) for each, (_, own) in pairs]
    alone = len(maps) == 1
    maps = [to_grid(each, layout, grid, method, options, alone=alone) for each in maps]
    maps = same_channels(maps, layout, options)
    moved = [any(shape[layout.index(letter)] != size for letter, size in grid.items()) for shape in before]
    if mask is not None:
        maps = masked(maps, moved, spread(mask[0].astype(np.float64), mask[1], layout), layout, grid, options)
    return combined(maps, layout, options)


def spread(values: np.ndarray, own: str, layout: str) -> np.ndarray:
    """The axes in the order of `layout`; one that is missing has size 1."""
    present = [letter for letter in layout if letter in own]
    values = values.transpose([own.index(letter) for letter in present])
    return values.reshape([values.shape[present.index(letter)] if letter in own else 1 for letter in layout])


def target_grid(maps: list[np.ndarray], layout: str, method: str, options: dict[str, Any]) -> dict[str, int]:
    to = options.get("to", "auto")
    space = [letter for letter in layout if letter in SPACE]
    if isinstance(to, tuple):
        return dict(zip(space, to, strict=True))
    grid = {}
    for letter in space:
        sizes = [each.shape[layout.index(letter)] for each in maps]
        if method == "strict":
            grid[letter] = max(sizes)
        elif len(maps) == 1 and "pool_size" in options and to == "auto":
            grid[letter] = pooled_size(sizes[0], options)
        else:
            word = TARGET.get(method, "largest") if to == "auto" else to
            grid[letter] = {
                "largest": max(sizes),
                "smallest": min(sizes),
                "first": sizes[0],
                "last": sizes[-1],
            }[word]
    return grid


def to_grid(
    values: np.ndarray,
    layout: str,
    grid: dict[str, int],
    method: str,
    options: dict[str, Any],
    *,
    alone: bool,
) -> np.ndarray:
    """Axis by axis. A map on the grid stays as it is; TF's smoothing kernels touch all axes or none."""
    sizes = {letter: values.shape[layout.index(letter)] for letter in grid}
    if sizes == grid and not (alone and "pool_size" in options):
        return values
    if method == "letterbox":
        return np.asarray(fit(values, {layout.index(letter): size for letter, size in grid.items()}, options))
    if method == "lp-pool":
        return lp_pool(values, layout, grid, options)
    smooths = method in ("mitchell", "gaussian") and options.get("convention", "tf") == "tf"
    for letter, size in grid.items():
        if sizes[letter] != size or smooths or "pool_size" in options:
            values = change_axis(values, layout.index(letter), size, method, options)
    return values


def lp_pool(values: np.ndarray, layout: str, grid: dict[str, int], options: dict[str, Any]) -> np.ndarray:
    """torch raises the samples themselves to the power, ONNX their magnitudes."""
    p = options.get("p", 2)
    values = (np.abs(values) if options.get("convention", "torch") == "onnx" else values) ** p
    for letter, size in grid.items():
        axis = layout.index(letter)
        if values.shape[axis] != size or "pool_size" in options:
            values = change_axis(values, axis, size, "lp-pool", options)
    return np.asarray(values ** (1 / p))


def shuffled(
    values: np.ndarray, layout: str, grid: dict[str, int], options: dict[str, Any], own: str
) -> np.ndarray:
    """Channels for space, or the way back; a map on the grid stays as it is."""
    if all(values.shape[layout.index(letter)] == size for letter, size in grid.items()):
        return values
    if "C" not in own:
        raise Infeasible
    return shuffle(values, layout, grid, options)


def same_channels(maps: list[np.ndarray], layout: str, options: dict[str, Any]) -> list[np.ndarray]:
    """`--channels`; one channel always broadcasts."""
    mode = options.get("channels", "strict")
    if "C" not in layout or mode == "strict" or options.get("combine") == "concat":
        return maps
    axis = layout.index("C")
    counts = [each.shape[axis] for each in maps if each.shape[axis] != 1] or [1]
    goal = min(counts) if mode in ("truncate", "mean") else max(counts)
    return [np.moveaxis(channels_to(np.moveaxis(each, axis, -1), goal, mode), -1, axis) for each in maps]


def channels_to(values: np.ndarray, goal: int, mode: str) -> np.ndarray:
    count = values.shape[-1]
    if count == goal:
        return values
    if count == 1:
        return np.repeat(values, goal, axis=-1)
    if mode == "truncate":
        return values[..., :goal]
    if mode == "zero-pad":
        return np.concatenate([values, np.zeros((*values.shape[:-1], goal - count))], axis=-1)
    if max(count, goal) % min(count, goal):
        raise Infeasible
    if mode == "mean":
        return values.reshape(*values.shape[:-1], goal, count // goal).mean(axis=-1)
    if mode == "tile":
        return np.concatenate([values] * (goal // count), axis=-1)
    return np.repeat(values, goal // count, axis=-1)


def masked(
    maps: list[np.ndarray],
    moved: list[bool],
    mask: np.ndarray,
    layout: str,
    grid: dict[str, int],
    options: dict[str, Any],
) -> list[np.ndarray]:
    """The mask multiplies what was brought to the grid: all but the first when nothing was."""
    for letter, size in grid.items():
        mask = change_axis(mask, layout.index(letter), size, "nearest", {})
    if options.get("mask_invert"):
        mask = 1 - mask
    if not any(moved):
        moved = [False] + [True] * (len(maps) - 1)
    return [each * mask if chosen else each for each, chosen in zip(maps, moved, strict=True)]


def combined(maps: list[np.ndarray], layout: str, options: dict[str, Any]) -> Result:
    how = options.get("combine", "add")
    scale = sum(float(np.abs(each).max(initial=0)) for each in maps)
    if how == "concat":
        axis = layout.index("C")
        shapes = [[*each.shape[:axis], 1, *each.shape[axis + 1 :]] for each in maps]
        full = joint(shapes)
        parts = [np.broadcast_to(each, [*full[:axis], each.shape[axis], *full[axis + 1 :]]) for each in maps]
        return Result(np.concatenate(parts, axis=axis), scale)
    full = joint([list(each.shape) for each in maps])
    maps = [np.broadcast_to(each, full) for each in maps]
    if how == "stack":
        return Result(np.stack(maps), scale)
    if how == "mul":
        scale = float(np.prod([max(1.0, float(np.abs(each).max(initial=0))) for each in maps]))
        return Result(np.prod(maps, axis=0), scale)
    if how == "sub":
        return Result(maps[0] - maps[1], scale)
    if how in ("max", "min"):
        return Result((np.maximum if how == "max" else np.minimum).reduce(maps), scale)
    weights = np.array(options.get("weights", [1.0] * len(maps)), dtype=np.float64)
    if how == "mean":
        weights = weights / weights.sum()
    elif how == "fast-normalized":
        weights = np.maximum(weights, 0) / (np.maximum(weights, 0).sum() + 1e-4)
    elif how == "softmax":
        weights = np.exp(weights) / np.exp(weights).sum()
    total = sum(weight * each for weight, each in zip(weights, maps, strict=True))
    return Result(np.asarray(total), scale * max(1.0, float(np.abs(weights).max())))


def joint(shapes: list[list[int]]) -> list[int]:
    """NumPy's rule: equal, or one."""
    try:
        return list(np.broadcast_shapes(*map(tuple, shapes)))
    except ValueError:
        raise Infeasible from None
