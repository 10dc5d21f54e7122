"""Masks: multiply an input by a mask, blend two inputs by it, or know where an input has data."""

from collections.abc import Sequence

import numpy as np

from featfuse.engine.casts import cast
from featfuse.model.dtypes import compute_dtype, is_float
from featfuse.model.tensor import Array, Window, window_shape
from featfuse.steps.base import COVERED, MASKED, NO_SHARE, Run, Step, joint_shape
from featfuse.steps.elementwise import clipped

__all__ = ["Blend", "Inside", "MaskValues", "Masked"]


class Inside(Step):
    """1 where the position lies in `box` (start, stop per axis), 0 elsewhere: what a pad has added."""

    def __init__(self, shape: tuple[int, ...], box: Sequence[tuple[int, int]]) -> None:
        self.shape = shape
        self.box = tuple(box)
        self.dtype = np.dtype(np.float32)

    def need(self, window: Window) -> tuple[Window, ...]:
        return ()

    def apply(self, window: Window, blocks: Sequence[Array], run: Run) -> Array:
        result = np.zeros(window_shape(window), dtype=self.dtype)
        inner = tuple(
            slice(max(start - part.start, 0), max(stop - part.start, 0))
            for (start, stop), part in zip(self.box, window, strict=True)
        )
        result[inner] = 1.0
        return result


class MaskValues(Step):
    """A mask as factors: divided by `scale`, or a float as it is and anything else as 1 where it is not zero;
    perhaps inverted.

    `shape` broadcasts against `output`; the mean over the output is counted for the report.
    """

    def __init__(
        self, child: Step, dtype: np.dtype[np.generic], *, invert: bool, scale: float | None = None
    ) -> None:
        self.children = (child,)
        self.shape = child.shape
        self.invert, self.scale = invert, scale
        self.dtype = compute_dtype(dtype)

    def need(self, window: Window) -> tuple[Window, ...]:
        return (window,)

    def apply(self, window: Window, blocks: Sequence[Array], run: Run) -> Array:
        mask = blocks[0]
        soft = self.scale is not None or is_float(mask.dtype)
        mask = (mask if soft else mask != 0).astype(self.dtype)
        if self.scale is not None:
            mask /= self.dtype.type(self.scale)
        return np.asarray(self.dtype.type(1) - mask) if self.invert else mask


class Masked(Step):
    """mask times the child."""

    def __init__(self, child: Step, mask: Step, *, counts: bool) -> None:
        self.children = (child, mask)
        self.shape = child.shape
        self.counts = counts
        self.dtype = compute_dtype(child.dtype)

    def need(self, window: Window) -> tuple[Window, ...]:
        return (window, clipped(window, self.children[1].shape))

    def apply(self, window: Window, blocks: Sequence[Array], run: Run) -> Array:
        block, mask = blocks
        if self.counts:
            _count(mask, window, run)
        return np.asarray(cast(block, self.dtype) * mask)


class Blend(Step):
    """(1 - mask) * first + mask * second."""

    def __init__(self, first: Step, second: Step, mask: Step) -> None:
        self.children = (first, second, mask)
        self.shape = joint_shape([first.shape, second.shape])
        self.dtype = np.result_type(compute_dtype(first.dtype), compute_dtype(second.dtype))

    def need(self, window: Window) -> tuple[Window, ...]:
        return tuple(clipped(window, child.shape) for child in self.children)

    def apply(self, window: Window, blocks: Sequence[Array], run: Run) -> Array:
        first, second, mask = blocks
        _count(mask, window, run)
        mask = cast(mask, self.dtype)
        result = (1 - mask) * first.astype(self.dtype) + mask * second.astype(self.dtype)
        return np.broadcast_to(result, window_shape(window))


def _count(mask: Array, window: Window, run: Run) -> None:
    """Add to the mask's mean over the output: a broadcast mask counts as often as it is used."""
    elements = 1
    for size in window_shape(window):
        elements *= size
    run.measure(COVERED, float(mask.sum(dtype=np.float64)) * (elements / max(mask.size, 1)))
    run.measure(MASKED, elements)
    run.count(NO_SHARE, int(np.count_nonzero((mask < 0) | (mask > 1))))
