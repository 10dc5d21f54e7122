"""Cutting a result into windows so that computing each one stays within a memory budget.

The cut depends on the plan and the budget alone, never on the number of threads.
"""

import itertools
import math
from collections.abc import Iterator

from featfuse.steps.base import Step
from featfuse.tensor import Window

__all__ = ["even_lengths", "window_cost", "window_lengths", "windows"]


def window_lengths(root: Step, budget: int) -> tuple[int, ...]:
    """The window's size per axis: leading axes are cut first, so that windows are contiguous in the file.

    An axis whose cutting would not save memory (a border that reads the whole axis, say) is left whole
    unless nothing else suffices. The result may still exceed the budget when even the smallest
    window does: `window_cost` tells.
    """
    lengths = list(root.shape)
    for must_help in (True, False):
        for axis, size in enumerate(lengths):
            cost = window_cost(root, lengths)
            if cost <= budget:
                return tuple(lengths)
            if size == 1:
                continue
            smallest = window_cost(root, _with(lengths, axis, 1))
            if must_help and smallest > 0.9 * cost:
                continue
            lengths[axis] = 1 if smallest > budget else _longest(root, lengths, axis, budget)
    return tuple(lengths)


def _longest(root: Step, lengths: list[int], axis: int, budget: int) -> int:
    """The largest length along `axis` that fits, evened out over the windows it takes."""
    low, high = 1, lengths[axis]
    while low < high:
        middle = (low + high + 1) // 2
        if window_cost(root, _with(lengths, axis, middle)) <= budget:
            low = middle
        else:
            high = middle - 1
    count = math.ceil(root.shape[axis] / low)
    return math.ceil(root.shape[axis] / count)


def _with(lengths: list[int], axis: int, length: int) -> list[int]:
    return [*lengths[:axis], length, *lengths[axis + 1 :]]


def window_cost(root: Step, lengths: list[int] | tuple[int, ...]) -> int:
    """Peak bytes of computing a window of these lengths: the worst of the first, a middle and the last."""
    costs = []
    for place in (0.0, 0.5, 1.0):
        starts = [int((size - length) * place) for size, length in zip(root.shape, lengths, strict=True)]
        window = tuple(slice(start, start + length) for start, length in zip(starts, lengths, strict=True))
        costs.append(root.peak_bytes(window))
    return max(costs)


def windows(shape: tuple[int, ...], lengths: tuple[int, ...]) -> Iterator[Window]:
    """Every window of the result, in file order. None when the result has no elements."""
    if 0 in shape:
        return
    cuts = [
        [slice(start, min(start + length, size)) for start in range(0, size, length)]
        for size, length in zip(shape, lengths, strict=True)
    ]
    yield from itertools.product(*cuts)


def even_lengths(shape: tuple[int, ...], elements: int) -> tuple[int, ...]:
    """Window lengths of about `elements`, leading axes cut first: for copying."""
    lengths = list(shape)
    for axis, size in enumerate(shape):
        below = math.prod(shape[axis + 1 :])
        lengths[axis] = max(1, min(size, elements // max(below, 1)))
        if lengths[axis] > 1:
            break
    return tuple(lengths)
