"""The one place where it is decided how an AxisMap is applied to a block.

The strategy follows from the map's structure and is invisible to callers:

- `_view`: identity, crop, stride: no copy at all;
- `_bordered`: padding that computes its border: one copy;
- `_take`: one unweighted sample per position: one gather;
- `_maximum`: tap by tap, in place;
- `_banded`: a weighted sum on a block large enough for BLAS: 4 to 10 times faster than tap by tap, as
  the samples are read in place instead of being gathered for every tap;
- `_weighted_sum`: the plain gather, tap by tap: small blocks, NaN and inf, and the reference for the rest.

Results do not depend on how the output was cut into windows, but for the last bits of `_banded`: BLAS
rounds by the shapes it is given.
"""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from featfuse.axis import RUN, AxisMap, Fill, Reduce, Taps
from featfuse.tensor import Array

__all__ = ["apply"]


def apply(axis_map: AxisMap, block: Array, axis: int, origin: int, out: slice) -> Array:
    """The output samples `out` of `axis_map` along `axis`.

    `block` holds the input samples from `origin` on, at least those of `axis_map.needed(out)`. For a
    weighted map it must already be of a type to compute in. The result may be a view of `block`.
    """
    if out.start >= out.stop:
        return _slice(block, axis, slice(0, 0))
    if axis_map.view is not None:
        return _view(axis_map.view, block, axis, origin, out)
    if axis_map.fill is not None:
        return _bordered(axis_map, block, axis, origin, out)
    if out.stop - out.start > RUN:
        starts = range(out.start, out.stop, RUN)
        runs = (slice(start, min(start + RUN, out.stop)) for start in starts)
        return np.concatenate([_gathered(axis_map, block, axis, origin, run) for run in runs], axis=axis)
    return _gathered(axis_map, block, axis, origin, out)


def _gathered(axis_map: AxisMap, block: Array, axis: int, origin: int, out: slice) -> Array:
    """A map that is known by its taps, over a run of positions."""
    taps = axis_map.taps(out)
    if axis_map.reduce is Reduce.MAX:
        return _maximum(taps, block, axis, origin)
    if taps.weights is None and taps.indices.shape[1] == 1 and taps.present.all():
        return _take(taps, block, axis, origin)
    if _suits_blas(taps, block, axis):
        return _banded(axis_map, block, axis, origin, out)
    return _weighted_sum(taps, block, axis, origin)


def _view(view: range, block: Array, axis: int, origin: int, out: slice) -> Array:
    """Identity, crop, stride: no copy."""
    part = view[out.start : out.stop]
    last = part[-1] - origin + (1 if part.step > 0 else -1)
    return _slice(block, axis, slice(part[0] - origin, last if last >= 0 else None, part.step))


def _take(taps: Taps, block: Array, axis: int, origin: int) -> Array:
    """One unweighted sample per position: nearest, edge and mirror padding, tiling, broadcasting."""
    source = taps.indices[:, 0] - origin
    if block.shape[axis] == 1:
        shape = list(block.shape)
        shape[axis] = len(source)
        return np.broadcast_to(block, shape)
    return np.asarray(np.take(block, source, axis=axis))


TILE = 32
"""Output positions per product. Wider tiles multiply more zeros, narrower ones call BLAS more often; 16 to
64 differ little."""

_LEAST_WIDTH = 8
"""Rows or columns below which a matrix product is not worth its call."""


_MANY_TAPS = 64
"""Taps from which on going through them one by one is the slow way, however narrow the block."""


def _suits_blas(taps: Taps, block: Array, axis: int) -> bool:
    inner = math.prod(block.shape[axis + 1 :])
    width = block.size // max(block.shape[axis], 1) if inner == 1 else inner
    worth = width >= _LEAST_WIDTH or taps.indices.shape[1] >= _MANY_TAPS
    return taps.indices.shape[1] > 1 and block.dtype.kind == "f" and worth


def _banded(axis_map: AxisMap, block: Array, axis: int, origin: int, out: slice) -> Array:
    """Each tile of output positions is a small dense matrix times the few input samples it reads.

    A zero of the matrix times NaN or inf is NaN: then, and only then, every output of the tile that reads
    next to it is not finite, so one look at the first position tells whether to gather instead.
    """
    outer, inner = math.prod(block.shape[:axis]), math.prod(block.shape[axis + 1 :])
    samples = np.ascontiguousarray(block).reshape(outer, block.shape[axis], inner)
    result = np.empty((outer, out.stop - out.start, inner), dtype=block.dtype)
    step = max(1, min(TILE, TILE * axis_map.out_size // max(axis_map.in_size, 1)))
    for start in range(out.start - out.start % step, out.stop, step):
        tile = slice(max(start, out.start), min(start + step, out.stop))
        matrix, source = _tile(axis_map, tile.start, tile.stop, block.dtype.str)
        read = samples[:, source.start - origin : source.stop - origin]
        place = result[:, tile.start - out.start : tile.stop - out.start]
        if inner == 1:
            np.matmul(read[..., 0], matrix.T, out=place[..., 0])
        else:
            np.matmul(matrix, read, out=place)
        if not np.isfinite(place[:, 0]).all():
            place[...] = _weighted_sum(axis_map.taps(tile), samples, 1, origin)
    shape = (*block.shape[:axis], out.stop - out.start, *block.shape[axis + 1 :])
    return result.reshape(shape)


@lru_cache(maxsize=1024)
def _tile(axis_map: AxisMap, start: int, stop: int, dtype: str) -> tuple[Array, slice]:
    """The weights of some output positions as (positions, samples), and which samples these are."""
    taps = axis_map.taps(slice(start, stop))
    source = axis_map.needed(slice(start, stop))
    matrix = np.zeros((stop - start, source.stop - source.start), dtype=np.float64)
    rows, columns = np.nonzero(taps.present)
    weights = np.ones(len(rows)) if taps.weights is None else taps.weights[rows, columns]
    np.add.at(matrix, (rows, taps.indices[rows, columns] - source.start), weights)
    return matrix.astype(dtype), source


def _weighted_sum(taps: Taps, block: Array, axis: int, origin: int) -> Array:
    """Tap by tap, first to last, in the block's own type."""
    indices, present = taps.indices, taps.present
    weights = np.ones(indices.shape) if taps.weights is None else taps.weights
    shape = list(block.shape)
    shape[axis] = len(indices)
    result = np.zeros(shape, dtype=block.dtype)
    along = [1] * block.ndim
    along[axis] = -1
    for tap in range(indices.shape[1]):
        here = present[:, tap]
        weight = weights[:, tap].astype(block.dtype)
        if here.all():
            samples = np.take(block, indices[:, tap] - origin, axis=axis)
            samples *= weight.reshape(along)
            result += samples
        elif here.any():
            rows = np.flatnonzero(here)
            samples = np.take(block, indices[rows, tap] - origin, axis=axis)
            samples *= weight[rows].reshape(along)
            _index(result, axis, rows, samples, np.add)
    return result


def _maximum(taps: Taps, block: Array, axis: int, origin: int) -> Array:
    """Tap by tap, or window by window where these are few and wide. Every position has at least one tap,
    and its taps are neighbours. NaN wins, as in torch."""
    indices, present = taps.indices, taps.present
    if indices.shape[1] > max(_MANY_TAPS, len(indices)):
        spans = [(row[row >= 0].min() - origin, row.max() + 1 - origin) for row in indices]
        parts = [_slice(block, axis, slice(*span)).max(axis=axis, keepdims=True) for span in spans]
        return np.concatenate(parts, axis=axis)
    first = np.argmax(present, axis=1)
    result: Array = np.take(block, indices[np.arange(len(indices)), first] - origin, axis=axis)
    for tap in range(indices.shape[1]):
        rows = np.flatnonzero(present[:, tap])
        if rows.size:
            samples = np.take(block, indices[rows, tap] - origin, axis=axis)
            _index(result, axis, rows, samples, np.maximum)
    return result


def _bordered(axis_map: AxisMap, block: Array, axis: int, origin: int, out: slice) -> Array:
    """The input in the middle, the border computed by the very calls numpy.pad makes."""
    fill = axis_map.fill
    assert fill is not None
    shape = list(block.shape)
    shape[axis] = out.stop - out.start
    result = np.empty(shape, dtype=block.dtype)
    inner = slice(max(out.start, fill.before), min(out.stop, fill.before + axis_map.in_size))
    if inner.start < inner.stop:
        source = slice(inner.start - fill.before - origin, inner.stop - fill.before - origin)
        _slice(result, axis, slice(inner.start - out.start, inner.stop - out.start))[...] = _slice(
            block, axis, source
        )
    total = axis_map.out_size
    for side, border in (("before", slice(0, fill.before)), ("after", slice(total - fill.after, total))):
        part = slice(max(out.start, border.start), min(out.stop, border.stop))
        if part.start < part.stop:
            within = slice(part.start - border.start, part.stop - border.start)
            target = _slice(result, axis, slice(part.start - out.start, part.stop - out.start))
            target[...] = _border_values(fill, side, block, axis, within)
    return result


def _border_values(fill: Fill, side: str, block: Array, axis: int, within: slice) -> Array:
    """The values of one side's border at the positions `within` it, broadcastable along `axis`."""
    if fill.kind == "constant":
        return np.asarray(fill.value).astype(block.dtype)
    if fill.kind == "linear_ramp":
        edge = _slice(block, axis, slice(0, 1) if side == "before" else slice(-1, None))
        return _slice(_ramp(fill, side, edge, axis), axis, within)
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


def _ramp(fill: Fill, side: str, edge: Array, axis: int) -> Array:
    """From the end value, outermost, to the edge sample: np.linspace, which numpy.pad calls, in float64.

    Integers round down. np.linspace divides first when some step is zero, and multiplies by the step
    otherwise; which of them holds depends on the whole tensor, so it comes with the map.
    """
    count, flat = (fill.before, fill.flat[0]) if side == "before" else (fill.after, fill.flat[1])
    along = [1] * edge.ndim
    along[axis] = -1
    outward = np.arange(count, dtype=np.float64).reshape(along)
    delta = edge.astype(np.float64) - fill.value
    ramp = fill.value + (outward / count * delta if flat else outward * (delta / count))
    if edge.dtype.kind in "iu":
        ramp = np.floor(ramp)
    if side == "after":
        ramp = np.flip(ramp, axis=axis)
    return ramp.astype(edge.dtype)


def _slice(block: Array, axis: int, part: slice) -> Array:
    return block[(slice(None),) * axis + (part,)]


def _index(result: Array, axis: int, rows: Array, samples: Array, combine: np.ufunc) -> None:
    """Combine `samples` into the `rows` of `result`; a run of rows is done in place."""
    if rows[-1] - rows[0] + 1 == len(rows):
        target = _slice(result, axis, slice(int(rows[0]), int(rows[-1]) + 1))
        combine(target, samples, out=target)
    else:
        where = (slice(None),) * axis + (rows,)
        result[where] = combine(result[where], samples)
