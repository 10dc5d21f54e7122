"""Long sums. A float32 that holds the sum of many terms rounds away much of the next one, so the terms are
summed piece by piece, and the pieces in float64 or by halves. Sums of few terms are as ever.
"""

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from featfuse.engine.blocks import part_along
from featfuse.model.tensor import Array

__all__ = ["add_along", "in_halves", "multiply", "waiting"]

_PRODUCTS = 64
"""Terms of a matrix product at a time: equal terms, the worst, are then off by a few ulp, and BLAS is still
called seldom enough."""

_TERMS = 32
"""Terms at a time where NumPy adds them one by one."""

_BLOCKS = 8
"""Whole blocks that are added one by one."""

Term = TypeVar("Term")


def multiply(left: Array, right: Array, out: Array) -> None:
    """Put the matrix product `left` @ `right` into `out`; all may be stacks of matrices."""
    size = left.shape[-1]
    whole = size - size % _PRODUCTS
    if size <= _PRODUCTS:
        np.matmul(left, right, out=out)
        return
    columns = left[..., :whole].reshape(*left.shape[:-1], -1, _PRODUCTS).swapaxes(-3, -2)
    rows = right[..., :whole, :].reshape(*right.shape[:-2], -1, _PRODUCTS, right.shape[-1])
    total = np.add.reduce(columns @ rows, axis=-3, dtype=np.float64)
    if whole < size:
        total += left[..., whole:] @ right[..., whole:, :]
    out[...] = total


def add_along(block: Array, axis: int) -> Array:
    """The sum along `axis`, which stays as size 1. NumPy adds what lies side by side by halves itself."""
    size = block.shape[axis]
    if size <= _TERMS or block.strides[axis] == block.itemsize:
        return np.asarray(np.add.reduce(block, axis=axis, keepdims=True))
    whole = size - size % _TERMS
    pieces = part_along(block, axis, slice(0, whole))
    pieces = pieces.reshape(*block.shape[:axis], -1, _TERMS, *block.shape[axis + 1 :])
    total = np.add.reduce(np.add.reduce(pieces, axis=axis + 1), axis=axis, keepdims=True, dtype=np.float64)
    if whole < size:
        total += np.add.reduce(part_along(block, axis, slice(whole, size)), axis=axis, keepdims=True)
    return np.asarray(total.astype(block.dtype))


def in_halves(add: Callable[[Term, Term], Term], term: Callable[[int], Term], start: int, stop: int) -> Term:
    """The sum of the terms from number `start` to `stop`, each asked for when its turn comes: one after the
    other where they are few, else one half and then the other."""
    if stop - start <= _BLOCKS:
        total = term(start)
        for number in range(start + 1, stop):
            total = add(total, term(number))
        return total
    middle = (start + stop) // 2
    return add(in_halves(add, term, start, middle), in_halves(add, term, middle, stop))


def waiting(count: int) -> int:
    """How many sums wait for their other half, at most, while `count` terms are added by halves."""
    return max(-(-count // _BLOCKS) - 1, 0).bit_length()
