"""Windows too long to be held: output samples of a map along one axis, made of the child piece by piece."""

import math
from collections.abc import Iterator, Sequence

from featfuse.engine.casts import cast
from featfuse.engine.piecewise import TAP_BYTES, Piecewise
from featfuse.model.axis import AxisMap
from featfuse.model.dtypes import DType
from featfuse.model.tensor import Array, Window, window_shape
from featfuse.steps.base import Run, Step

__all__ = ["LongWindows"]

_PIECE_BYTES = 1 << 18
"""What a piece has side by side along the axis and those behind it."""


class LongWindows(Step):
    """`axis_map`, which is `wide`, along `axis` of the child. A piece is as long whatever the budget."""

    def __init__(self, child: Step, axis: int, axis_map: AxisMap, dtype: DType) -> None:
        assert axis_map.wide is not None
        self.children = (child,)
        self.axis, self.axis_map, self.dtype = axis, axis_map, dtype
        self.shape = (*child.shape[:axis], axis_map.out_size, *child.shape[axis + 1 :])
        self.multiplies_matrices = axis_map.wide.weigh is not None
        behind = math.prod(child.shape[axis + 1 :]) * dtype.itemsize
        self.piece = max(1, _PIECE_BYTES // max(behind, 1))

    def need(self, window: Window) -> tuple[Window, ...]:
        return (self._with(window, self.axis_map.needed(window[self.axis])),)

    def _with(self, window: Window, part: slice) -> Window:
        return (*window[: self.axis], part, *window[self.axis + 1 :])

    def _pieces(self, window: Window) -> range:
        """Where the pieces of the child begin: at multiples of their length."""
        need = self.axis_map.needed(window[self.axis])
        return range(need.start // self.piece * self.piece, need.stop, self.piece)

    def _piece(self, window: Window, start: int) -> Window:
        need = self.axis_map.needed(window[self.axis])
        return self._with(window, slice(max(start, need.start), min(start + self.piece, need.stop)))

    def block(self, window: Window, run: Run) -> Array:
        child = self.children[0]
        parts = (self._piece(window, start) for start in self._pieces(window))
        return self._made(window, ((child.block(part, run), part[self.axis].start) for part in parts))

    def apply(self, window: Window, blocks: Sequence[Array], run: Run) -> Array:
        return self._made(window, iter([(blocks[0], self.need(window)[0][self.axis].start)]))

    def _made(self, window: Window, pieces: Iterator[tuple[Array, int]]) -> Array:
        made = Piecewise(self.axis_map, self.axis, window[self.axis], window_shape(window), self.dtype)
        for piece, origin in pieces:
            made.add(cast(piece, self.dtype), origin)
        return made.result()

    def peak_bytes(self, window: Window) -> int:
        """Sums and result, and the first, a middle or the last piece: beside it a copy, its float64 and the
        weights."""
        starts = self._pieces(window)
        if not starts:
            return self.block_bytes(window)
        child, most = self.children[0], 0
        for start in {starts[0], starts[len(starts) // 2], starts[-1]}:
            piece = self._piece(window, start)
            elements, samples = math.prod(window_shape(piece)), window_shape(piece)[self.axis]
            work = elements * (self.dtype.itemsize + 8)
            if self.multiplies_matrices:
                work += elements * 8 + samples * TAP_BYTES
            most = max(most, child.peak_bytes(piece), child.block_bytes(piece) + work)
        positions = 64 * window_shape(window)[self.axis]
        return most + 8 * math.prod(window_shape(window)) + self.block_bytes(window) + positions

    def scratch_bytes(self, window: Window) -> int:
        """All that `peak_bytes` counts but the result."""
        return self.peak_bytes(window) - self.block_bytes(window)
