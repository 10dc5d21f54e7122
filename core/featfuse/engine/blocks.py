"""A block seen along one axis: every strategy works on it as (lines before, samples, what lies behind)."""

import math

from featfuse.model.tensor import Array

__all__ = ["along", "part_along"]


def along(block: Array, axis: int) -> Array:
    """`block` as (outer, samples, inner): what lies before `axis`, the axis, and what lies behind it."""
    outer, inner = math.prod(block.shape[:axis]), math.prod(block.shape[axis + 1 :])
    return block.reshape(outer, block.shape[axis], inner)


def part_along(block: Array, axis: int, part: slice) -> Array:
    """The view of `block` that `part` names along `axis`."""
    return block[(slice(None),) * axis + (part,)]
