"""What is done before and after the combining, in float64: tokens, l2 norms, reductions.

Slow, and independent of featfuse. Maps are (values, layout), as in fusion.py.
"""

from typing import Any

import numpy as np

__all__ = ["mixed", "normalized", "of_tokens", "pooled", "to_tokens"]

SPACE = "DHW"


def to_tokens(values: np.ndarray, skip: int, rng: np.random.Generator) -> np.ndarray:
    """(..., H, W, C) as (..., skip + H·W, C), the first tokens being no pixels."""
    *batch, height, width, channels = values.shape
    pixels = values.reshape(*batch, height * width, channels)
    others = rng.normal(size=(*batch, skip, channels)).astype(values.dtype)
    return np.concatenate([others, pixels], axis=-2)


def of_tokens(tokens: np.ndarray, grid: tuple[int, int], skip: int) -> np.ndarray:
    """Row by row."""
    rows = [tokens[..., skip + row * grid[1] : skip + (row + 1) * grid[1], :] for row in range(grid[0])]
    return np.stack(rows, axis=-3)


def normalized(values: np.ndarray, layout: str) -> np.ndarray:
    """Every channel vector by its length."""
    length = np.sqrt((values**2).sum(axis=layout.index("C"), keepdims=True))
    return values / np.maximum(length, 1e-12)


def mixed(values: np.ndarray, layout: str, kernel: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    """A 1x1 convolution: `kernel` (out, in) times the channels, plus `bias` (out)."""
    moved = np.moveaxis(values, layout.index("C"), -1)
    result = np.zeros((*moved.shape[:-1], len(kernel)))
    for out, row in enumerate(kernel):
        for channel, weight in enumerate(row):
            result[..., out] += weight * moved[..., channel]
        if bias is not None:
            result[..., out] += bias[out]
    return np.moveaxis(result, -1, layout.index("C"))


def pooled(values: np.ndarray, layout: str, *, keepdims: bool) -> np.ndarray:
    """The mean over space."""
    axes = tuple(axis for axis, letter in enumerate(layout) if letter in SPACE)
    result: Any = values.mean(axis=axes, keepdims=keepdims)
    return np.asarray(result)
