"""Scaling: sizes that follow from a factor, --scale, or from one factor for all axes, --keep-aspect."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from featfuse.errors import ShapeError, UsageError
from featfuse.planning.plan import Member
from featfuse.request.defaults import convention_of
from featfuse.request.options import Options
from featfuse.request.spelling import spelled
from featfuse.wording import phrase, worded

__all__ = ["Fit", "by_aspect", "by_scale"]

Sizes = Mapping[str, int]


class Fit(NamedTuple):
    """The grid that an input comes to, and by which factors, where the sizes do not say them."""

    sizes: Sizes
    factors: Mapping[str, float]


def by_scale(members: Sequence[Member], space: Sequence[str], options: Options) -> list[Fit]:
    """Every input to floor(size * scale), as torch and ONNX have it, but for those which lie there already.

    ShapeError where the inputs do not meet. ONNX' scales are float32.
    """
    factors = _factors(space, options)
    scaled = [
        {letter: math.floor(size * factors.get(letter, 1.0)) for letter, size in member.grid.items()}
        for member in members
    ]
    told = worded("scale", spelled("scale", options.scale))
    for member, sizes in zip(members, scaled, strict=True):
        for letter, size in sizes.items():
            if not size and member.grid[letter]:
                raise ShapeError(
                    f"{member.spec.name}: {told} takes axis {letter} from {member.grid[letter]} to 0 samples",
                    hint=phrase("Choose a larger factor, or {to}."),
                )
    for target in scaled:
        if len(target) == len(space):
            found = [_fit(member, own, target) for member, own in zip(members, scaled, strict=True)]
            fits = [Fit(target, factors if by_factor else {}) for by_factor in found if by_factor is not None]
            if len(fits) == len(members):
                return [it._replace(factors={}) for it in fits] if options.recompute_scale_factor else fits
    raise _apart(
        told,
        members,
        scaled,
        phrase("It brings all inputs to one grid, or some to that of the others. Name the grid with {to}."),
    )


def _fit(member: Member, scaled: Sizes, target: Sizes) -> bool | None:
    """Whether the input comes to `target` by the factors; None when it cannot. One sample goes anywhere."""
    if scaled == {letter: target[letter] for letter in scaled}:
        return True
    return False if all(size in (1, target[letter]) for letter, size in member.grid.items()) else None


def _factors(space: Sequence[str], options: Options) -> dict[str, float]:
    scale = options.scale
    if isinstance(scale, Mapping):
        unknown = [letter for letter in scale if letter not in space]
        if unknown:
            raise UsageError(
                f"{worded('scale', spelled('scale', scale))}: no spatial axis {unknown[0]}",
                hint=f"The spatial axes are {' '.join(space) or 'none'}.",
            )
        factors = dict(scale)
    elif len(scale) in (1, len(space)):
        factors = dict(zip(space, scale * len(space), strict=False))
    else:
        raise UsageError(
            f"{worded('scale', spelled('scale', scale))}: {len(scale)} factors for {len(space)} spatial axes "
            f"({' '.join(space) or 'none'})",
            hint="Give one for all, or one for each.",
        )
    if convention_of(options).float32_scale:
        return {letter: float(np.float32(factor)) for letter, factor in factors.items()}
    return factors


def _apart(option: str, members: Sequence[Member], reached: Sequence[Sizes], hint: str) -> ShapeError:
    """The error for inputs that an option brings to several grids."""
    told = ", ".join(
        f"{member.spec.name} {_grid(member.grid)} → {_grid(sizes)}"
        for member, sizes in zip(members, reached, strict=True)
    )
    return ShapeError(f"{option}: the inputs do not meet: {told}", hint=hint)


def _grid(sizes: Sizes) -> str:
    return "x".join(map(str, sizes.values()))


def by_aspect(members: Sequence[Member], wanted: Sizes, named: Sizes, options: Options) -> list[Fit]:
    """Every input by one factor to what is not larger, or not smaller, than `wanted`: ONNX'
    keep_aspect_ratio_policy. Of the axes those count that are `named`; the others stay.

    ShapeError where the inputs do not meet.
    """
    choose = min if options.keep_aspect == "not-larger" else max
    counted = named or wanted
    fits = []
    for member in members:
        own = {letter: size for letter, size in member.grid.items() if letter in counted}
        if 0 in own.values():
            raise ShapeError(
                f"{member.spec.name}: {worded('keep_aspect')}: there are no samples",
                hint=phrase("Use {method:pad|crop}."),
            )
        factor = choose((wanted[letter] / size for letter, size in own.items()), default=1.0)
        sizes = {letter: int(factor * size + 0.5) for letter, size in own.items()}
        fits.append(Fit(dict(wanted) | sizes, dict.fromkeys(own, factor)))
    if any(fit.sizes != fits[0].sizes for fit in fits):
        raise _apart(
            worded("keep_aspect", options.keep_aspect),
            members,
            [fit.sizes for fit in fits],
            phrase("Their aspect ratios differ: use {method:letterbox}, or leave {keep_aspect} out."),
        )
    return fits
