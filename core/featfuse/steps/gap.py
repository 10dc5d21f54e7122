"""Global average pooling: the mean over all spatial axes, accumulated part by part."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from featfuse.model.cutting import windows, within
from featfuse.model.dtypes import compute_dtype
from featfuse.model.tensor import Array, Window, window_shape
from featfuse.steps.base import Run, Step

__all__ = ["GlobalMean"]

_PART_BYTES = 1 << 20
"""About what a part of the child takes: the mean of any map fits in memory."""


class GlobalMean(Step):
    """The mean over `axes`, in float64; they stay as size 1, or go (`keepdims` False)."""

    def __init__(self, child: Step, axes: Sequence[int], *, keepdims: bool) -> None:
        self.children = (child,)
        self.axes = tuple(axes)
        self.keepdims = keepdims
        self.dtype = compute_dtype(child.dtype)
        kept = [1 if axis in self.axes else size for axis, size in enumerate(child.shape)]
        self.shape = tuple(size for axis, size in enumerate(kept) if keepdims or axis not in self.axes)

    def _whole(self, window: Window) -> Window:
        """The child's window under an output window: everything along the pooled axes."""
        parts = iter(window)
        child = self.children[0]
        return tuple(
            slice(0, size) if axis in self.axes and (not self.keepdims or next(parts)) else next(parts)
            for axis, size in enumerate(child.shape)
        )

    def _parts(self, window: Window) -> Iterator[Window]:
        """The child's window cut along the pooled axes, first axis first, in a fixed order."""
        child, entire = self.children[0], self._whole(window)
        first, lengths = entire, list(window_shape(entire))
        for axis in self.axes:
            if child.peak_bytes(first) <= _PART_BYTES:
                break
            rows = lengths[axis]
            row_bytes = max(1, child.peak_bytes(first) // max(rows, 1))
            lengths[axis] = max(1, min(rows, _PART_BYTES // row_bytes))
            first = (*first[:axis], slice(0, lengths[axis]), *first[axis + 1 :])
        for part in windows(window_shape(entire), tuple(lengths)):
            yield within(entire, part)

    def need(self, window: Window) -> tuple[Window, ...]:
        return (next(self._parts(window), self._whole(window)),)

    def block(self, window: Window, run: Run) -> Array:
        if 0 in window_shape(window):
            return np.empty(window_shape(window), dtype=self.dtype)
        parts = (self.children[0].block(part, run) for part in self._parts(window))
        return self._mean(window, parts)

    def apply(self, window: Window, blocks: Sequence[Array], run: Run) -> Array:
        return self._mean(window, iter(blocks))

    def _mean(self, window: Window, parts: Iterator[Array]) -> Array:
        total: Array | float = 0.0
        for part in parts:
            total = total + np.add.reduce(part, axis=self.axes, dtype=np.float64, keepdims=True)
        count = math.prod(self.children[0].shape[axis] for axis in self.axes)
        return np.asarray(total / count).reshape(window_shape(window)).astype(self.dtype)
