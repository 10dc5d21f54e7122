"""Statistics of a tensor that is seen block by block: least, greatest, mean, deviation, and what is counted.

Sums run in float64 within a share, around its own mean. Shares are joined by the formula of Chan, Golub and
LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances" (1979), which never
subtracts two large sums, so that nothing drifts over billions of values.
"""

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from featfuse.engine.casts import cast
from featfuse.model.dtypes import DTYPES, is_float
from featfuse.model.tensor import Array

__all__ = ["Accumulator", "Statistics"]

_SHARE = 1 << 16
"""Values at a time: a few passes over them stay in a core's own cache."""

_F32 = DTYPES["float32"]
_EXTREME = 400
"""Powers of two beyond which squares are taken of scaled values: those of others never overflow."""


class Statistics(NamedTuple):
    """What a tensor holds. The first four speak of its finite values, and are None where there is none.

    `min` and `max` are whole numbers where the tensor holds such; `std` divides by the count, as NumPy's.
    """

    min: int | float | None
    max: int | float | None
    mean: float | None
    std: float | None
    nan: int
    inf: int
    zeros: int


class _Moments(NamedTuple):
    """Number, mean and summed squared deviation of values that were divided by 2**exponent."""

    number: int
    mean: float
    squares: float
    exponent: int = 0

    def at(self, exponent: int) -> "_Moments":
        """The same with another scale."""
        shift = self.exponent - exponent
        return _Moments(
            self.number, math.ldexp(self.mean, shift), math.ldexp(self.squares, 2 * shift), exponent
        )

    def joined(self, other: "_Moments") -> "_Moments":
        """Those of both."""
        exponent = max(self.exponent, other.exponent)
        one, two = self.at(exponent), other.at(exponent)
        number = one.number + two.number
        share, distance = two.number / number, two.mean - one.mean
        squares = one.squares + two.squares + distance * distance * one.number * share
        return _Moments(number, one.mean + distance * share, squares, exponent)


class Accumulator:
    """The statistics of all blocks that were added, of any element type in DTYPES."""

    def __init__(self) -> None:
        self._nan = self._inf = self._zeros = 0
        self._low: int | float | None = None
        self._high: int | float | None = None
        self._moments: _Moments | None = None

    def add(self, block: Array) -> None:
        """Count the values of one more block in."""
        flat = block.ravel("K")
        with np.errstate(all="ignore"):  # NaN of short floats, and what is too small to matter
            for start in range(0, len(flat), _SHARE):
                self._add(flat[start : start + _SHARE])

    def _add(self, share: Array) -> None:
        floats = is_float(share.dtype)
        values = _widened(share) if floats else share.astype(np.float64)
        self._zeros += len(values) - int(np.count_nonzero(values))
        low, high = values.min(), values.max()
        if not (np.isfinite(low) and np.isfinite(high)):
            values = self._finite(values)
            if not len(values):
                return
            low, high = values.min(), values.max()
        # float64 does not hold every integer of 64 bits
        ends = (float(low), float(high)) if floats else (int(share.min()), int(share.max()))
        self._low = ends[0] if self._low is None else min(self._low, ends[0])
        self._high = ends[1] if self._high is None else max(self._high, ends[1])
        moments = _moments(values, float(low), float(high))
        self._moments = moments if self._moments is None else self._moments.joined(moments)

    def _finite(self, values: Array) -> Array:
        """The finite values; the others are counted."""
        finite = values[np.isfinite(values)]
        nan = int(np.count_nonzero(np.isnan(values)))
        self._nan += nan
        self._inf += len(values) - len(finite) - nan
        return finite

    def result(self) -> Statistics:
        """Of all that was added so far."""
        mean = std = None
        if self._moments is not None and self._low is not None and self._high is not None:
            count, mean, squares, exponent = self._moments
            low, high = (math.ldexp(end, -exponent) for end in (self._low, self._high))
            # what rounding may not do: leave the range, or deviate by more than half of it
            mean = math.ldexp(min(max(mean, low), high), exponent)
            std = math.ldexp(min(math.sqrt(squares / count), high / 2 - low / 2), exponent)
        return Statistics(self._low, self._high, mean, std, self._nan, self._inf, self._zeros)


def _widened(share: Array) -> Array:
    """Floats in float64, in memory of their own."""
    if share.itemsize == 1:
        return _values_of(share.dtype)[share.view(np.uint8)]
    return (cast(share, _F32) if share.itemsize == 2 else share).astype(np.float64)


@lru_cache
def _values_of(dtype: np.dtype[Any]) -> Array:
    """What each byte means in a type of 8 bits."""
    return np.arange(256, dtype=np.uint8).view(dtype).astype(np.float64)


def _moments(values: Array, low: float, high: float) -> _Moments:
    """The moments of finite values between `low` and `high`; `values` is overwritten."""
    count = len(values)
    exponent = math.frexp(max(-low, high))[1]
    if abs(exponent) <= _EXTREME:
        exponent = 0
    if low == high:  # exactly, whatever the rounding of a sum
        return _Moments(count, math.ldexp(low, -exponent), 0.0, exponent)
    if exponent:
        np.ldexp(values, -exponent, out=values)
    mean = float(values.sum()) / count
    values -= mean
    rest = float(values.sum()) / count  # what rounding left of the mean
    np.square(values, out=values)
    return _Moments(count, mean + rest, max(float(values.sum()) - rest * rest * count, 0.0), exponent)
