"""Looking indices up: the plain gather, tap by tap, which suits every map and every block and which all
others must equal, and its one tap without a weight."""

from collections.abc import Sequence

import numpy as np

from featfuse.engine.blocks import part_along
from featfuse.engine.task import Strategy, Task
from featfuse.model.axis import Positions, TapReduction, Taps
from featfuse.model.tensor import Array

__all__ = ["GATHER", "MANY_TAPS", "SAME_WEIGHT", "TAKE", "gather", "weighted_sum"]

MANY_TAPS = 64
"""Taps from which on going through them one by one is the slow way."""

SAME_WEIGHT = 1e-14
"""Weights that differ by less are one weight: positions are computed in float64."""


def gather(taps: Taps, reduce: TapReduction, block: Array, axis: int, origin: int) -> Array:
    """The output positions that `taps` describes, of a block whose first sample is number `origin`."""
    if reduce is TapReduction.MAX:
        return _maximum(taps, block, axis, origin)
    return weighted_sum(taps, block, axis, origin)


def weighted_sum(taps: Taps, block: Array, axis: int, origin: int) -> Array:
    """Tap by tap, first to last, in the block's own type. A sum begins with -0, to which nothing is lost: not
    the sign of a zero either. Without taps it is 0."""
    indices, present = taps.indices, taps.present
    weights = np.ones(indices.shape) if taps.weights is None else taps.weights
    shape = list(block.shape)
    shape[axis] = len(indices)
    result = np.full(shape, -0.0, dtype=block.dtype)
    without = ~present.any(axis=1)
    if without.any():
        result[(slice(None),) * axis + (without,)] = 0
    behind = [1] * block.ndim
    behind[axis] = -1
    for tap in range(indices.shape[1]):
        here = present[:, tap]
        weight = weights[:, tap].astype(block.dtype)
        if here.all():
            samples = np.take(block, indices[:, tap] - origin, axis=axis)
            samples *= weight.reshape(behind)
            result += samples
        elif here.any():
            rows = np.flatnonzero(here)
            samples = np.take(block, indices[rows, tap] - origin, axis=axis)
            samples *= weight[rows].reshape(behind)
            _combine_rows(result, axis, rows, samples, np.add)
    return result


def _maximum(taps: Taps, block: Array, axis: int, origin: int) -> Array:
    """Tap by tap, or window by window where these are few and wide. Every position has at least one tap,
    and its taps are equally far apart. NaN wins, as in torch."""
    indices, present = taps.indices, taps.present
    if indices.shape[1] > max(MANY_TAPS, len(indices)):
        return _window_maxima([_run(row[row >= 0] - origin) for row in indices], block, axis)
    first = np.argmax(present, axis=1)
    result: Array = np.take(block, indices[np.arange(len(indices)), first] - origin, axis=axis)
    for tap in range(indices.shape[1]):
        rows = np.flatnonzero(present[:, tap])
        if rows.size:
            samples = np.take(block, indices[rows, tap] - origin, axis=axis)
            _combine_rows(result, axis, rows, samples, np.maximum)
    return result


def _run(samples: Positions) -> slice:
    """Samples equally far apart as a slice."""
    step = int(samples[1] - samples[0]) if len(samples) > 1 else 1
    return slice(int(samples[0]), int(samples[-1]) + 1, step)


def _window_maxima(windows: Sequence[slice], block: Array, axis: int) -> Array:
    parts = [part_along(block, axis, window).max(axis=axis, keepdims=True) for window in windows]
    return np.concatenate(parts, axis=axis)


def _combine_rows(result: Array, axis: int, rows: Array, samples: Array, combine: np.ufunc) -> None:
    """Combine `samples` into the `rows` of `result`; a run of rows is done in place."""
    if rows[-1] - rows[0] + 1 == len(rows):
        target = part_along(result, axis, slice(int(rows[0]), int(rows[-1]) + 1))
        combine(target, samples, out=target)
    else:
        where = (slice(None),) * axis + (rows,)
        result[where] = combine(result[where], samples)


def _tap_by_tap(task: Task, taps: Taps) -> Array:
    return gather(taps, task.axis_map.reduce, task.block, task.axis, task.origin)


GATHER = Strategy("gather", lambda task: task.taps, _tap_by_tap)


def _find_single_taps(task: Task) -> Taps | None:
    taps = task.taps
    single = taps.weights is None and taps.indices.shape[1] == 1 and taps.present.all()
    return taps if single else None


def _take(task: Task, taps: Taps) -> Array:
    """One unweighted sample per position: nearest, edge and mirror padding, tiling, broadcasting."""
    block, source = task.block, taps.indices[:, 0] - task.origin
    if block.shape[task.axis] == 1:
        shape = list(block.shape)
        shape[task.axis] = len(source)
        return np.broadcast_to(block, shape)
    return np.asarray(np.take(block, source, axis=task.axis))


TAKE = Strategy("take", _find_single_taps, _take)
