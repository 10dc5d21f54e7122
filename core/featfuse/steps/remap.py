"""Remap: AxisMaps along some axes, applied one axis after the other."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from featfuse import engine
from featfuse.axis import AxisMap
from featfuse.steps.base import Run, Step
from featfuse.tensor import Array, Window, window_shape

__all__ = ["Remap"]

Chain = tuple[AxisMap, ...]


class Remap(Step):
    """`chains[axis]` is a chain of maps, applied in turn; empty for an axis that stays.

    Axes that shrink go first, so that the others have less to do. Blocks are computed in `dtype`.
    """

    def __init__(
        self, child: Step, chains: Sequence[Chain], dtype: np.dtype[Any], order: Iterable[int]
    ) -> None:
        self.children = (child,)
        self.chains = tuple(
            tuple(axis_map for axis_map in chain if not axis_map.is_identity) for chain in chains
        )
        self.dtype = dtype
        self.shape = tuple(
            chain[-1].out_size if chain else size
            for chain, size in zip(self.chains, child.shape, strict=True)
        )
        grows = [out_size > in_size for out_size, in_size in zip(self.shape, child.shape, strict=True)]
        # Ties keep the input's own axis order: numpy.pad's, on which its medians depend.
        self.order = sorted((axis for axis in order if self.chains[axis]), key=lambda axis: grows[axis])

    def _slices(self, axis: int, out: slice) -> list[slice]:
        """What each map of the chain must give out, from the chain's input to its result."""
        slices = [out]
        for axis_map in reversed(self.chains[axis]):
            slices.insert(0, axis_map.needed(slices[0]))
        return slices

    def need(self, window: Window) -> tuple[Window, ...]:
        return (tuple(self._slices(axis, out)[0] for axis, out in enumerate(window)),)

    def apply(self, window: Window, blocks: Sequence[Array], run: Run) -> Array:
        block = blocks[0].astype(self.dtype, copy=False)
        for axis in self.order:
            slices = self._slices(axis, window[axis])
            steps = zip(self.chains[axis], slices[:-1], slices[1:], strict=True)
            for axis_map, source, out in steps:
                block = engine.apply(axis_map, block, axis, source.start, out)
        return block

    def scratch_bytes(self, window: Window) -> int:
        """At each axis: the block before it, its result and one gathered tap."""
        shape = list(window_shape(self.need(window)[0]))
        peak = 0
        for axis in self.order:
            before = int(np.prod(shape, dtype=object))
            longest = max(part.stop - part.start for part in self._slices(axis, window[axis])[1:])
            shape[axis] = longest
            peak = max(peak, before + 2 * int(np.prod(shape, dtype=object)))
        return peak * self.dtype.itemsize
