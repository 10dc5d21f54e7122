"""AxisMap: along one axis, every output sample is a weighted sum (or a maximum) of a few input samples.

Resizing, pooling, cropping, padding, striding, tiling and broadcasting are all AxisMaps. A map is a rule
from output positions to taps, so it costs nothing to hold, however long the axis; it answers which
input slice an output slice needs. `engine.apply` turns that input block into that output block.

A map is a value: maps of equal settings are equal, hash alike and survive pickling, so a plan made of them
can be compared, kept and sent to a worker. That is why a rule is a function of a module with its arguments,
never a closure.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, fields
from enum import Enum
from functools import lru_cache
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from featfuse.model.bounded_cache import BoundedCache
from featfuse.model.change import KEPT, Change, ChangeKind

__all__ = [
    "RUN",
    "AxisMap",
    "Fill",
    "Positions",
    "Rule",
    "Spans",
    "TapReduction",
    "Taps",
    "Wide",
    "broadcast",
    "gather",
    "identity",
    "select",
    "windowed",
]

Positions = NDArray[np.int64]
Result = TypeVar("Result")


RUN = 1 << 14
"""Output positions whose taps are computed at a time."""


class TapReduction(Enum):
    """How an output sample is made of its taps."""

    SUM = "sum"
    MAX = "max"


class Rule(NamedTuple, Generic[Result]):
    """`function(*values, *arguments)` as a value. The function stands in a module, under its own name."""

    function: Callable[..., Result]
    arguments: tuple[Hashable, ...] = ()

    def __call__(self, *values: NDArray[Any]) -> Result:
        return self.function(*values, *self.arguments)


class Taps(NamedTuple):
    """What some output positions read: `indices` and `weights` of shape (positions, taps).

    An index of -1 is an absent tap: it contributes nothing, not even 0 times infinity.
    `weights` None means that every weight is one.
    """

    indices: Positions
    weights: NDArray[np.floating[Any]] | None = None

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which taps exist, (positions, taps)."""
        return self.indices >= 0


class Spans(NamedTuple):
    """Which samples some output positions read, unlisted: each `counts` of them from `first` on, `step`
    apart.

    Every tap of a position weighs its `shares`; None: one.
    """

    first: Positions
    counts: Positions
    step: int = 1
    shares: NDArray[np.float64] | None = None


class Wide(NamedTuple):
    """What a map whose windows may be long says of them without listing their taps.

    Where a position's taps differ, `weigh(positions, indices)` tells what each weighs, before they are made
    to sum to one if they are `scaled`. Taps beyond the ends are absent, or read the edge sample if that
    `repeats`. From position to position, spans only rise or only fall.
    """

    spans: Rule[Spans]
    weigh: Rule[NDArray[np.float64]] | None = None
    scaled: bool = False
    repeats: bool = False


class Fill(NamedTuple):
    """A border whose values do not come from single samples: `before` + input + `after`.

    `kind` is "constant", "linear_ramp", "maximum", "mean", "median" or "minimum" (numpy.pad's modes);
    `value` is the constant, or where a ramp ends. Fills are equal when they write the same bits: NaN is
    NaN, and 0 is not -0.
    """

    kind: str
    before: int
    after: int
    value: float = 0.0

    def __eq__(self, other: object) -> bool:
        return self._bits() == other._bits() if isinstance(other, Fill) else NotImplemented

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self._bits())

    def _bits(self) -> tuple[str, int, int, str]:
        return self.kind, self.before, self.after, self.value.hex()

    def needed(self, out: slice, in_size: int) -> slice | None:
        """The input slice that this border itself reads for the output slice `out`."""
        touches_before = out.start < self.before
        touches_after = out.stop > self.before + in_size
        if self.kind == "constant" or not (touches_before or touches_after):
            return None
        if self.kind == "linear_ramp":
            return slice(0 if touches_before else in_size - 1, in_size if touches_after else 1)
        return slice(0, in_size)


@dataclass(frozen=True, slots=True)
class AxisMap:
    """One axis, one map: `in_size` samples become `out_size`.

    `rule` gives the taps of an array of output positions. `change` is what the report tells of it.
    `weighted` tells that weights other than one occur, or that many samples are added up, so the arithmetic
    needs a float. `view` names a pure selection in arithmetic progression (identity, crop, stride), which
    is a NumPy view. A map that pads has `inner`, where in its output the input's own samples lie. `wide` is
    for windows that may be long; indices that are `monotone` only rise or only fall.
    """

    in_size: int
    out_size: int
    rule: Rule[Taps]
    change: Change
    reduce: TapReduction = TapReduction.SUM
    weighted: bool = False
    view: range | None = None
    fill: Fill | None = None
    inner: tuple[int, int] | None = None
    wide: Wide | None = None
    monotone: bool = False
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash(self._settings()))

    def __hash__(self) -> int:
        """Worked out once: every window looks maps up in the caches below."""
        return self._hash

    def __reduce__(self) -> tuple[type["AxisMap"], tuple[object, ...]]:
        """The hash is of this process: a pickle leaves it out."""
        return AxisMap, self._settings()

    def _settings(self) -> tuple[Any, ...]:
        return tuple(getattr(self, each.name) for each in fields(self) if each.init)

    def taps(self, out: slice) -> Taps:
        """The taps of the output positions in `out`. The windows of a run ask for the same few slices."""
        if (out.stop - out.start) * self.width > _REMEMBERED:
            return self.rule(np.arange(out.start, out.stop, dtype=np.int64))
        return _TAPS_CACHE.get((self, out.start, out.stop))

    @property
    def indices(self) -> Positions:
        """All input indices, (out_size, taps); -1 where a tap is absent."""
        return self.taps(slice(0, self.out_size)).indices

    @property
    def weights(self) -> NDArray[np.floating[Any]]:
        """All weights, (out_size, taps); 0 where a tap is absent."""
        taps = self.taps(slice(0, self.out_size))
        ones = np.ones(taps.indices.shape) if taps.weights is None else taps.weights
        return np.where(taps.present, ones, 0.0)

    @property
    def is_identity(self) -> bool:
        """Nothing changes: the map can be left out."""
        return self.fill is None and self.view == range(self.in_size) and self.out_size == self.in_size

    @property
    def width(self) -> int:
        """How many taps an output position has, about."""
        return _width(self)

    def needed(self, out: slice) -> slice:
        """The smallest input slice that holds every sample the output slice `out` reads. Where many taps
        would have to be listed, it may be larger."""
        return slice(0, 0) if out.start >= out.stop else _remembered_need(self, out.start, out.stop)

    def tap_bytes(self, out: slice) -> int:
        """About the memory that computing the taps of `out` takes, when it is worth counting."""
        taps = 0 if self.view is not None else min(out.stop - out.start, RUN) * self.width
        return max(0, taps * 64 - (1 << 16))

    def _needed(self, out: slice) -> slice:
        if self.view is not None:
            part = self.view[out.start : out.stop]
            return slice(min(part[0], part[-1]), max(part[0], part[-1]) + 1)
        count, spans = out.stop - out.start, []
        if count > _LONG or count * self.width > _LISTED:
            spans.append(self._hull(out))
        else:
            indices = self.taps(out).indices
            read = indices[indices >= 0]
            if read.size:
                spans.append((int(read.min()), int(read.max()) + 1))
        if self.fill is not None and (span := self.fill.needed(out, self.in_size)) is not None:
            spans.append((span.start, span.stop))
        if not spans:
            return slice(0, 0)
        return slice(min(start for start, _ in spans), max(stop for _, stop in spans))

    def _hull(self, out: slice) -> tuple[int, int]:
        """What `out` reads, by its two ends; the whole input where these do not tell."""
        ends, last = np.array([out.start, out.stop - 1]), self.in_size - 1
        if self.wide is not None:
            first, counts, step, _ = self.wide.spans(ends)
            low, high = int(first.min()), int((first + (counts - 1) * step).max())
            slack = step - 1  # behind the front padding, spans begin up to so much later
            low, high = max(low - slack, 0), min(high + slack, last)
            return min(low, last), max(high, 0) + 1
        read = self.rule(ends).indices if self.monotone else np.full((2, 1), -1)
        if (read < 0).all(axis=1).any():
            return 0, self.in_size
        return int(read[read >= 0].min()), int(read.max()) + 1


_REMEMBERED = 1 << 16
"""Taps of the longest slice that is kept: a cache entry stays at about 1 MB."""

_LONG, _LISTED = 1 << 16, 1 << 18
"""Positions, and taps, from which on only the ends of a slice are looked at: listing all would cost more."""


@lru_cache(maxsize=1024)
def _width(axis_map: AxisMap) -> int:
    """The most taps of the first, a middle and the last position."""
    size = axis_map.out_size
    if not size:
        return 0
    if axis_map.wide is not None:
        return int(axis_map.wide.spans(np.array([0, size // 2, size - 1])).counts.max())
    return int(axis_map.rule(np.zeros(1, dtype=np.int64)).indices.shape[1])


def _made_taps(wanted: tuple[AxisMap, int, int]) -> Taps:
    axis_map, start, stop = wanted
    return axis_map.rule(np.arange(start, stop, dtype=np.int64))


_TAPS_CACHE = BoundedCache(_made_taps, lambda taps: sum(it.nbytes for it in taps if it is not None), 1 << 24)


@lru_cache(maxsize=4096)
def _remembered_need(axis_map: AxisMap, start: int, stop: int) -> slice:
    return axis_map._needed(slice(start, stop))


def identity(size: int) -> AxisMap:
    """The map that changes nothing."""
    return select(size, range(size), KEPT)


def select(in_size: int, view: range, change: Change) -> AxisMap:
    """Keep the samples that `view` lists: a crop or a stride."""
    return AxisMap(in_size, len(view), Rule(_selected, (view.start, view.step)), change, view=view)


def gather(in_size: int, out_size: int, source: Rule[Positions], change: Change, **more: Any) -> AxisMap:
    """One sample per output position: `source(position)`, or -1 for none."""
    return AxisMap(in_size, out_size, Rule(_gathered, (source,)), change, **more)


def broadcast(out_size: int) -> AxisMap:
    """One sample, repeated `out_size` times."""
    return gather(1, out_size, Rule(np.zeros_like), Change(ChangeKind.BROADCAST), monotone=True)


def windowed(in_size: int, out_size: int, wide: Wide, change: Change, **more: Any) -> AxisMap:
    """Every output position reads the window that `wide` describes, which lies within the input."""
    return AxisMap(in_size, out_size, Rule(_listed, (wide,)), change, wide=wide, **more)


def _selected(positions: Positions, start: int, step: int) -> Taps:
    return Taps((start + positions * step)[:, None])


def _gathered(positions: Positions, source: Rule[Positions]) -> Taps:
    return Taps(source(positions)[:, None])


def _listed(positions: Positions, wide: Wide) -> Taps:
    """Each window's taps in a row, absent ones up to the longest."""
    first, counts, step, shares = wide.spans(positions)
    places = np.arange(int(counts.max(initial=0)))
    indices = np.where(places < counts[:, None], first[:, None] + places * step, -1)
    if wide.weigh is not None:
        return Taps(indices, np.where(indices >= 0, wide.weigh(positions, indices), 0.0))
    return Taps(indices, None if shares is None else np.where(indices >= 0, shares[:, None], 0.0))
