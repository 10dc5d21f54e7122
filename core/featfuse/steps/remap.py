"""Remap: AxisMaps along some axes, applied one axis after the other."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from featfuse import engine
from featfuse.engine.casts import cast
from featfuse.model.axis import AxisMap, Reduce
from featfuse.model.tensor import Array, Window, window_shape
from featfuse.steps.base import Run, Step
from featfuse.steps.windows import even_lengths, windows

__all__ = ["Remap"]

Chain = tuple[AxisMap, ...]

_MOST_KNOWN = 1 << 12
"""Slices whose needs are kept: the windows of a run ask for the same few again and again."""


class Remap(Step):
    """`chains[axis]` is a chain of maps, applied in turn; empty for an axis that stays.

    Blocks are computed in `dtype`.
    """

    def __init__(
        self, child: Step, chains: Sequence[Chain], dtype: np.dtype[Any], order: Iterable[int]
    ) -> None:
        self.children = (child,)
        self.chains = tuple(chains)
        self.dtype = dtype
        self.shape = tuple(
            chain[-1].out_size if chain else size
            for chain, size in zip(self.chains, child.shape, strict=True)
        )
        self.multiplies_matrices = any(step.weighted for chain in self.chains for step in chain)
        self.order = sorted((axis for axis in order if self.chains[axis]), key=self._turn)
        self._known: dict[tuple[int, int, int], list[slice]] = {}

    def _turn(self, axis: int) -> tuple[int, bool, int]:
        """When an axis has its turn. Selections (crop, stride) first, which all others may follow; then
        maxima and borders, then sums: the mean of the channels' maxima is not the maximum of their means.

        Within these those that shrink come first; of those that grow by weights the last axis, as its
        products read single samples and the others' whole rows. All others keep the input's own order,
        which is numpy.pad's: its medians depend on it.
        """
        chain = self.chains[axis]
        selects = all(step.view is not None for step in chain)
        sums = all(step.reduce is Reduce.SUM and step.fill is None for step in chain)
        grows = self.shape[axis] > self.children[0].shape[axis]
        by_weights = grows and any(step.weighted for step in chain)
        return 0 if selects else 2 if sums else 1, grows, -axis if by_weights else 0

    def prepare(self, run: Run) -> None:
        super().prepare(run)
        self._look_for_flat_ramps(run)

    def _look_for_flat_ramps(self, run: Run) -> None:
        """Tell each linear ramp whether an edge sample equals its end value, as np.linspace will ask.

        Behind a padded axis one always does: the outermost line of that border is the end value.
        """
        ramps = [axis for axis in self.order if any(_is_ramp(step) for step in self.chains[axis])]
        for place, axis in enumerate(ramps):
            chain = self.chains[axis]
            ramp = chain[-1]
            assert ramp.fill is not None
            flat = (True, True) if place else self._flat_edges(axis, ramp.fill.value, run)
            flatter = replace(ramp, fill=replace(ramp.fill, flat=flat))
            self.chains = (*self.chains[:axis], (*chain[:-1], flatter), *self.chains[axis + 1 :])

    def _flat_edges(self, axis: int, end: float, run: Run) -> tuple[bool, bool]:
        """Whether the first, and the last, samples along `axis` have the value `end` among them."""
        child = self.children[0]
        found = []
        for position in (0, child.shape[axis] - 1):
            shape = (*child.shape[:axis], 1, *child.shape[axis + 1 :])
            lines = windows(shape, even_lengths(shape, run.budget // (8 * child.dtype.itemsize)))
            edges = ((*line[:axis], slice(position, position + 1), *line[axis + 1 :]) for line in lines)
            found.append(any(bool((child.block(edge, run) == end).any()) for edge in edges))
        return found[0], found[1]

    def _slices(self, axis: int, out: slice) -> list[slice]:
        """What each map of the chain must give out, from the chain's input to its result."""
        if not self.chains[axis]:
            return [out]
        known = self._known.get((axis, out.start, out.stop))
        if known is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            known = self._known[axis, out.start, out.stop] = self._found(axis, out)
        return known

    def _found(self, axis: int, out: slice) -> list[slice]:
        slices = [out]
        for axis_map in reversed(self.chains[axis]):
            slices.insert(0, axis_map.needed(slices[0]))
        return slices

    def need(self, window: Window) -> tuple[Window, ...]:
        return (tuple(self._slices(axis, out)[0] for axis, out in enumerate(window)),)

    def apply(self, window: Window, blocks: Sequence[Array], run: Run) -> Array:
        block = cast(blocks[0], self.dtype)
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
            before = math.prod(shape)
            longest = max(part.stop - part.start for part in self._slices(axis, window[axis])[1:])
            shape[axis] = longest
            peak = max(peak, before + 2 * math.prod(shape))
        taps = [
            step.tap_bytes(out)
            for axis in self.order
            for step, out in zip(self.chains[axis], self._slices(axis, window[axis])[1:], strict=True)
        ]
        return peak * self.dtype.itemsize + max(taps, default=0)


def _is_ramp(step: AxisMap) -> bool:
    return step.fill is not None and step.fill.kind == "linear_ramp"
