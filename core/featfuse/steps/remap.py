"""Remap: AxisMaps along some axes, applied one axis after the other."""

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from featfuse import engine
from featfuse.engine.casts import cast
from featfuse.engine.task import NOT_FLAT, Flat
from featfuse.model.axis import AxisMap, TapReduction
from featfuse.model.cutting import even_lengths, windows
from featfuse.model.tensor import Array, Window, window_shape
from featfuse.steps.base import Run, Step

__all__ = ["Remap"]

Chain = tuple[AxisMap, ...]

_MOST_TAPS = 1 << 16
"""Windows that are longer are made piece by piece, whatever the budget."""

_WORTH = 64
"""Windows that are shorter take no less memory in pieces."""


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
        fills = [step.fill for chain in self.chains for step in chain if step.fill is not None]
        self._has_ramps = any(fill.kind == "linear_ramp" for fill in fills)
        self.multiplies_matrices = any(step.weighted for chain in self.chains for step in chain)
        self.order = sorted((axis for axis in order if self.chains[axis]), key=self._turn)

    def _turn(self, axis: int) -> tuple[int, bool, int]:
        """When an axis has its turn. Selections (crop, stride) first, which all others may follow; then
        maxima and borders, then sums: the mean of the channels' maxima is not the maximum of their means.

        Within these those that shrink come first; of those that grow by weights the last axis, as its
        products read single samples and the others' whole rows. All others keep the input's own order,
        which is numpy.pad's: its medians depend on it.
        """
        chain = self.chains[axis]
        selects = all(step.view is not None for step in chain)
        sums = all(step.reduce is TapReduction.SUM and step.fill is None for step in chain)
        grows = self.shape[axis] > self.children[0].shape[axis]
        by_weights = grows and any(step.weighted for step in chain)
        return 0 if selects else 2 if sums else 1, grows, -axis if by_weights else 0

    def prepare(self, run: Run) -> None:
        super().prepare(run)
        self._look_for_flat_ramps(run)

    def _look_for_flat_ramps(self, run: Run) -> None:
        """Find out of each linear ramp whether an edge sample equals its end value, as np.linspace will ask.

        Behind a padded axis one always does: the outermost line of that border is the end value.
        """
        flat: dict[int, Flat] = {}
        for axis in self.order:
            fill = self.chains[axis][-1].fill
            if fill is not None and fill.kind == "linear_ramp":
                flat[axis] = (True, True) if flat else self._flat_edges(axis, fill.value, run)
        run.found[self] = flat

    def _flat_edges(self, axis: int, end: float, run: Run) -> Flat:
        """Whether the first, and the last, samples along `axis` have the value `end` among them."""
        child = self.children[0]
        found = []
        for position in (0, child.shape[axis] - 1):
            shape = (*child.shape[:axis], 1, *child.shape[axis + 1 :])
            lines = windows(shape, even_lengths(shape, run.budget // (8 * child.dtype.itemsize)))
            edges = ((*line[:axis], slice(position, position + 1), *line[axis + 1 :]) for line in lines)
            found.append(any(bool((child.block(edge, run) == end).any()) for edge in edges))
        return found[0], found[1]

    def in_pieces(self) -> Step:
        return self._split(super().in_pieces().children[0], _WORTH)

    @property
    def split(self) -> Step:
        """This step; if it has windows too long to hold, steps in a row, with these made piece by piece."""
        return self._split(self.children[0], _MOST_TAPS)

    def _split(self, step: Step, most_taps: int) -> Step:
        """One step for each map whose windows have more taps, and for what goes before or follows it."""
        maps = [axis_map for chain in self.chains for axis_map in chain]
        if self._has_ramps or not any(_is_longer(axis_map, most_taps) for axis_map in maps):
            return Remap(step, self.chains, self.dtype, self.order)
        from featfuse.steps.long_windows import LongWindows

        for axis in self.order:
            for axis_map in self.chains[axis]:
                if _is_longer(axis_map, most_taps):
                    step = LongWindows(step, axis, axis_map, self.dtype)
                else:
                    chains = [(axis_map,) if place == axis else () for place in range(len(self.shape))]
                    step = Remap(step, chains, self.dtype, [axis])
        return step

    def _slices(self, axis: int, out: slice) -> tuple[slice, ...]:
        """What each map of the chain must give out, from the chain's input to its result."""
        return _slices(self.chains[axis], out.start, out.stop) if self.chains[axis] else (out,)

    def need(self, window: Window) -> tuple[Window, ...]:
        return (tuple(self._slices(axis, out)[0] for axis, out in enumerate(window)),)

    def apply(self, window: Window, blocks: Sequence[Array], run: Run) -> Array:
        block = cast(blocks[0], self.dtype)
        for which, turns in engine.plan_passes(self._turns(window, run), block.shape, block.dtype):
            block = which.apply(turns, block)
        return block

    def _turns(self, window: Window, run: Run) -> list[engine.Turn]:
        """Every map of every chain, in the order in which they are applied."""
        flat: dict[int, Flat] = run.found.get(self, {})
        turns = []
        for axis in self.order:
            slices = self._slices(axis, window[axis])
            for axis_map, source, out in zip(self.chains[axis], slices[:-1], slices[1:], strict=True):
                turns.append(engine.Turn(axis_map, axis, source.start, out, flat.get(axis, NOT_FLAT)))
        return turns

    def scratch_bytes(self, window: Window) -> int:
        """At each axis: the block before it, its result and one gathered tap, or a ramp in float64."""
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
        ramps = 8 * math.prod(window_shape(window)) if self._has_ramps else 0
        return peak * self.dtype.itemsize + max(taps, default=0) + ramps


def _is_longer(axis_map: AxisMap, most_taps: int) -> bool:
    return axis_map.wide is not None and axis_map.width > most_taps


@lru_cache(maxsize=1 << 12)
def _slices(chain: Chain, start: int, stop: int) -> tuple[slice, ...]:
    """Kept: the windows of a run ask for the same few again and again."""
    slices = [slice(start, stop)]
    for axis_map in reversed(chain):
        slices.insert(0, axis_map.needed(slices[0]))
    return tuple(slices)
