"""Pixel shuffle: channels spread over space, and back. Samples are moved as they are, whatever their type.

The deep map has C * R channels, the wide one C, where R neighbours of the wide map, r along each axis, lie on
one place of the deep map. Neighbours have numbers: row by row, the last axis fastest.
"""

import itertools
from abc import abstractmethod
from collections.abc import Sequence

import numpy as np

from featfuse.model.tensor import Array, Window, window_shape
from featfuse.steps.base import Run, Step

__all__ = ["DepthToSpace", "SpaceToDepth"]

Move = tuple[range, range]
"""Along one axis: positions of the child, and where in the result each of them goes."""


class _Shuffle(Step):
    """The channels at `channel_axis`, space at `axes`, r = `factor`.

    Neighbour number k of the wide map's channel c is channel k * C + c of the deep map with `blocks` (DCR),
    and c * R + k without (CRD).
    """

    def __init__(
        self, child: Step, channel_axis: int, axes: Sequence[int], factor: int, *, blocks: bool
    ) -> None:
        self.children = (child,)
        self.dtype = child.dtype
        self.axis, self.axes, self.factor, self.blocks = channel_axis, tuple(axes), factor, blocks
        self.neighbours = int(factor ** len(self.axes))
        self.shape = tuple(self._new_size(axis, size) for axis, size in enumerate(child.shape))

    @abstractmethod
    def _new_size(self, axis: int, size: int) -> int:
        """How long an axis of the child is in the result."""

    @abstractmethod
    def _along_channels(self, part: slice, number: int) -> Move:
        """What neighbour `number` gives to the channels in `part` of the result."""

    @abstractmethod
    def _along_space(self, part: slice, offset: int) -> Move:
        """What the neighbours `offset` samples behind the first give to the positions in `part`."""

    def apply(self, window: Window, blocks: Sequence[Array], run: Run) -> Array:
        result = np.empty(window_shape(window), dtype=self.dtype)
        first = [part.start for part in self.need(window)[0]]
        for number, offsets in enumerate(itertools.product(range(self.factor), repeat=len(self.axes))):
            source = [slice(None)] * len(window)
            goal = [slice(None)] * len(window)
            moves = {self.axis: self._along_channels(window[self.axis], number)}
            for axis, offset in zip(self.axes, offsets, strict=True):
                moves[axis] = self._along_space(window[axis], offset)
            for axis, (taken, given) in moves.items():
                source[axis] = _from(taken, first[axis])
                goal[axis] = _from(given, window[axis].start)
            result[tuple(goal)] = blocks[0][tuple(source)]
        return result

    def scratch_bytes(self, window: Window) -> int:
        """Nothing: samples go straight to their places."""
        return 0


class DepthToSpace(_Shuffle):
    """The wide map of a deep one."""

    def _new_size(self, axis: int, size: int) -> int:
        return size // self.neighbours if axis == self.axis else size * self._scale(axis)

    def _scale(self, axis: int) -> int:
        return self.factor if axis in self.axes else 1

    def need(self, window: Window) -> tuple[Window, ...]:
        parts = [
            slice(part.start // self._scale(axis), -(-part.stop // self._scale(axis)))
            for axis, part in enumerate(window)
        ]
        wanted = window[self.axis]
        if self.blocks:
            last = (self.neighbours - 1) * self.shape[self.axis]
            parts[self.axis] = slice(wanted.start, last + wanted.stop)
        else:
            parts[self.axis] = slice(wanted.start * self.neighbours, wanted.stop * self.neighbours)
        return (tuple(parts),)

    def _along_channels(self, part: slice, number: int) -> Move:
        channels = range(part.start, part.stop)
        if self.blocks:
            begin = number * self.shape[self.axis]
            return range(begin + part.start, begin + part.stop), channels
        return _spread(part, number, self.neighbours), channels

    def _along_space(self, part: slice, offset: int) -> Move:
        given, taken = _picked(part, offset, self.factor)
        return taken, given


class SpaceToDepth(_Shuffle):
    """The deep map of a wide one, whose spatial sizes are multiples of r."""

    def _new_size(self, axis: int, size: int) -> int:
        if axis == self.axis:
            return size * self.neighbours
        return size // self.factor if axis in self.axes else size

    def need(self, window: Window) -> tuple[Window, ...]:
        parts = list(window)
        for axis in self.axes:
            parts[axis] = slice(window[axis].start * self.factor, window[axis].stop * self.factor)
        parts[self.axis] = self._channels(window[self.axis])
        return (tuple(parts),)

    def _channels(self, wanted: slice) -> slice:
        """The child's channels that some of the wanted ones are made of."""
        if not self.blocks:
            return slice(wanted.start // self.neighbours, -(-wanted.stop // self.neighbours))
        count = self.children[0].shape[self.axis]
        begin = wanted.start // count * count
        if wanted.stop > begin + count:  # more than one neighbour's
            return slice(0, count)
        return slice(wanted.start - begin, wanted.stop - begin)

    def _along_channels(self, part: slice, number: int) -> Move:
        if not self.blocks:
            given, taken = _picked(part, number, self.neighbours)
            return taken, given
        count = self.children[0].shape[self.axis]
        begin = number * count
        given = range(max(part.start, begin), min(part.stop, begin + count))
        return range(given.start - begin, given.stop - begin), given

    def _along_space(self, part: slice, offset: int) -> Move:
        return _spread(part, offset, self.factor), range(part.start, part.stop)


def _spread(part: slice, offset: int, step: int) -> range:
    """Where the positions in `part` lie when each is the first of `step`, `offset` further on."""
    return range(part.start * step + offset, part.stop * step, step)


def _picked(part: slice, offset: int, step: int) -> Move:
    """The positions in `part` that `_spread` leads to, and those that lead there."""
    first = part.start + (offset - part.start) % step
    places = range(first, max(part.stop, first), step)
    return places, range(first // step, first // step + len(places))


def _from(positions: range, origin: int) -> slice:
    """`positions` as a slice of a block whose first position is `origin`; nothing where there are none."""
    if not positions:
        return slice(0, 0)
    return slice(positions.start - origin, positions.stop - origin, positions.step)
