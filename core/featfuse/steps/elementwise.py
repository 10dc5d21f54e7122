"""Elementwise combining and joining of inputs that are already on one grid."""

import math
from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import Any

import numpy as np

from featfuse.engine.sums import in_halves, waiting
from featfuse.model.dtypes import DType, compute_dtype, is_float, is_integer
from featfuse.model.tensor import Array, Window, window_shape
from featfuse.steps.base import Run, Step, joint_shape
from featfuse.steps.convert import OUT_OF_RANGE, convert

__all__ = ["Elementwise", "Join", "clipped"]

_UFUNCS: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "mean": np.add,
    "max": np.maximum,
    "min": np.minimum,
}

_SUMS = ("add", "mean")


class Elementwise(Step):
    """`kind` over children whose shapes broadcast to `shape`.

    `common` is the type the inputs fuse into, `final` the one the output will have. Sums, differences
    and products of integers for an integer output are exact: what `final` cannot hold is counted and
    clipped. All else is computed in float32 or float64 (sums of many by halves); max and min in `common`.
    """

    def __init__(self, children: Sequence[Step], kind: str, common: DType, final: DType) -> None:
        self.children = tuple(children)
        self.shape = joint_shape([child.shape for child in children])
        self.kind = kind
        integers = not is_float(common)
        self.exact = kind in ("add", "sub", "mul") and integers and is_integer(final)
        if self.exact:
            self.dtype = final
        elif kind in ("max", "min"):
            self.dtype = common
        else:
            self.dtype = np.dtype(np.float64) if integers else compute_dtype(common)

    def need(self, window: Window) -> tuple[Window, ...]:
        return tuple(clipped(window, child.shape) for child in self.children)

    def apply(self, window: Window, blocks: Sequence[Array], run: Run) -> Array:
        ufunc = _UFUNCS[self.kind]
        if self.exact:
            result = self._exactly(ufunc, blocks, run)
        else:
            combine = partial(_in_place, ufunc, window_shape(window))
            converted = [convert(block, self.dtype, run) for block in blocks]
            if self.kind in _SUMS:
                result = in_halves(combine, converted.__getitem__, 0, len(converted))
            else:
                result = reduce(combine, converted)
        if self.kind == "mean":
            result = np.asarray(_in_place(np.divide, result.shape, result, self.dtype.type(len(blocks))))
        return np.broadcast_to(result, window_shape(window))

    def _exactly(self, ufunc: Callable[..., Any], blocks: Sequence[Array], run: Run) -> Array:
        """Arithmetic modulo 2**64 beside the same in float64: where the two differ by more than half
        the range, the true value left 64 bits. Never mistaken: rounding is off by far less, or by as
        much only where the value is far out of range.
        """
        wide = np.dtype(np.uint64 if self.dtype == np.uint64 else np.int64)
        result = np.asarray(reduce(ufunc, [block.astype(wide) for block in blocks]))
        may_leave = (
            self.kind == "mul" or any(block.dtype.itemsize == 8 for block in blocks) or wide.kind == "u"
        )
        if not may_leave:
            return convert(result, self.dtype, run)
        near = reduce(ufunc, [block.astype(np.float64) for block in blocks])
        info = np.iinfo(self.dtype)
        # NaN is infinity times 0: the true product is 0, as it stands.
        error = near - result.astype(np.float64)
        left = np.abs(error) >= 2.0**63
        low, high = left & (error < 0), left & (error > 0)
        low |= ~left & (result < info.min)
        high |= ~left & (result > info.max)
        run.count(OUT_OF_RANGE, int(np.count_nonzero(low) + np.count_nonzero(high)))
        result = np.where(low, wide.type(info.min), np.where(high, wide.type(info.max), result))
        return result.astype(self.dtype)

    def scratch_bytes(self, window: Window) -> int:
        """Converted copies of the children's blocks, sums that wait and, for exact integers, twins in 64-bit
        integers and float64."""
        elements = math.prod(window_shape(window))
        waits = waiting(len(self.children)) if self.kind in _SUMS and not self.exact else 0
        copies = sum(child.dtype != self.dtype for child in self.children) + 1 + waits
        return elements * (self.dtype.itemsize * copies + (48 + 16 * len(self.children) if self.exact else 0))


def _in_place(
    ufunc: Callable[..., Any], shape: tuple[int, ...], first: Array, second: Array | np.generic
) -> Array:
    """`ufunc` of both, in the memory of one of them where that is ours and large enough.

    A block that may be written to belongs to the step that asked for it; a caller's arrays, and what is
    repeated along an axis, come read-only.
    """
    for block in (first, second):
        if block.flags.writeable and block.shape == shape and block.dtype == first.dtype:
            return np.asarray(ufunc(first, second, out=block))
    return np.asarray(ufunc(first, second))


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
        shape = list(joint_shape([_without(child.shape, axis) for child in children]))
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
