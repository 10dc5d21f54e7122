"""Evidence: what the sizes alone say for one way of reading the axes and against the others."""

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import NamedTuple

from featfuse.model.value import Value

__all__ = ["RULES", "Rule", "Seen"]

NEAR = 1.25
"""Sizes whose ratio is below this are two roundings, or two paddings, of one grid."""

Space = tuple[int, ...]


class Seen(Value):
    """Tensors under one reading: the spatial sizes of each, in order, its channels and batch (or None).

    `wanted` is the grid that was asked for. `free` tells that channel counts may differ, `margins` that the
    method adds or takes samples at the border instead of scaling. `timed` tells that there are as many axes
    as where one may be time.
    """

    spaces: tuple[Space, ...]
    channels: tuple[int | None, ...]
    batches: tuple[int | None, ...]
    wanted: Space | None = None
    free: bool = False
    margins: bool = False
    timed: bool = False

    @property
    def planes(self) -> list[Space]:
        """The spatial sizes of those that have two or more."""
        return [space for space in self.spaces if len(space) > 1]

    @property
    def counts(self) -> set[int]:
        """The different channel counts."""
        return {count for count in self.channels if count is not None}

    @property
    def batched(self) -> bool:
        """Whether the batches go together."""
        return len({size for size in self.batches if size not in (None, 1)}) <= 1


class Rule(NamedTuple):
    """`fits` tells whether a reading has this mark of a right one; `name` is how the report tells it.

    A rule of several `kinds` fits where any of them does, and is told as the first that does.
    """

    name: str
    fits: Callable[[Seen], bool]
    kinds: tuple["Rule", ...] = ()

    def told(self, seen: Seen) -> str:
        """The rule as the report names it."""
        return next((kind.name for kind in self.kinds if kind.fits(seen)), self.name)


def _any_of(name: str, *kinds: Rule) -> Rule:
    return Rule(name, lambda seen: any(kind.fits(seen) for kind in kinds), kinds)


def _cubes(seen: Seen) -> bool:
    return any(len(space) > 2 for space in seen.planes) and all(len(set(space)) == 1 for space in seen.planes)


def _squares(seen: Seen) -> bool:
    return len(seen.planes) == len(seen.spaces) and _some_squares(seen)


def _some_squares(seen: Seen) -> bool:
    squares = all(space[-2] == space[-1] for space in seen.planes)
    return squares and max((space[-1] for space in seen.planes), default=0) > 1


def _one_ratio(seen: Seen) -> bool:
    return _pairs_fit(seen.planes, _scaled)


def _asked_ratio(seen: Seen) -> bool:
    """Exactly one ratio: what is asked for is seldom rounded, and often of another aspect."""
    wanted = seen.wanted
    if wanted is None or len(wanted) < 2 or any(len(space) != len(wanted) for space in seen.spaces):
        return False
    scaled = [space for space in seen.spaces if space != wanted]
    return bool(scaled) and all(_one_way(it, wanted) and _in_proportion(it, wanted) for it in scaled)


def _in_proportion(one: Space, other: Space) -> bool:
    return all(a * other[-1] == b * one[-1] for a, b in zip(one, other, strict=True))


def _one_margin(seen: Seen) -> bool:
    return seen.margins and _pairs_fit(seen.planes, _shifted)


def _one_grid(seen: Seen) -> bool:
    """Where channels may not differ, only of maps: an axis that differs alone may be time."""
    alike = len(set(seen.spaces)) == 1 and len(seen.counts) > 1 and bool(seen.spaces[0]) and seen.batched
    maps = not seen.timed and len(seen.spaces[0]) > 1 and min(seen.spaces[0]) > 1
    return alike and len(seen.spaces) > 1 and (seen.free or maps)


def _joined_grid(seen: Seen) -> bool:
    return seen.free and _one_grid(seen)


def _near_grid(seen: Seen) -> bool:
    return len(seen.counts) <= 1 and _pairs_fit(seen.planes, _close)


def _one_axis(seen: Seen) -> bool:
    lengths = {space for space in seen.spaces if space}
    single = all(len(space) == 1 for space in lengths) and seen.batched
    return single and len(lengths) > 1 and (len(seen.counts) == 1 or seen.free)


def _pairs_fit(planes: Sequence[Space], fit: Callable[[Space, Space], bool]) -> bool:
    """Whether some of the grids differ, and all that do, do so as `fit` says."""
    differing = [(one, other) for one, other in combinations(planes, 2) if one[-2:] != other[-2:]]
    return bool(differing) and all(fit(one, other) for one, other in differing)


def _scaled(one: Space, other: Space) -> bool:
    """The last two sizes differ by one ratio; further ones not at all, or the same way (thick slices)."""
    if not _one_way(one, other):
        return False
    (low, high), (lower, higher) = _ratios(one[-1], other[-1]), _ratios(one[-2], other[-2])
    further = zip(one[-3::-1], other[-3::-1], strict=False)
    along = all(a == b or (a > b) is (one[-1] > other[-1]) for a, b in further)
    return along and max(low, lower) < min(high, higher)


def _ratios(a: int, b: int) -> tuple[float, float]:
    """The scales that lead from the larger of two sizes to the smaller: rounding moves less than a sample."""
    small, large = sorted((a, b))
    return large / (small + 1), large / (small - 1) if small > 1 else float("inf")


def _shifted(one: Space, other: Space) -> bool:
    """The last two sizes differ by as many samples, further ones by none or as many."""
    margin = one[-1] - other[-1]
    further = zip(one[-3::-1], other[-3::-1], strict=False)
    return one[-2] - other[-2] == margin != 0 and all(a - b in (0, margin) for a, b in further)


def _close(one: Space, other: Space) -> bool:
    """The last two sizes differ by little, further ones by as little or not at all."""
    return _one_way(one, other) and all(
        max(a, b) < NEAR * min(a, b) for a, b in zip(one[::-1], other[::-1], strict=False)
    )


def _one_way(one: Space, other: Space) -> bool:
    """Whether one grid is smaller along both of the last two axes, and not empty."""
    steps = [a - b for a, b in zip(one[-2:], other[-2:], strict=True)]
    return min(*one, *other) > 0 and (all(step > 0 for step in steps) or all(step < 0 for step in steps))


RULES = (
    Rule("cubes", _cubes),
    Rule("square maps", _squares),
    Rule("square maps", _some_squares),
    _any_of(
        "one step",
        Rule("one ratio", _one_ratio),
        Rule("one axis differs", _one_axis),
        Rule("one grid", _joined_grid),
    ),
    Rule("one ratio to the size asked for", _asked_ratio),
    Rule("one margin", _one_margin),
    Rule("one grid", _one_grid),
    Rule("nearly one grid", _near_grid),
)
"""In the order in which they are asked. One that no reading fits is passed over.

"One step" has kinds, since each of them can be had by chance where another is meant.
"""
