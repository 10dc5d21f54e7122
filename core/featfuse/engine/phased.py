"""Maps that repeat: position k + period reads what position k reads, `stride` samples further on.

Nearest by integer factors, pooling and repeating are such maps but for a few positions at the ends. Then all
positions of one phase are strided slices, combined by a few whole-block operations. Only for taps of equal
weight: where weights differ, a matrix product reads each sample once and is faster.

The operations are of whole blocks, although a core's own cache holds less: threads take turns between two
operations, and wait for each other less often when there are fewer.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from featfuse.engine.blocks import along
from featfuse.engine.gather import SAME_WEIGHT, gather
from featfuse.engine.task import Strategy, Task
from featfuse.model.axis import AxisMap, TapReduction, Taps
from featfuse.model.tensor import Array

__all__ = ["PHASED", "Phases", "find_phases"]

_MOST_PHASES = 8
_MOST_TAPS = 8
_FEWEST_TURNS = 6


class Phases(NamedTuple):
    """The output positions from `start` to `stop` repeat with `period`; `indices` are those of the first
    position of each phase, (period, taps), and `weight` (None: one) is every tap's."""

    start: int
    stop: int
    period: int
    stride: int
    indices: Array
    weight: float | None


@lru_cache(maxsize=256)
def find_phases(axis_map: AxisMap, start: int, stop: int) -> Phases | None:
    """How the output positions from `start` to `stop` repeat, None when they do not."""
    taps = axis_map.taps(slice(start, stop))
    count, width = taps.indices.shape
    if width > _MOST_TAPS:
        return None
    for period in range(1, _MOST_PHASES + 1):
        if count < _FEWEST_TURNS * period:
            return None
        found = _repeats(taps, start, period)
        if found is not None:
            return found
    return None


def _repeats(taps: Taps, start: int, period: int) -> Phases | None:
    """The middle of `taps` as phases, if most positions repeat with this period."""
    indices, weights = taps.indices, taps.weights
    steps = indices[period:] - indices[:-period]
    middle = len(steps) // 2
    stride = int(steps[middle, 0])
    alike: Array = np.all(taps.present, axis=1)
    weight = None
    if weights is not None:
        weight = float(weights[middle, 0])
        alike &= (np.abs(weights - weight) <= SAME_WEIGHT).all(axis=1)
    same: Array = (steps == stride).all(axis=1) & alike[period:] & alike[:-period]
    if stride < 1 or not same[middle]:
        return None
    breaks = np.flatnonzero(~same)
    first = int(breaks[breaks < middle].max(initial=-1)) + 1
    last = int(breaks[breaks > middle].min(initial=len(same))) + period
    if 4 * (last - first) < 3 * len(indices) or not alike[first:last].all():
        return None
    return Phases(start + first, start + last, period, stride, indices[first : first + period].copy(), weight)


def _suits(task: Task) -> Phases | None:
    return find_phases(task.axis_map, task.out.start, task.out.stop)


def _apply(task: Task, phases: Phases) -> Array:
    """All positions of one phase at a time; the few positions at the ends are gathered."""
    axis_map, block, axis = task.axis_map, task.block, task.axis
    origin, out = task.origin, task.out
    samples = along(block, axis)
    result = np.empty((len(samples), out.stop - out.start, samples.shape[2]), dtype=block.dtype)
    combine = np.maximum if axis_map.reduce is TapReduction.MAX else np.add
    for place, sources in _slices(phases, origin, out):
        made = result[:, place]
        _fold(combine, [samples[:, source] for source in sources], made)
        if phases.weight is not None:
            made *= phases.weight
    for end in (slice(out.start, phases.start), slice(phases.stop, out.stop)):
        if end.start < end.stop:
            place = slice(end.start - out.start, end.stop - out.start)
            result[:, place] = gather(axis_map.taps(end), axis_map.reduce, samples, 1, origin)
    return result.reshape(*block.shape[:axis], -1, *block.shape[axis + 1 :])


def _slices(phases: Phases, origin: int, out: slice) -> list[tuple[slice, list[slice]]]:
    """For each phase: its positions in the result, and for each tap its samples in the block."""
    slices = []
    for phase, indices in enumerate(phases.indices.tolist()):
        place = range(phases.start - out.start + phase, phases.stop - out.start, phases.period)
        reach = (len(place) - 1) * phases.stride + 1
        sources = [slice(index - origin, index - origin + reach, phases.stride) for index in indices]
        slices.append((slice(place.start, place.stop, place.step), sources))
    return slices


def _fold(combine: np.ufunc, samples: list[Array], made: Array) -> None:
    """`combine` over the samples, into `made`."""
    if len(samples) == 1:
        made[...] = samples[0]
        return
    combine(samples[0], samples[1], out=made)
    for sample in samples[2:]:
        combine(made, sample, out=made)


PHASED = Strategy("phased", _suits, _apply)
