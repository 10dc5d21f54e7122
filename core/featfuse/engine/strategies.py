"""The one place where it is decided how an AxisMap is applied to a block.

The strategy follows from the map's structure and the block's shape, and is invisible to callers. The first
of STRATEGIES that suits is taken; each stands before those that would do the same work more slowly:

- view: identity, crop, stride. No copy at all.
- padding: a border that is computed. One copy. It alone knows borders: all below go by taps.
- runs: more positions than taps are worked out for at a time; each run goes through the table again.
- phased: the map repeats and its taps weigh the same (pooling, nearest by integer factors): whole
  strided slices are combined. No index is looked up: 2 to 10 times faster than tap by tap. Before take,
  which suits some of these maps too.
- take: one unweighted sample per position. One gather.
- banded: any other weighted sum on a block large enough for BLAS: small dense matrices multiply more
  than needed, yet read the samples in place; 4 to 10 times faster than tap by tap.
- gather: tap by tap. Suits everything: small blocks, and the reference for the rest.

Results do not depend on how the output was cut into windows, but for the last bits of weighted sums: BLAS
rounds by the shapes it is given.
"""

from typing import Any

import numpy as np

from featfuse.engine.banded import BANDED
from featfuse.engine.gather import GATHER, TAKE
from featfuse.engine.padding import PADDING
from featfuse.engine.phased import PHASED
from featfuse.engine.task import NOT_FLAT, Flat, Strategy, Task
from featfuse.engine.views import VIEW
from featfuse.model.axis import RUN, AxisMap
from featfuse.model.tensor import Array

__all__ = ["STRATEGIES", "apply", "choose"]


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
    task = Task(axis_map, block, axis, origin, out, flat)
    strategy, found = choose(task)
    return strategy.apply(task, found)


def choose(task: Task) -> tuple[Strategy[Any], Any]:
    """The first strategy that suits, and what it has found out. The last one suits everything."""
    for strategy in STRATEGIES:
        found = strategy.suits(task)
        if found is not None:
            return strategy, found
    raise AssertionError("no strategy suits")


def _find_runs(task: Task) -> list[slice] | None:
    start, stop = task.out.start, task.out.stop
    if stop - start <= RUN:
        return None
    return [slice(first, min(first + RUN, stop)) for first in range(start, stop, RUN)]


def _run_by_run(task: Task, runs: list[slice]) -> Array:
    parts = [apply(task.axis_map, task.block, task.axis, task.origin, run) for run in runs]
    return np.concatenate(parts, axis=task.axis)


RUNS = Strategy("runs", _find_runs, _run_by_run)

STRATEGIES: tuple[Strategy[Any], ...] = (VIEW, PADDING, RUNS, PHASED, TAKE, BANDED, GATHER)
"""In the order in which they are tried."""
