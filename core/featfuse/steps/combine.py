"""Elementwise combining and joining of inputs that are already on one grid."""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np

from featfuse.dtypes import compute_dtype, is_float
from featfuse.steps.base import Run, Step
from featfuse.steps.convert import OUT_OF_RANGE, convert
from featfuse.tensor import Array, Window, window_shape

__all__ = ["Elementwise", "Join", "clipped"]

DType = np.dtype[Any]

_UFUNCS: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "mean": np.add,
    "max": np.maximum,
    "min": np.minimum,
}


class Elementwise(Step):
    """`kind` over children whose shapes broadcast to `shape`.

    Floats are combined in float32 (float64 for float64), integers exactly in 64 bits; results are
    of that wide type, and what leaves even 64 bits is counted and clipped. `common` is the type the
    inputs fuse into; `weights` multiply the children (add, mean).
    """

    def __init__(
        self,
        children: Sequence[Step],
        kind: str,
        common: DType,
        weights: tuple[float, ...] | None,
    ) -> None:
        self.children = tuple(children)
        self.shape = np.broadcast_shapes(*(child.shape for child in children))
        self.kind = kind
        self.weights = weights
        self.exact = kind in ("add", "sub", "mul") and not is_float(common)
        self.moves = kind in ("max", "min") or (len(children) == 1 and weights is None)
        if self.moves:
            self.dtype = common
        elif self.exact:
            self.dtype = np.dtype(np.uint64 if common == np.uint64 else np.int64)
        else:
            self.dtype = compute_dtype(common)

    def need(self, window: Window) -> tuple[Window, ...]:
        return tuple(clipped(window, child.shape) for child in self.children)

    def apply(self, window: Window, blocks: Sequence[Array], run: Run) -> Array:
        ufunc = _UFUNCS[self.kind]
        if self.exact and not self.moves:
            return self._exactly(ufunc, blocks, run)
        with np.errstate(over="ignore", invalid="ignore"):
            parts = [convert(block, self.dtype, run) for block in blocks]
            result = self._weighted(ufunc, parts)
        return np.broadcast_to(result, window_shape(window))

    def _weighted(self, ufunc: Callable[..., Any], parts: list[Array]) -> Array:
        weights = self.weights
        if weights is None and self.kind == "mean":
            weights = (1.0,) * len(parts)
        if weights is not None:
            total = sum(weights) if self.kind == "mean" else 1.0
            parts = [
                part if weight == 1.0 else part * self.dtype.type(weight)
                for part, weight in zip(parts, weights, strict=True)
            ]
            result = reduce(ufunc, parts)
            return result if total == 1.0 else np.asarray(result / self.dtype.type(total))
        return np.asarray(reduce(ufunc, parts))

    def _exactly(self, ufunc: Callable[..., Any], blocks: Sequence[Array], run: Run) -> Array:
        """Arithmetic modulo 2**64 beside the same in float64: where the two differ by more than half
        the range, the true value did not fit. Never mistaken, as one float64 sum is off by far less.
        """
        with np.errstate(over="ignore"):
            result = np.asarray(reduce(ufunc, [block.astype(self.dtype) for block in blocks]))
        if self.kind != "mul" and all(block.dtype.itemsize < 8 for block in blocks):
            return result
        near = reduce(ufunc, [block.astype(np.float64) for block in blocks])
        wrong = np.abs(near - result.astype(np.float64)) > 2.0**63
        if wrong.any():
            run.count(OUT_OF_RANGE, int(np.count_nonzero(wrong)))
            info = np.iinfo(self.dtype)
            result = np.where(wrong, np.where(near > 0, info.max, info.min).astype(self.dtype), result)
        return result

    def scratch_bytes(self, window: Window) -> int:
        """Converted copies of the children's blocks and, for integers, their float64 twins."""
        count = 1
        for size in window_shape(window):
            count *= size
        copies = sum(child.dtype != self.dtype or self.weights is not None for child in self.children) + 1
        return count * (self.dtype.itemsize * copies + (24 if self.exact else 0))


def clipped(window: Window, shape: tuple[int, ...]) -> Window:
    """The window in a child that may have size 1 where this step has more."""
    return tuple(
        slice(0, 1) if size == 1 and part.stop > part.start else part
        for part, size in zip(window, shape, strict=True)
    )


class Join(Step):
    """Concatenation along `axis`, in the order given. Sizes elsewhere are equal."""

    def __init__(self, children: Sequence[Step], axis: int, common: DType) -> None:
        self.children = tuple(children)
        self.axis = axis
        self.dtype = common
        shape = list(np.broadcast_shapes(*(_without(child.shape, axis) for child in children)))
        shape[axis] = sum(child.shape[axis] for child in children)
        self.shape = tuple(shape)
        self.starts = np.cumsum([0, *(child.shape[axis] for child in children)]).tolist()

    def _part(self, index: int, window: Window) -> tuple[slice, slice]:
        """Child `index`'s share of the window: in the child's own positions, and in the window's."""
        start, stop = self.starts[index], self.starts[index + 1]
        low = min(max(window[self.axis].start, start), stop)
        high = max(min(window[self.axis].stop, stop), low)
        origin = window[self.axis].start
        return slice(low - start, high - start), slice(low - origin, high - origin)

    def need(self, window: Window) -> tuple[Window, ...]:
        windows = []
        for index, child in enumerate(self.children):
            part, _ = self._part(index, window)
            own = [*window[: self.axis], part, *window[self.axis + 1 :]]
            empty = part.start == part.stop
            share = clipped(tuple(own), (*child.shape[: self.axis], -1, *child.shape[self.axis + 1 :]))
            windows.append(tuple(slice(0, 0) for _ in own) if empty else share)
        return tuple(windows)

    def apply(self, window: Window, blocks: Sequence[Array], run: Run) -> Array:
        result = np.empty(window_shape(window), dtype=self.dtype)
        for index, block in enumerate(blocks):
            _, place = self._part(index, window)
            if place.start < place.stop:
                target = result[(slice(None),) * self.axis + (place,)]
                target[...] = convert(block, self.dtype, run)
        return result


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return (*shape[:axis], 1, *shape[axis + 1 :])
