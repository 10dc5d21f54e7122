"""Pixel shuffle by reshaping, as ONNX and MONAI write it down. Nothing of featfuse is used here."""

from typing import Any

import numpy as np

from tests.support.reference.axes import Infeasible

__all__ = ["depth_to_space", "shuffle", "space_to_depth"]


def depth_to_space(x: np.ndarray, factor: int, *, blocks: bool) -> np.ndarray:
    """(N, C, *space), channels as space: those of one place stand together (DCR), or those of one channel."""
    count, channels, *space = x.shape
    rank = len(space)
    left = channels // factor**rank
    inner = [factor] * rank
    split = x.reshape(count, *([*inner, left] if blocks else [left, *inner]), *space)
    first = 1 if blocks else 2
    pairs = [axis for i in range(rank) for axis in (2 + rank + i, first + i)]
    moved = split.transpose(0, rank + 1 if blocks else 1, *pairs)
    return moved.reshape(count, left, *(size * factor for size in space))


def space_to_depth(x: np.ndarray, factor: int, *, blocks: bool) -> np.ndarray:
    """The inverse of `depth_to_space`."""
    count, channels, *space = x.shape
    rank = len(space)
    split = x.reshape(count, channels, *(part for size in space for part in (size // factor, factor)))
    outer, inner = [2 + 2 * i for i in range(rank)], [3 + 2 * i for i in range(rank)]
    moved = split.transpose(0, *([*inner, 1] if blocks else [1, *inner]), *outer)
    return moved.reshape(count, channels * factor**rank, *(size // factor for size in space))


def shuffle(x: np.ndarray, layout: str, grid: dict[str, int], options: dict[str, Any]) -> np.ndarray:
    """`x`, whose axes are `layout`, brought to `grid` by one whole factor; Infeasible where there is none."""
    order = [layout.index(letter) for letter in "NCDHW" if letter in layout]
    moved = x.transpose(order)
    moved = moved if "N" in layout else moved[None]
    sizes, target = moved.shape[2:], [grid[letter] for letter in "DHW" if letter in grid]
    to_space = options["method"] == "pixel-shuffle"
    pairs = zip(target, sizes, strict=True) if to_space else zip(sizes, target, strict=True)
    factors = {divmod(large, small) for large, small in pairs}
    factor, rest = next(iter(factors))
    if len(factors) > 1 or rest or not factor or (to_space and moved.shape[1] % factor ** len(sizes)):
        raise Infeasible
    blocks = options.get("convention", "torch") != "torch"
    result = (depth_to_space if to_space else space_to_depth)(moved, factor, blocks=blocks)
    return (result if "N" in layout else result[0]).transpose(np.argsort(order))
