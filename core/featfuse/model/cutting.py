"""Cutting a tensor into windows: any lengths, or pieces in the order in which it is stored."""

import math
from collections.abc import Iterator

from featfuse.model.tensor import Window, window_shape

__all__ = ["even_lengths", "pieces", "windows", "within"]


def windows(shape: tuple[int, ...], lengths: tuple[int, ...]) -> Iterator[Window]:
    """Every window of these lengths, row by row. None when the tensor has no elements."""
    if 0 in shape:
        return
    size, length = (shape[0], lengths[0]) if shape else (1, 1)
    for start in range(0, size, length):  # never listed: an axis may have any size
        ahead = (slice(start, min(start + length, size)),) if shape else ()
        for behind in windows(shape[1:], lengths[1:]) if shape[1:] else [()]:
            yield (*ahead, *behind)


def even_lengths(
    shape: tuple[int, ...], elements: int, unit: tuple[int, ...] | None = None
) -> tuple[int, ...]:
    """Window lengths of about `elements`, leading axes cut first: for copying.

    With `unit`, the shape of what is stored together, they are multiples of it, or all there is.
    """
    steps = unit or (1,) * len(shape)
    lengths = [max(1, min(step, size)) for step, size in zip(steps, shape, strict=True)]
    for axis in reversed(range(len(shape))):
        others = math.prod(lengths) // lengths[axis]
        lengths[axis] = max(1, min(shape[axis], max(1, elements // (others * steps[axis])) * steps[axis]))
        if lengths[axis] < shape[axis]:
            break
    return tuple(lengths)


def pieces(shape: tuple[int, ...], elements: int, unit: tuple[int, ...] | None = None) -> Iterator[Window]:
    """Windows of at most `elements` that cover `shape` once, unit after unit where these are larger."""
    for window in windows(shape, even_lengths(shape, elements, unit)):
        sizes = window_shape(window)
        for part in windows(sizes, even_lengths(sizes, elements)):
            yield within(window, part)


def within(window: Window, part: Window) -> Window:
    """Where in the tensor a `part` of one of its windows lies, which counts from the window's own start."""
    return tuple(
        slice(outer.start + inner.start, outer.start + inner.stop)
        for outer, inner in zip(window, part, strict=True)
    )
