"""A weighted sum as small dense matrix products."""

import math
from typing import NamedTuple

import numpy as np

from featfuse.engine.blocks import along
from featfuse.engine.gather import MANY_TAPS, SAME_WEIGHT, weighted_sum
from featfuse.engine.sums import multiply
from featfuse.engine.task import Strategy, Task
from featfuse.model.axis import AxisMap, TapReduction
from featfuse.model.bounded_cache import BoundedCache
from featfuse.model.tensor import Array

__all__ = ["BANDED", "TILE"]

TILE = 16
"""Output positions per product, at most. Wider tiles multiply more zeros, narrower ones call BLAS more
often: of 16, 24 and 32, 16 took a quarter less at twice the size, and as long elsewhere."""

_CACHED_BYTES = 1 << 19
"""Lines and results that go through all tiles together: they stay in a core's own cache meanwhile."""

_LEAST_WIDTH = 8
"""Rows or columns below which a matrix product is not worth its call."""


class _Tiles(NamedTuple):
    """`number` tiles of output positions, side by side from `place` on, that have one `matrix` (positions,
    samples): the first reads the samples from `source` on, each other those `step` further."""

    place: int
    number: int
    source: int
    step: int
    matrix: Array


def _suits(task: Task) -> tuple[_Tiles, ...] | None:
    """The tiles where BLAS is the faster way: a sum of several taps, and enough lines to share the matrix."""
    shape, dtype, axis = task.block.shape, task.block.dtype, task.axis
    if task.axis_map.reduce is not TapReduction.SUM or dtype.kind != "f":
        return None
    outer, inner = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
    width = task.taps.indices.shape[1]
    worth = (outer if inner == 1 else inner) >= _LEAST_WIDTH or width >= MANY_TAPS
    if width <= 1 or not worth:
        return None
    return _CACHE.get((task.axis_map, task.out.start, task.out.stop, dtype.str))


def _apply(task: Task, tilings: tuple[_Tiles, ...]) -> Array:
    """Each tile of output positions is a small dense matrix times the few input samples it reads.

    Tiles that share a matrix are one call, on a view in which the samples of neighbours overlap: between
    calls the interpreter lets only one thread go on.

    A zero of the matrix times NaN or inf is NaN: then, and only then, every output of the tile that reads
    next to it is not finite, so a look at the tiles' first positions tells whether to gather instead. Such a
    product is nobody's overflow.
    """
    axis_map, block, axis = task.axis_map, task.block, task.axis
    origin, out = task.origin, task.out
    samples = along(np.ascontiguousarray(block), axis)
    result = np.empty((samples.shape[0], out.stop - out.start, samples.shape[2]), dtype=block.dtype)
    width = _tile_width(axis_map)
    with np.errstate(invalid="ignore"):
        for tiles in tilings:
            if not tiles.matrix.shape[1]:  # every tap is absent
                result[:, tiles.place : tiles.place + tiles.number * len(tiles.matrix)] = 0
            elif samples.shape[2] == 1:
                _multiply_lines(tiles, samples[..., 0], origin, result[..., 0])
            else:
                _multiply_rows(tiles, samples, origin, result)
    if not np.isfinite(result[:, ::width]).all():
        _gather_the_infinite(task, tilings, samples, result)
    return result.reshape(*block.shape[:axis], -1, *block.shape[axis + 1 :])


def _multiply_rows(tiles: _Tiles, samples: Array, origin: int, result: Array) -> None:
    """Matrix times samples, for every tile of every (samples, inner) plane."""
    rows, reach = tiles.matrix.shape
    outer, size, inner = samples.shape
    read = _view(
        samples,
        (tiles.source - origin) * inner,
        (outer, tiles.number, reach, inner),
        (size * inner, tiles.step * inner, inner, 1),
    )
    made = _view(
        result,
        tiles.place * inner,
        (outer, tiles.number, rows, inner),
        (result.shape[1] * inner, rows * inner, inner, 1),
    )
    multiply(tiles.matrix, read, made)


def _multiply_lines(tiles: _Tiles, samples: Array, origin: int, result: Array) -> None:
    """Samples times the transposed matrix, for every tile: lines go through all tiles while in the cache."""
    rows, reach = tiles.matrix.shape
    outer, size, out_size = len(samples), samples.shape[1], result.shape[1]
    share = _lines_in_cache(samples, result)
    whole = outer // share * share
    for first, last, lines in ((0, whole, share), (whole, outer, outer - whole)):
        if first == last:
            continue
        shares = (last - first) // lines
        read = _view(
            samples,
            first * size + tiles.source - origin,
            (shares, tiles.number, lines, reach),
            (lines * size, tiles.step, size, 1),
        )
        made = _view(
            result,
            first * out_size + tiles.place,
            (shares, tiles.number, lines, rows),
            (lines * out_size, rows, out_size, 1),
        )
        multiply(read, tiles.matrix.T, made)


def _lines_in_cache(samples: Array, result: Array) -> int:
    """How many entries of both arrays' first axis fit into the cache together; at least one."""
    bytes_each = (samples.nbytes + result.nbytes) // max(len(samples), 1)
    return max(1, min(_CACHED_BYTES // max(bytes_each, 1), len(samples)))


def _view(block: Array, first: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Array:
    """A view of the contiguous `block` from element `first` on; `strides` are in elements."""
    width = block.itemsize
    return np.ndarray(shape, block.dtype, block, first * width, tuple(step * width for step in strides))


def _gather_the_infinite(task: Task, tilings: tuple[_Tiles, ...], samples: Array, result: Array) -> None:
    """Compute anew, tap by tap, the tiles of `result` that are not finite.

    Not those in which every output reads each sample of the tile once: they are right, and may have a million
    taps.
    """
    for tiles in tilings:
        rows = len(tiles.matrix)
        for place in range(tiles.place, tiles.place + tiles.number * rows, rows):
            if np.isfinite(result[:, place]).all():
                continue
            start = task.out.start + place
            taps = task.axis_map.taps(slice(start, start + rows))
            if not (tiles.matrix.all() and np.count_nonzero(taps.present) == tiles.matrix.size):
                result[:, place : place + rows] = weighted_sum(taps, samples, 1, task.origin)


def _tile_width(axis_map: AxisMap) -> int:
    """Output positions per tile: fewer when they read many samples, and whole turns of a map that repeats."""
    in_size, out_size = max(axis_map.in_size, 1), max(axis_map.out_size, 1)
    width = max(1, min(TILE, TILE * out_size // in_size))
    turn = out_size // math.gcd(in_size, out_size)
    return width // turn * turn if turn <= width else width


def _tilings(wanted: tuple[AxisMap, int, int, str]) -> tuple[_Tiles, ...]:
    """The tiles of a map's output positions from start to stop, neighbours with one matrix together."""
    axis_map, start, stop, dtype = wanted
    width = _tile_width(axis_map)
    found: list[_Tiles] = []
    for low in range(start, stop, width):
        matrix, source = _matrix(axis_map, low, min(low + width, stop))
        last = found[-1] if found else None
        if last is not None and _continues(last, matrix, source):
            step = last.step if last.number > 1 else source - last.source
            found[-1] = last._replace(number=last.number + 1, step=step)
        else:
            found.append(_Tiles(low - start, 1, source, 0, matrix))
    return tuple(tiles._replace(matrix=tiles.matrix.astype(dtype)) for tiles in found)


def _bytes(tilings: tuple[_Tiles, ...]) -> int:
    return sum(tiles.matrix.nbytes + _TILES_BYTES for tiles in tilings)


_TILES_BYTES = 400
"""What a `_Tiles` takes beside the values of its matrix."""

_CACHE = BoundedCache(_tilings, _bytes, 1 << 24)
"""The windows of a run ask for the same few again and again."""


def _continues(tiles: _Tiles, matrix: Array, source: int) -> bool:
    """Whether a tile follows on the others: the same matrix, the samples as far on as before."""
    if matrix.shape != tiles.matrix.shape:
        return False
    regular = tiles.number == 1 or source == tiles.source + tiles.number * tiles.step
    return regular and source >= tiles.source and bool((np.abs(matrix - tiles.matrix) <= SAME_WEIGHT).all())


def _matrix(axis_map: AxisMap, start: int, stop: int) -> tuple[Array, int]:
    """The weights of some output positions as (positions, samples), and the first of these samples."""
    taps = axis_map.taps(slice(start, stop))
    source = axis_map.needed(slice(start, stop))
    matrix = np.zeros((stop - start, source.stop - source.start), dtype=np.float64)
    rows, columns = np.nonzero(taps.present)
    weights = np.ones(len(rows)) if taps.weights is None else taps.weights[rows, columns]
    np.add.at(matrix, (rows, taps.indices[rows, columns] - source.start), weights)
    return matrix, source.start


BANDED = Strategy("banded", _suits, _apply)
