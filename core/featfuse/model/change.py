"""Change: what an AxisMap does to its axis, as a fact. `report.changes` makes words of it."""

from enum import StrEnum
from typing import NamedTuple

__all__ = ["KEPT", "Change", "ChangeKind", "resized"]


class ChangeKind(StrEnum):
    """Every kind of change, with the fields of Change that it has."""

    KEEP = "keep"
    BROADCAST = "broadcast"
    RESIZE = "resize"  # name (of the method), in_size, out_size
    STRIDE = "stride"  # number (the step)
    CROP = "crop"  # before, after
    PAD = "pad"  # before, after, name (of the pad mode)
    TILE = "tile"  # number (the factor)
    REPEAT = "repeat"  # number (the factor)
    ZERO_PAD = "zero-pad"  # number (of zeros)
    TRUNCATE = "truncate"  # number (of what is left)
    MEAN = "mean"  # number (of what becomes one)
    OWN_CHANNELS = "own-channels"  # of a mask that has one for each channel of a concatenation


class Change(NamedTuple):
    """What happens along one axis. `before` and `after` are the samples that go or come at its two ends."""

    kind: ChangeKind
    name: str = ""
    in_size: int = 0
    out_size: int = 0
    before: int = 0
    after: int = 0
    number: int = 0


def resized(in_size: int, out_size: int, method: str) -> Change:
    """The change of a method that goes from size to size."""
    return Change(ChangeKind.RESIZE, method, in_size, out_size)


KEPT = Change(ChangeKind.KEEP)
"""Nothing happens."""
