"""Cutting a result into windows so that computing each one stays within a memory budget.

The cut depends on the plan and the budget alone, never on the number of threads.
"""

import math
from collections.abc import Iterator

from featfuse.model.tensor import Window, whole, window_shape
from featfuse.steps.base import Step

__all__ = ["even_lengths", "run_length", "window_cost", "window_lengths", "windows"]


WASTE = 4.0
"""How often, at most, an input may be read over and over for the sake of a small working set."""


def window_lengths(root: Step, target: int, limit: int | None = None) -> tuple[int, ...]:
    """The window's size per axis: leading axes are cut first, so that windows are contiguous in the file.

    Windows shrink towards `target` bytes as long as that does not read the inputs over and over (a
    border that is the mean of a whole axis reads all of it for each window), and then, whatever it
    costs, down to `limit`. The result may still exceed that: `window_cost` tells.
    """
    lengths, cost = _cut(root, list(root.shape), target, WASTE)
    if limit is not None and cost > limit:
        lengths, _ = _cut(root, lengths, limit, math.inf)
    return tuple(lengths)


def _cut(root: Step, lengths: list[int], budget: int, waste: float) -> tuple[list[int], int]:
    """Cut one axis after the other until a window costs at most `budget`; the lengths and what they cost."""
    cost = window_cost(root, lengths)
    for axis, size in enumerate(lengths):
        if cost <= budget:
            break
        if size <= 1:
            continue
        smallest = window_cost(root, _with(lengths, axis, 1))
        length = 1 if smallest > budget else _longest(root, lengths, axis, budget)
        shorter = _with(lengths, axis, length)
        if smallest < cost and _rereading(root, shorter) <= waste:
            lengths, cost = shorter, window_cost(root, shorter)
    return lengths, cost


def _rereading(root: Step, lengths: list[int]) -> float:
    """How often the inputs are read in all, when the result is computed in windows of these lengths."""
    everything = _source_elements(root, whole(root.shape))
    count = math.prod(
        math.ceil(size / max(length, 1)) for size, length in zip(root.shape, lengths, strict=True)
    )
    samples = [_source_elements(root, window) for window in _samples(root, lengths)]
    return count * sum(samples) / len(samples) / max(everything, 1)


def _source_elements(step: Step, window: Window) -> int:
    """Elements read from the inputs for one window."""
    if not step.children:
        return math.prod(window_shape(window))
    needs = zip(step.children, step.need(window), strict=True)
    return sum(_source_elements(child, need) for child, need in needs)


def _longest(root: Step, lengths: list[int], axis: int, budget: int) -> int:
    """The largest length along `axis` that fits, evened out over the windows it takes."""
    low, high = 1, lengths[axis]
    while low < high:
        middle = (low + high + 1) // 2
        if window_cost(root, _with(lengths, axis, middle)) <= budget:
            low = middle
        else:
            high = middle - 1
    even = math.ceil(root.shape[axis] / math.ceil(root.shape[axis] / low))
    # a shorter window may cost more: it begins elsewhere
    return even if window_cost(root, _with(lengths, axis, even)) <= budget else low


def _with(lengths: list[int], axis: int, length: int) -> list[int]:
    return [*lengths[:axis], length, *lengths[axis + 1 :]]


def window_cost(root: Step, lengths: list[int] | tuple[int, ...]) -> int:
    """Peak bytes of computing a window of these lengths: the worst of the first, a middle and the last."""
    return max(root.peak_bytes(window) for window in _samples(root, lengths))


def _samples(root: Step, lengths: list[int] | tuple[int, ...]) -> list[Window]:
    """The first, a middle and the last window; one where it is the whole."""
    if tuple(lengths) == root.shape:
        return [whole(root.shape)]
    sides = [(size, length) for size, length in zip(root.shape, lengths, strict=True)]
    starts = [[int((size - length) * place) for size, length in sides] for place in (0.0, 0.5, 1.0)]
    return [
        tuple(slice(start, start + length) for start, length in zip(begin, lengths, strict=True))
        for begin in starts
    ]


def windows(shape: tuple[int, ...], lengths: tuple[int, ...]) -> Iterator[Window]:
    """Every window of the result, in file order. None when the result has no elements."""
    if 0 in shape:
        return
    size, length = (shape[0], lengths[0]) if shape else (1, 1)
    for start in range(0, size, length):  # never listed: an axis may have any size
        ahead = (slice(start, min(start + length, size)),) if shape else ()
        for behind in windows(shape[1:], lengths[1:]) if shape[1:] else [()]:
            yield (*ahead, *behind)


def run_length(shape: tuple[int, ...], lengths: tuple[int, ...]) -> int:
    """How many elements of a window lie side by side in the whole."""
    count = 1
    for size, length in zip(reversed(shape), reversed(lengths), strict=True):
        count *= length
        if length < size:
            break
    return count


def even_lengths(shape: tuple[int, ...], elements: int) -> tuple[int, ...]:
    """Window lengths of about `elements`, leading axes cut first: for copying."""
    lengths = list(shape)
    for axis, size in enumerate(shape):
        below = math.prod(shape[axis + 1 :])
        lengths[axis] = max(1, min(size, elements // max(below, 1)))
        if lengths[axis] > 1:
            break
    return tuple(lengths)
