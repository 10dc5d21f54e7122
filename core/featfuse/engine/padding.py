"""A border that is computed from more than one sample: constants, ramps and statistics."""

from collections.abc import Callable

import numpy as np

from featfuse.engine.blocks import part_along
from featfuse.engine.task import Strategy, Task
from featfuse.model.axis import Fill
from featfuse.model.tensor import Array

__all__ = ["PADDING"]


def _suits(task: Task) -> Fill | None:
    return task.axis_map.fill


def _apply(task: Task, fill: Fill) -> Array:
    """The input in the middle, the border computed by the very calls numpy.pad makes."""
    block, axis, origin, out = task.block, task.axis, task.origin, task.out
    shape = list(block.shape)
    shape[axis] = out.stop - out.start
    result = np.empty(shape, dtype=block.dtype)
    inner = slice(max(out.start, fill.before), min(out.stop, fill.before + task.axis_map.in_size))
    if inner.start < inner.stop:
        source = slice(inner.start - fill.before - origin, inner.stop - fill.before - origin)
        part_along(result, axis, slice(inner.start - out.start, inner.stop - out.start))[...] = part_along(
            block, axis, source
        )
    total = task.axis_map.out_size
    for side, border in enumerate((slice(0, fill.before), slice(total - fill.after, total))):
        part = slice(max(out.start, border.start), min(out.stop, border.stop))
        if part.start < part.stop:
            within = slice(part.start - border.start, part.stop - border.start)
            target = part_along(result, axis, slice(part.start - out.start, part.stop - out.start))
            if fill.kind == "linear_ramp":
                edge = part_along(block, axis, slice(-1, None) if side else slice(0, 1))
                target[...] = _ramp(fill, side, within, edge, axis, task.flat[side])
            else:
                target[...] = _border_values(fill, block, axis)
    return result


def _border_values(fill: Fill, block: Array, axis: int) -> Array:
    """The one value of each line's border, broadcastable along `axis`."""
    if fill.kind == "constant":
        return np.asarray(fill.value).astype(block.dtype)
    exact = block if block.dtype.kind in "biuf" else block.astype(np.float32)
    values = _STATISTICS[fill.kind](exact, axis)
    if block.dtype.kind in "iu" and values.dtype.kind == "f":
        values = np.round(values)
    return values.astype(block.dtype)


def _mean(block: Array, axis: int) -> Array:
    """The mean in float64, line by line: NumPy's own order of adding depends on the block's shape."""
    lines = np.ascontiguousarray(np.moveaxis(block, axis, -1), dtype=np.float64)
    return np.moveaxis(lines.mean(axis=-1, keepdims=True), -1, axis)


_STATISTICS: dict[str, Callable[[Array, int], Array]] = {
    "maximum": lambda block, axis: np.max(block, axis=axis, keepdims=True),
    "minimum": lambda block, axis: np.min(block, axis=axis, keepdims=True),
    "mean": _mean,
    "median": lambda block, axis: np.median(block, axis=axis, keepdims=True),
}


def _ramp(fill: Fill, side: int, within: slice, edge: Array, axis: int, flat: bool) -> Array:
    """The part `within` the border of what runs from the end value, outermost, to the edge sample: as
    np.linspace, which numpy.pad calls, in float64.

    Integers round down. np.linspace divides first when some step is zero, and multiplies by the step
    otherwise; which of them holds depends on the whole tensor, so it is told.
    """
    count = fill.after if side else fill.before
    along = [1] * edge.ndim
    along[axis] = -1
    outward = np.arange(within.start, within.stop, dtype=np.float64)
    if side:
        outward = count - 1 - outward
    outward = outward.reshape(along)
    delta = edge.astype(np.float64) - fill.value
    ramp = outward / count * delta if flat else outward * (delta / count)
    ramp += fill.value
    if edge.dtype.kind in "iu":
        np.floor(ramp, out=ramp)
    return ramp.astype(edge.dtype)


PADDING = Strategy("padding", _suits, _apply)
