"""A weighted sum as small dense matrix products."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from featfuse.axis import AxisMap, Taps
from featfuse.engine.blocks import along, shares_in_cache
from featfuse.engine.gather import MANY_TAPS, weighted_sum
from featfuse.tensor import Array

__all__ = ["TILE", "banded", "suits_blas"]

TILE = 32
"""Output positions per product. Wider tiles multiply more zeros, narrower ones call BLAS more often; 16 to
64 differ little."""

_LEAST_WIDTH = 8
"""Rows or columns below which a matrix product is not worth its call."""


def suits_blas(taps: Taps, block: Array, axis: int) -> bool:
    """Whether BLAS is the faster way: several taps, and enough lines to share the matrix."""
    samples = along(block, axis)
    outer, _, inner = samples.shape
    width = outer if inner == 1 else inner
    worth = width >= _LEAST_WIDTH or taps.indices.shape[1] >= MANY_TAPS
    return taps.indices.shape[1] > 1 and block.dtype.kind == "f" and worth


def banded(axis_map: AxisMap, block: Array, axis: int, origin: int, out: slice) -> Array:
    """Each tile of output positions is a small dense matrix times the few input samples it reads.

    A zero of the matrix times NaN or inf is NaN: then, and only then, every output of the tile that reads
    next to it is not finite, so a look at the tiles' first positions tells whether to gather instead.
    """
    samples = along(np.ascontiguousarray(block), axis)
    outer, _, inner = samples.shape
    result = np.empty((outer, out.stop - out.start, inner), dtype=block.dtype)
    tiles = _tiles(axis_map, out.start, out.stop, origin, block.dtype.str)
    for read, made in shares_in_cache(samples, result):
        for place, matrix, source in tiles:
            if inner == 1:
                np.matmul(read[:, source, 0], matrix.T, out=made[:, place, 0])
            else:
                np.matmul(matrix, read[:, source], out=made[:, place])
    places = [place for place, _, _ in tiles]
    if not np.isfinite(result[:, [place.start for place in places]]).all():
        _gather_the_infinite(axis_map, samples, origin, out, result, places)
    return result.reshape(*block.shape[:axis], -1, *block.shape[axis + 1 :])


def _gather_the_infinite(
    axis_map: AxisMap, samples: Array, origin: int, out: slice, result: Array, places: Sequence[slice]
) -> None:
    """Compute anew, tap by tap, the tiles of `result` that are not finite."""
    for place in places:
        if not np.isfinite(result[:, place.start]).all():
            taps = axis_map.taps(slice(out.start + place.start, out.start + place.stop))
            result[:, place] = weighted_sum(taps, samples, 1, origin)


@lru_cache(maxsize=256)
def _tiles(
    axis_map: AxisMap, start: int, stop: int, origin: int, dtype: str
) -> list[tuple[slice, Array, slice]]:
    """The tiles of the output positions from `start` to `stop`: where each lies in the result, its matrix,
    and the samples it reads of a block that begins at `origin`."""
    step = max(1, min(TILE, TILE * axis_map.out_size // max(axis_map.in_size, 1)))
    tiles = []
    for first in range(start - start % step, stop, step):
        low, high = max(first, start), min(first + step, stop)
        matrix, source = _matrix(axis_map, low, high, dtype)
        reads = slice(source.start - origin, source.stop - origin)
        tiles.append((slice(low - start, high - start), matrix, reads))
    return tiles


@lru_cache(maxsize=1024)
def _matrix(axis_map: AxisMap, start: int, stop: int, dtype: str) -> tuple[Array, slice]:
    """The weights of some output positions as (positions, samples), and which samples these are."""
    taps = axis_map.taps(slice(start, stop))
    source = axis_map.needed(slice(start, stop))
    matrix = np.zeros((stop - start, source.stop - source.start), dtype=np.float64)
    rows, columns = np.nonzero(taps.present)
    weights = np.ones(len(rows)) if taps.weights is None else taps.weights[rows, columns]
    np.add.at(matrix, (rows, taps.indices[rows, columns] - source.start), weights)
    return matrix.astype(dtype), source
