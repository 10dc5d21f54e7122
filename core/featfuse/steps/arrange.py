"""Arrange: the result with its axes in another order, some of them flattened into one."""

import math
from collections.abc import Sequence

from featfuse.model.tensor import Array, Window
from featfuse.steps.base import Run, Step

__all__ = ["Arrange"]


class Arrange(Step):
    """`groups` names, for each axis of the result, the child's axes that it holds, the first of them slowest:
    ((0,), (2, 3), (1,)) makes N L C of N C H W."""

    def __init__(self, child: Step, groups: Sequence[tuple[int, ...]]) -> None:
        self.children = (child,)
        self.groups = tuple(groups)
        self.dtype = child.dtype
        self.sizes = tuple(tuple(child.shape[axis] for axis in group) for group in self.groups)
        self.shape = tuple(math.prod(sizes) for sizes in self.sizes)

    def need(self, window: Window) -> tuple[Window, ...]:
        parts: list[slice] = [slice(0, 0)] * len(self.children[0].shape)
        for group, sizes, part in zip(self.groups, self.sizes, window, strict=True):
            for axis, own in zip(group, _box(sizes, part), strict=True):
                parts[axis] = own
        return (tuple(parts),)

    def apply(self, window: Window, blocks: Sequence[Array], run: Run) -> Array:
        (block,) = blocks
        turned = block.transpose([axis for group in self.groups for axis in group])
        boxes = [_box(sizes, part) for sizes, part in zip(self.sizes, window, strict=True)]
        flat = turned.reshape([math.prod(part.stop - part.start for part in box) for box in boxes])
        cut = []
        for box, sizes, part in zip(boxes, self.sizes, window, strict=True):
            before = part.start - _first(box, sizes)
            cut.append(slice(before, before + part.stop - part.start))
        return flat[tuple(cut)]


def _box(sizes: Sequence[int], part: slice) -> list[slice]:
    """The smallest box of an array of `sizes` that holds the elements `part` of it in row order, and whose
    own elements follow each other there."""
    box: list[slice] = []
    first, last = part.start, max(part.stop - 1, part.start)
    for place in range(len(sizes)):
        row = math.prod(sizes[place + 1 :])
        low, high = first // row, last // row
        box.append(slice(low, high + 1))
        if low != high:
            return box + [slice(0, length) for length in sizes[place + 1 :]]
        first, last = first - low * row, last - low * row
    return box


def _first(box: Sequence[slice], sizes: Sequence[int]) -> int:
    """Which element, in row order, the box begins with."""
    place = 0
    for part, size in zip(box, sizes, strict=True):
        place = place * size + part.start
    return place
