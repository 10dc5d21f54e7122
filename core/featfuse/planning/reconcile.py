"""Reconciling: which grid the inputs meet on, and the AxisMaps that bring each input there."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from featfuse.errors import FeatfuseError, ShapeError, UsageError
from featfuse.methods import METHODS
from featfuse.methods.settings import AxisSettings
from featfuse.model.axis import broadcast, identity
from featfuse.model.layout import SPATIAL, Layout
from featfuse.planning.plan import Chain, Member
from featfuse.request.combining import CHANNEL_MODES, COMBINES
from featfuse.request.defaults import convention_of, resizer
from featfuse.request.options import Options
from featfuse.request.spelling import spelled
from featfuse.request.usage import LISTED
from featfuse.wording import phrase, worded

if TYPE_CHECKING:
    from featfuse.planning.scaling import Fit

__all__ = [
    "NO_FACTORS",
    "Target",
    "axis_settings",
    "chains_for",
    "find_target",
    "is_weighted",
    "per_axis",
]

NO_FACTORS: Mapping[str, float] = MappingProxyType({})
"""The sizes say how an axis is scaled."""

_WORDS = {"N": "batch sizes", "C": "channel counts", "L": "token counts"}


def is_weighted(options: Options) -> bool:
    """Whether the chosen way of reconciling computes weighted sums."""
    return resizer(options).weighted or options.channels == "mean"


class Target(NamedTuple):
    """The size every axis of the result has, by letter; and for each input the factors by which it comes
    there, where the sizes do not say them."""

    sizes: dict[str, int]
    factors: list[Mapping[str, float]]


def find_target(members: Sequence[Member], layout: Layout, options: Options, like: Member | None) -> Target:
    """Where the inputs meet; ShapeError when they cannot."""
    fits = _fits_by_factor(members, layout, options, like)
    grid: Mapping[str, int] = {}
    if fits is not None:
        grid = fits[0].sizes
    elif METHODS[options.method].changes_sizes:
        grid = _target_grid(members, layout, options, _wanted_grid(layout.space, options, like))
    factors = [NO_FACTORS] * len(members) if fits is None else [fit.factors for fit in fits]
    return Target(_sizes(members, layout, options, grid), factors)


def _sizes(
    members: Sequence[Member], layout: Layout, options: Options, grid: Mapping[str, int]
) -> dict[str, int]:
    """The sizes by letter of a result on `grid`; where that is empty, no size may change."""
    target: dict[str, int] = {}
    joined = COMBINES[options.combine].joins
    for letter in layout.letters:
        sizes = [member.sizes[letter] for member in members if letter in member.sizes]
        if letter in grid:
            target[letter] = grid[letter]
        elif letter == joined:
            target[letter] = sum(member.sizes.get(letter, 1) for member in members)
        elif letter == "C" and options.channels != "strict":
            target[letter] = _channels(sizes, options)
        else:
            target[letter] = _equal(members, letter, options)
    return target


def _fits_by_factor(
    members: Sequence[Member], layout: Layout, options: Options, like: Member | None
) -> "list[Fit] | None":
    """How each input comes to the grid where a factor says how; None where the grid itself is asked for."""
    if options.scale is None and options.keep_aspect in (None, "stretch"):
        return None
    from featfuse.planning import scaling

    if options.scale is not None:
        return scaling.by_scale(members, layout.space, options)
    named = _wanted_grid(layout.space, options, like)
    return scaling.by_aspect(members, _target_grid(members, layout, options, named), named, options)


def _target_grid(
    members: Sequence[Member], layout: Layout, options: Options, wanted: Mapping[str, int]
) -> dict[str, int]:
    """The grid: of the sizes that are `wanted` by name, and of those that the inputs' sizes give."""
    grid: dict[str, int] = {}
    for letter in layout.space:
        sizes = [member.sizes[letter] for member in members if letter in member.sizes]
        if letter in wanted:
            grid[letter] = wanted[letter]
        elif isinstance(options.to, str):
            grid[letter] = _direction(sizes, letter, layout, members, options)
        else:
            grid[letter] = _equal(members, letter, options)
    return grid


def _channels(sizes: list[int], options: Options) -> int:
    """One channel broadcasts whatever the mode, so it does not vote."""
    from featfuse.methods.channels import channel_target

    return channel_target(options.channels, [size for size in sizes if size != 1] or [1])


def _wanted_grid(space: Sequence[str], options: Options, like: Member | None) -> Mapping[str, int]:
    """The grid that --like or --to HxW spells out; empty when neither does."""
    if like is not None:
        missing = [letter for letter in space if letter not in like.grid]
        if missing:
            told = f"{worded('like', like.spec.name)}: no axis {missing[0]}"
            raise ShapeError(
                f"{told} in {like.reading.layout} {like.spec.shape}",
                hint=phrase(
                    "Choose a tensor with the inputs' spatial axes, or spell the grid out with {to}."
                ),
            )
        return like.grid
    if isinstance(options.to, str):
        return {}
    if isinstance(options.to, Mapping):
        for letter in options.to:
            if letter not in space:
                raise UsageError(
                    f"{worded('to', spelled('to', options.to))}: no spatial axis {letter}",
                    hint=f"The spatial axes are {' '.join(space) or 'none'}.",
                )
        return options.to
    if len(options.to) != len(space):
        example = "x".join([str(options.to[0])] * len(space))
        raise UsageError(
            f"{worded('to', 'x'.join(map(str, options.to)))}: {len(options.to)} sizes for "
            f"{len(space)} spatial axes ({' '.join(space) or 'none'})",
            hint=f"Give one size for each, like {worded('to', example)}."
            if space
            else phrase("Name the spatial axes with {layout}."),
        )
    return dict(zip(space, options.to, strict=True))


def _direction(
    sizes: list[int], letter: str, layout: Layout, members: Sequence[Member], options: Options
) -> int:
    """`--to` as a word, or the method's own direction."""
    if len(members) == 1 and options.pool_size is not None and options.to == "auto":
        settings = axis_settings(members[0], letter, layout, options)
        from featfuse.methods.pooling import pooled_size

        return pooled_size(sizes[0], settings)
    word = METHODS[options.method].target if options.to == "auto" else options.to
    return {"largest": max(sizes), "smallest": min(sizes), "first": sizes[0], "last": sizes[-1]}[str(word)]


def _equal(members: Sequence[Member], letter: str, options: Options) -> int:
    """Equal sizes, or 1, which broadcasts: the rule for every axis that no method reconciles."""
    sizes = [member.sizes[letter] for member in members if letter in member.sizes]
    distinct = {size for size in sizes if size != 1}
    if len(distinct) <= 1:
        return distinct.pop() if distinct else 1
    named = ", ".join(f"{member.spec.name} has {member.sizes.get(letter, 1)}" for member in members)
    what = _WORDS.get(letter, "sizes")
    raise ShapeError(
        f"axis {letter}: {what} differ and do not broadcast: {named}", hint=_way_out(letter, options)
    )


def _way_out(letter: str, options: Options) -> str:
    if letter == "C":
        ways = worded("channels", *(mode for mode in CHANNEL_MODES if mode != "strict"))
        if COMBINES[options.combine].joins:
            return f"Choose {ways}."
        return f"Choose {ways}, or {worded('combine', 'concat')}."
    if letter in SPATIAL:
        return phrase("Choose a {method} that reconciles sizes, such as bilinear, pad or crop.")
    if letter == "N":
        return "Fuse tensors of equal batch size, or with a batch of 1, which broadcasts."
    return "Only equal sizes, or 1, can be fused along this axis."


def chains_for(
    member: Member,
    layout: Layout,
    target: Mapping[str, int],
    options: Options,
    factors: Mapping[str, float] = NO_FACTORS,
    *,
    alone: bool = False,
) -> tuple[Chain, ...]:
    """The maps for each axis of `layout` that bring this input to `target`; empty where nothing is done.
    `factors` say the scale of an axis where its sizes do not.

    An input that is on the grid already is left as it is, but for one that is `alone` under a window of
    a given geometry: a 3x3 mean with stride 1 keeps the size and changes the values.
    """
    changes = any(target[letter] != size for letter, size in member.grid.items())
    changes = changes or bool(factors) or options.roi is not None
    changes = changes or (alone and options.pool_size is not None)
    chains: list[Chain] = []
    joined = COMBINES[options.combine].joins
    for letter in layout.letters:
        size = member.sizes.get(letter)
        if size is None:
            # In a concat an input without channels stands for one channel.
            chains.append(() if letter == joined or target[letter] == 1 else (broadcast(target[letter]),))
        elif letter == joined:
            chains.append(())
        elif letter == "C" and options.channels != "strict":
            from featfuse.methods.channels import channel_map

            chains.append((channel_map(size, target[letter], options.channels, member.spec.name),))
        elif letter in SPATIAL and METHODS[options.method].changes_sizes:
            chains.append(_spatial(member, letter, layout, target, options, factors) if changes else ())
        else:
            chains.append((identity(size) if size == target[letter] else broadcast(target[letter]),))
    return tuple(tuple(step for step in chain if not step.is_identity) for chain in chains)


def _spatial(
    member: Member,
    letter: str,
    layout: Layout,
    target: Mapping[str, int],
    options: Options,
    factors: Mapping[str, float],
) -> Chain:
    row, in_size, out_size = METHODS[options.method], member.sizes[letter], target[letter]
    settings = axis_settings(member, letter, layout, options, target)._replace(scale=factors.get(letter))
    smooths = row.smooths and settings.convention.smooths_all_axes
    stays = in_size == out_size and settings.scale in (None, 1) and settings.roi in (None, (0, 1))
    if stays and not smooths and options.pool_size is None and not row.resizes_by:
        return ()
    pooling = options.pool_size is not None
    if 0 in (in_size, out_size) and not pooling and not row.empties:
        raise settings.refuse(in_size, out_size, "there are no samples", phrase("Use {method:pad|crop}."))
    try:
        return _built(in_size, out_size, settings._replace(name=""))
    except FeatfuseError:  # the error shall name the input
        chain: Chain = row.build()(in_size, out_size, settings)
        return chain


@lru_cache(maxsize=256)
def _built(in_size: int, out_size: int, settings: AxisSettings) -> Chain:
    """The maps of one axis, kept: what is worked out about them serves every item of a batch."""
    chain: Chain = METHODS[settings.method].build()(in_size, out_size, settings)
    return chain


_AXIS_OPTIONS = tuple(name for name in AxisSettings._field_defaults if name in LISTED and name != "scale")
"""The options that builders are told of, as the fields of AxisSettings name them."""


def axis_settings(
    member: Member, letter: str, layout: Layout, options: Options, target: Mapping[str, int] | None = None
) -> AxisSettings:
    """The options that concern one axis, defaults filled in."""
    given = [(name, value) for name in _AXIS_OPTIONS if (value := getattr(options, name)) is not None]
    return AxisSettings(
        name=member.spec.name,
        letter=letter,
        convention=convention_of(options),
        method=options.method,
        grid=tuple((size, (target or {}).get(axis, size)) for axis, size in member.grid.items()),
        double=member.spec.dtype == np.float64,
        **{name: _along(name, value, letter, layout) for name, value in given},
    )


def _along(name: str, value: Any, letter: str, layout: Layout) -> Any:
    """What an option says of one axis: its own of a size for each, its start of an offset for some."""
    if name == "roi":
        return value.get(letter, (0.0, 1.0))
    if isinstance(value, tuple):
        return per_axis(name, value, layout.space.index(letter), layout.space)
    return value.get(letter) if isinstance(value, Mapping) else value


def per_axis(option: str, values: tuple[Any, ...] | None, place: int, space: Sequence[str]) -> Any:
    """The value for one axis of one for all, or one for each; UsageError where there are other than these."""
    if values is None:
        return None
    if len(values) not in (1, len(space)):
        told = ["+".join(map(str, it)) if isinstance(it, tuple) else str(it) for it in values]
        raise UsageError(
            f"{worded(option, 'x'.join(told))}: {len(values)} sizes for {len(space)} spatial axes",
            hint="Give one size for all, or one for each spatial axis.",
        )
    return values[0] if len(values) == 1 else values[place]
