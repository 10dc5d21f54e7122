"""The one place where it is decided how an AxisMap is applied to a block.

The strategy follows from the map's structure and the block's shape, and is invisible to callers. In the
order in which they are tried:

- view: identity, crop, stride. No copy at all.
- `bordered`: padding whose border is computed. One copy.
- `phased`: the map repeats and its taps weigh the same (pooling, nearest by integer factors): whole
  strided slices are combined. No index is looked up: 2 to 10 times faster than tap by tap.
- `take`: one unweighted sample per position. One gather.
- `banded`: any other weighted sum on a block large enough for BLAS: small dense matrices multiply more
  than needed, yet read the samples in place; 4 to 10 times faster than tap by tap.
- `gather`: tap by tap. Small blocks, NaN and inf, and the reference for the rest.

Results do not depend on how the output was cut into windows, but for the last bits of weighted sums: BLAS
rounds by the shapes it is given.
"""

import numpy as np

from featfuse.engine.banded import banded, suits_blas
from featfuse.engine.blocks import part_along
from featfuse.engine.border import NOT_FLAT, Flat, bordered
from featfuse.engine.gather import gather, take
from featfuse.engine.phased import find_phases, phased
from featfuse.model.axis import RUN, AxisMap, TapReduction
from featfuse.model.tensor import Array

__all__ = ["apply"]


def apply(
    axis_map: AxisMap, block: Array, axis: int, origin: int, out: slice, flat: Flat = NOT_FLAT
) -> Array:
    """The output samples `out` of `axis_map` along `axis`.

    `block` holds the input samples from `origin` on, at least those of `axis_map.needed(out)`. For a
    weighted map it must already be of a type to compute in. `flat` is what a linear ramp must know of the
    whole tensor. The result may be a view of `block`.
    """
    shape = (*block.shape[:axis], max(out.stop - out.start, 0), *block.shape[axis + 1 :])
    if 0 in shape:  # also of a window that lies in another axis' border
        return np.empty(shape, block.dtype)
    if axis_map.view is not None:
        return _view(axis_map.view, block, axis, origin, out)
    if axis_map.fill is not None:
        return bordered(axis_map, block, axis, origin, out, flat)
    if out.stop - out.start > RUN:
        starts = range(out.start, out.stop, RUN)
        runs = (slice(start, min(start + RUN, out.stop)) for start in starts)
        return np.concatenate([_by_taps(axis_map, block, axis, origin, run) for run in runs], axis=axis)
    return _by_taps(axis_map, block, axis, origin, out)


def _view(view: range, block: Array, axis: int, origin: int, out: slice) -> Array:
    part = view[out.start : out.stop]
    last = part[-1] - origin + (1 if part.step > 0 else -1)
    return part_along(block, axis, slice(part[0] - origin, last if last >= 0 else None, part.step))


def _by_taps(axis_map: AxisMap, block: Array, axis: int, origin: int, out: slice) -> Array:
    """A map that is known by its taps, over a run of positions."""
    taps = axis_map.taps(out)
    phases = find_phases(axis_map, out.start, out.stop)
    if phases is not None:
        return phased(axis_map, phases, block, axis, origin, out)
    if taps.weights is None and taps.indices.shape[1] == 1 and taps.present.all():
        return take(taps, block, axis, origin)
    if axis_map.reduce is TapReduction.SUM and suits_blas(taps, block, axis):
        return banded(axis_map, block, axis, origin, out)
    return gather(taps, axis_map.reduce, block, axis, origin)
