"""Passes: in which steps the maps along several axes are applied to one block.

Today every map is a pass of its own. A pass that does the work of several axes at once (a product for rows
and columns, say) is one more row of PASSES, before `one map`; who uses it must count its memory.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from featfuse.engine.strategies import apply
from featfuse.engine.task import NOT_FLAT, Flat
from featfuse.model.axis import AxisMap
from featfuse.model.dtypes import DType
from featfuse.model.tensor import Array

__all__ = ["PASSES", "Pass", "Turn", "plan_passes"]


class Turn(NamedTuple):
    """A map's turn: it gives the output samples `out` along `axis`; the block begins with sample `origin`."""

    axis_map: AxisMap
    axis: int
    origin: int
    out: slice
    flat: Flat = NOT_FLAT


class Pass(NamedTuple):
    """`takes(turns, shape, dtype)`: how many of the next turns this pass does at once on a block of that
    shape and type, 0 for none. `apply(turns, block)` does them."""

    name: str
    takes: Callable[[Sequence[Turn], tuple[int, ...], DType], int]
    apply: Callable[[Sequence[Turn], Array], Array]


def plan_passes(
    turns: Sequence[Turn], shape: tuple[int, ...], dtype: DType
) -> list[tuple[Pass, Sequence[Turn]]]:
    """All turns, in their order, each in the first pass that takes it."""
    planned: list[tuple[Pass, Sequence[Turn]]] = []
    while turns:
        which, count = next((it, count) for it in PASSES if (count := it.takes(turns, shape, dtype)))
        planned.append((which, turns[:count]))
        sizes = {turn.axis: max(turn.out.stop - turn.out.start, 0) for turn in turns[:count]}
        shape = tuple(sizes.get(axis, size) for axis, size in enumerate(shape))
        turns = turns[count:]
    return planned


def _one(turns: Sequence[Turn], shape: tuple[int, ...], dtype: DType) -> int:  # noqa: ARG001
    return 1


def _apply_one(turns: Sequence[Turn], block: Array) -> Array:
    (turn,) = turns
    return apply(turn.axis_map, block, turn.axis, turn.origin, turn.out, turn.flat)


PASSES = (Pass("one map", _one, _apply_one),)
"""In the order in which they are asked."""
