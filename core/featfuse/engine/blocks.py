"""A block seen along one axis: every strategy works on it as (lines before, samples, what lies behind)."""

import math
from collections.abc import Iterator

from featfuse.tensor import Array

__all__ = ["along", "lines_in_cache", "part_along", "shares_in_cache"]

_CACHED_BYTES = 1 << 19
"""Samples and results that are worked on together: they stay in a core's own cache between two passes."""


def along(block: Array, axis: int) -> Array:
    """`block` as (outer, samples, inner): what lies before `axis`, the axis, and what lies behind it."""
    outer, inner = math.prod(block.shape[:axis]), math.prod(block.shape[axis + 1 :])
    return block.reshape(outer, block.shape[axis], inner)


def part_along(block: Array, axis: int, part: slice) -> Array:
    """The view of `block` that `part` names along `axis`."""
    return block[(slice(None),) * axis + (part,)]


def lines_in_cache(samples: Array, result: Array) -> int:
    """How many entries of both arrays' first axis fit into the cache together; at least one."""
    bytes_each = (samples.nbytes + result.nbytes) // max(len(samples), 1)
    return max(1, min(_CACHED_BYTES // max(bytes_each, 1), len(samples)))


def shares_in_cache(samples: Array, result: Array) -> Iterator[tuple[Array, Array]]:
    """Both (outer, ..., inner), cut along the first axis into shares small enough for the cache."""
    count = lines_in_cache(samples, result)
    for first in range(0, len(samples), count):
        yield samples[first : first + count], result[first : first + count]
