"""Output samples made of their input piece by piece: for windows too long to be held, or their taps listed.

Sums are in float64, whatever the type of the samples.
"""

import numpy as np
from numpy.typing import NDArray

from featfuse.engine.blocks import along
from featfuse.model.axis import RUN, AxisMap, TapReduction
from featfuse.model.dtypes import DType
from featfuse.model.tensor import Array

__all__ = ["TAP_BYTES", "Piecewise"]

TAP_BYTES = 96
"""What working out one tap's weight takes, at most: a few arrays of float64 at a time (lanczos)."""


class Piecewise:
    """The output samples `out` of `axis_map`, which is `wide`, of blocks of type `dtype` cut along `axis`.

    `add` the blocks that hold what `axis_map.needed(out)` names, each sample once, front to back; then ask
    for the `result`, of `shape`.
    """

    def __init__(
        self, axis_map: AxisMap, axis: int, out: slice, shape: tuple[int, ...], dtype: DType
    ) -> None:
        assert axis_map.wide is not None
        self._map, self._wide, self._axis = axis_map, axis_map.wide, axis
        self._positions = np.arange(out.start, out.stop, dtype=np.int64)
        self._spans = self._wide.spans(self._positions)
        self._stops = self._spans.first + (self._spans.counts - 1) * self._spans.step + 1
        self._dtype = dtype
        greatest = axis_map.reduce is TapReduction.MAX
        self._made = np.full(shape, 0 if greatest else -0.0, dtype if greatest else np.float64)
        self._begun = np.zeros(len(self._positions), dtype=bool)
        self._weights = np.zeros(len(self._positions))

    def add(self, block: Array, origin: int) -> None:
        """Add the samples from number `origin` on."""
        samples, last = along(block, self._axis), self._map.in_size - 1
        end = origin + samples.shape[1]
        low, high = np.clip(self._spans.first, 0, last), np.clip(self._stops - 1, 0, last) + 1
        for place in np.flatnonzero((low < end) & (high > origin)).tolist():
            part = slice(max(int(low[place]), origin), min(int(high[place]), end))
            if self._wide.weigh is not None:
                weights = self._weigh(place, part)
                self._sums[:, place] += _weighted(
                    weights, samples[:, part.start - origin : part.stop - origin]
                )
                continue
            first = part.start + (int(self._spans.first[place]) - part.start) % self._spans.step
            taken = samples[:, first - origin : part.stop - origin : self._spans.step]
            if taken.shape[1]:  # else it lies between two taps
                self._take(place, taken)

    def result(self) -> Array:
        """What the blocks have made."""
        if self._wide.scaled:
            self._sums[...] /= np.where(self._weights == 0, 1.0, self._weights)[:, None]
        return self._made.astype(self._dtype, copy=False)

    @property
    def _sums(self) -> Array:
        return along(self._made, self._axis)

    def _take(self, place: int, samples: Array) -> None:
        """Samples that weigh the same."""
        made, share = self._sums[:, place], self._share(place)
        if self._map.reduce is TapReduction.MAX:
            greatest = samples.max(axis=1)
            made[...] = np.maximum(made, greatest) if self._begun[place] else greatest
        elif samples.dtype == np.float64:  # whose sum might be more than a float64 holds
            made += np.add.reduce(samples * share, axis=1)
        else:
            made += np.add.reduce(samples, axis=1, dtype=np.float64) * share
        self._begun[place] = True

    def _share(self, place: int) -> float:
        return 1.0 if self._spans.shares is None else float(self._spans.shares[place])

    def _weigh(self, place: int, part: slice) -> NDArray[np.float64]:
        """What the samples in `part` weigh, and those beyond an end that repeat them."""
        weights = self._weights_of(place, part.start, part.stop)
        if self._wide.repeats and part.start == 0:
            weights[0] += self._sum_of(place, int(self._spans.first[place]), 0)
        if self._wide.repeats and part.stop == self._map.in_size:
            weights[-1] += self._sum_of(place, part.stop, int(self._stops[place]))
        self._weights[place] += weights.sum()
        return weights

    def _sum_of(self, place: int, start: int, stop: int) -> float:
        runs = (self._weights_of(place, low, min(low + RUN, stop)) for low in range(start, stop, RUN))
        return float(sum(run.sum() for run in runs))

    def _weights_of(self, place: int, start: int, stop: int) -> NDArray[np.float64]:
        """As `wide.weigh` says, but of `scaled` ones, which may weigh anything, so that sums stay small."""
        assert self._wide.weigh is not None
        weights = self._wide.weigh(self._positions[place : place + 1], np.arange(start, stop)[None])[0]
        return np.asarray(weights / self._spans.counts[place] if self._wide.scaled else weights)


def _weighted(weights: NDArray[np.float64], samples: Array) -> Array:
    """The weighted sum of (outer, samples, inner) along the samples. What weighs nothing is not looked at."""
    used = weights != 0
    if not used.all():
        weights, samples = weights[used], samples[:, used]
    samples = samples.astype(np.float64, copy=False)
    if samples.shape[2] == 1:
        return np.asarray((samples[..., 0] @ weights)[:, None])
    return np.asarray(weights @ samples)
