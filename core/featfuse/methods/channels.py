"""Channel counts that differ: tile, repeat, zero-pad, truncate, mean. Each is an AxisMap too."""

import numpy as np

from featfuse.errors import ShapeError
from featfuse.methods.crop_pad import surrounded
from featfuse.model.axis import (
    AxisMap,
    Fill,
    Positions,
    Rule,
    Spans,
    Wide,
    broadcast,
    gather,
    identity,
    select,
    windowed,
)
from featfuse.model.change import Change, ChangeKind
from featfuse.wording import phrase, worded

__all__ = ["channel_map", "channel_target"]


def channel_target(mode: str, counts: list[int]) -> int:
    """How many channels `--channels mode` leads to: the largest count, or the smallest."""
    return min(counts) if mode in ("truncate", "mean") else max(counts)


def channel_map(in_size: int, out_size: int, mode: str, name: str) -> AxisMap:
    """The map from `in_size` to `out_size` channels; one channel always broadcasts."""
    if in_size == out_size:
        return identity(in_size)
    if in_size == 1:
        return broadcast(out_size)
    if mode == "zero-pad":
        return _zero_pad(in_size, out_size)
    if mode == "truncate":
        return select(in_size, range(out_size), Change(ChangeKind.TRUNCATE, number=out_size))
    small, large = min(in_size, out_size), max(in_size, out_size)
    if small == 0 or large % small:
        raise ShapeError(
            f"{name}: axis C: {worded('channels', mode)} cannot bring {in_size} to {out_size}: "
            f"{large} is not a multiple of {small}",
            hint=phrase("Use {channels:zero-pad|truncate}, or {combine:concat}."),
        )
    factor = large // small
    if mode == "tile":
        source = Rule(np.mod, (in_size,))
        return gather(in_size, out_size, source, Change(ChangeKind.TILE, number=factor))
    if mode == "repeat":
        source = Rule(np.floor_divide, (factor,))
        return gather(in_size, out_size, source, Change(ChangeKind.REPEAT, number=factor))
    change = Change(ChangeKind.MEAN, number=factor)
    return windowed(in_size, out_size, Wide(Rule(_groups, (factor,))), change, weighted=True)


def _groups(positions: Positions, factor: int) -> Spans:
    counts = np.full_like(positions, factor)
    return Spans(positions * factor, counts, shares=1.0 / counts)


def _zero_pad(in_size: int, out_size: int) -> AxisMap:
    added = out_size - in_size
    change, fill = Change(ChangeKind.ZERO_PAD, number=added), Fill("constant", 0, added)
    return AxisMap(in_size, out_size, Rule(surrounded, (0, in_size)), change, fill=fill)
