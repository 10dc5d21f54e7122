"""Which inputs are tokens, and on which grid each of them is seen."""

from collections.abc import Sequence

from featfuse.errors import ShapeError, UsageError
from featfuse.model.layout import given_layouts
from featfuse.model.tensor import TensorSpec
from featfuse.model.tokens import TokenGrid, as_grid, square_grid
from featfuse.request.options import Options
from featfuse.wording import phrase, worded

__all__ = ["Laid", "grids_asked_for", "lay_grids"]

Laid = tuple[TensorSpec, TokenGrid]
"""The header of a grid, and how its data is read from the tokens."""

Grid = tuple[int, ...] | str

TOKEN_RANKS = (2, 3)


def grids_asked_for(specs: Sequence[TensorSpec], options: Options) -> list[Laid | None]:
    """`lay_grids` by --grid, --skip-tokens and --layout; None for all without --grid."""
    if options.grid is None:
        return [None] * len(specs)
    layouts = given_layouts(options.layout, len(specs))
    return lay_grids(specs, layouts, options.grid, options.skip_tokens or (0,))


def lay_grids(
    specs: Sequence[TensorSpec],
    layouts: Sequence[str | None],
    grids: Sequence[Grid],
    skips: Sequence[int],
) -> list[Laid | None]:
    """Each input that is tokens, seen on its grid; None for the others.

    Tokens are what its layout calls so; of unknown layout, tensors of two or three axes are, but for a square
    map beside tokens that fit. One grid, and one number of leading tokens, is for all of them; several are
    one each ("auto": the square that fits). ShapeError names the tokens that a grid does not hold, and the
    grids that would; UsageError when no input is tokens, or their number is another.
    """
    known = [layout or spec.layout for spec, layout in zip(specs, layouts, strict=True)]
    sure = [
        layout is not None and len(layout) == len(spec.shape)
        for spec, layout in zip(specs, known, strict=True)
    ]
    tokens = [
        place
        for place, spec in enumerate(specs)
        if ("L" in (known[place] or "") if sure[place] else len(spec.shape) in TOKEN_RANKS)
    ]
    maps = {place for place in tokens if not sure[place] and _is_square_map(specs[place].shape)}
    wanted = max(len(grids), len(skips))
    if wanted not in (1, len(tokens)):
        tokens = [place for place in tokens if place not in maps]
    if not tokens:
        raise UsageError(
            phrase("{grid}: no input is a token tensor"), hint=phrase("Say which with {layout:NLC}.")
        )
    for option, values in (("grid", grids), ("skip_tokens", skips)):
        if len(values) not in (1, len(tokens)):
            raise UsageError(
                f"{worded(option)}: {len(values)} values for {len(tokens)} token inputs",
                hint="Give one for all of them, or one each, joined by commas.",
            )
    result: list[Laid | None] = [None] * len(specs)
    left: list[tuple[int, ShapeError]] = []
    for index, place in enumerate(tokens):
        grid, skip = grids[index if len(grids) > 1 else 0], skips[index if len(skips) > 1 else 0]
        try:
            result[place] = _on_grid(specs[place], known[place], grid, skip)
        except ShapeError as misfit:
            left.append((place, misfit))
    for place, refused in left:
        if place not in maps or not any(result):
            raise refused
    return result


def _on_grid(spec: TensorSpec, layout: str | None, grid: Grid, skip: int) -> Laid:
    if not isinstance(grid, str):
        return as_grid(spec, layout, grid, skip)
    count = spec.shape[-2] - skip
    found = square_grid(count)
    if found is None:
        raise ShapeError(
            f"{spec.name}: {worded('grid', 'auto')}: {count} tokens are no square"
            + (f" ({spec.shape[-2]} less {worded('skip_tokens', skip)})" if skip else ""),
            hint=phrase("Give the grid, like {grid:14x10}, or other {skip_tokens}."),
        )
    return as_grid(spec, layout, found, skip)


def _is_square_map(shape: Sequence[int]) -> bool:
    """Whether a tensor of unknown layout looks like C H W or H W C of a square map."""
    return len(shape) == 3 and (shape[1] == shape[2] or shape[0] == shape[1])
