"""Tokens: a (N, L, C) sequence of a vision transformer seen as a (N, H, W, C) grid."""

import math
from typing import NamedTuple

from featfuse.errors import ShapeError
from featfuse.model.tensor import Array, TensorSpec, Window
from featfuse.wording import phrase, worded

__all__ = ["TokenGrid", "as_grid", "layout_to_give", "square_grid"]


class TokenGrid(NamedTuple):
    """`skip` leading tokens, then `height` x `width` in row order."""

    height: int
    width: int
    skip: int

    def source_window(self, window: Window) -> tuple[Window, int]:
        """The window of the token tensor that holds the rows of a grid window, and its rows' number."""
        *batch, rows, _columns, channels = window
        tokens = slice(self.skip + rows.start * self.width, self.skip + rows.stop * self.width)
        return (*batch, tokens, channels), rows.stop - rows.start

    def fold(self, block: Array, window: Window, rows: int) -> Array:
        """Token rows as a grid block."""
        *batch, _tokens, channels = block.shape
        return block.reshape(*batch, rows, self.width, channels)[..., window[-2], :]


def as_grid(
    spec: TensorSpec, layout: str | None, grid: tuple[int, ...], skip: int
) -> tuple[TensorSpec, TokenGrid]:
    """The header of the grid, and how to read it. ShapeError names the count and the grids that fit."""
    layout = layout or spec.layout or ("LC" if len(spec.shape) == 2 else "NLC")
    if layout not in ("NLC", "LC"):
        hint = "Transpose the tensor before."
        if len(layout) != len(spec.shape):  # one layout for all inputs, which is the maps'
            hint = phrase("Give each input its own layout, NLC for the tokens, like {layout:NLC,NCHW}.")
        raise ShapeError(f"{spec.name}: {worded('grid')} reads N L C or L C, not {layout}", hint=hint)
    tokens = spec.shape[layout.index("L")]
    height, width = grid
    if tokens - skip != height * width:
        raise ShapeError(
            f"{spec.name}: {worded('grid', f'{height}x{width}')} holds {height * width} tokens, "
            f"the tensor has {tokens}"
            + (f", {tokens - skip} after {worded('skip_tokens', skip)}" if skip else ""),
            hint=_fitting_grids(tokens, skip),
        )
    *batch, _tokens, channels = spec.shape
    header = spec._replace(
        shape=(*batch, height, width, channels),
        layout=layout.replace("L", "HW"),
        chunks=None,
        token_grid=(height, width),
    )
    return header, TokenGrid(height, width, skip)


def square_grid(tokens: int) -> tuple[int, int] | None:
    """The square grid, of 3x3 or more, that so many tokens fill; None when there is none."""
    side = math.isqrt(max(tokens, 0))
    return (side, side) if side > 2 and side * side == tokens else None


def layout_to_give(spec: TensorSpec) -> str | None:
    """What --layout calls a tensor whose layout is known: tokens stay tokens, also when seen as a grid."""
    if spec.layout is not None and spec.token_grid is not None:
        return spec.layout.replace("HW", "L")
    return spec.layout


def _fitting_grids(tokens: int, skip: int) -> str:
    """Grids that would fit, with the same or the usual numbers of leading tokens."""
    offers = []
    for leading in dict.fromkeys((skip, 0, 1, 4, 5)):
        count = tokens - leading
        if count <= 0:
            continue
        pairs = [(side, count // side) for side in range(1, int(count**0.5) + 1) if count % side == 0]
        pairs = [pair for pair in pairs if pair[1] <= 8 * pair[0]] or (pairs[-1:] if leading == skip else [])
        if pairs:
            grids = " or ".join(f"{height}x{width}" for height, width in reversed(pairs[-3:]))
            offers.append(f"{grids} with {worded('skip_tokens', leading)}")
    return f"These would fit: {'; '.join(offers)} (or the other way round)."
