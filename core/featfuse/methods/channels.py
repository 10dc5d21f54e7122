"""Channel counts that differ: tile, repeat, zero-pad, truncate, mean. Each is an AxisMap too."""

import numpy as np

from featfuse.errors import ShapeError
from featfuse.model.axis import AxisMap, Fill, Positions, Taps, broadcast, gather, identity, select

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
        return select(in_size, range(out_size), f"truncate to {out_size}")
    small, large = min(in_size, out_size), max(in_size, out_size)
    if small == 0 or large % small:
        raise ShapeError(
            f"{name}: axis C: --channels {mode} cannot bring {in_size} to {out_size}: "
            f"{large} is not a multiple of {small}",
            hint="Use --channels zero-pad or truncate, or --combine concat.",
        )
    factor = large // small
    if mode == "tile":
        return gather(in_size, out_size, lambda x: x % in_size, f"tile ×{factor}")
    if mode == "repeat":
        return gather(in_size, out_size, lambda x: x // factor, f"repeat ×{factor}")

    def groups(positions: Positions) -> Taps:
        indices = positions[:, None] * factor + np.arange(factor)
        return Taps(indices, np.full(indices.shape, 1.0 / factor))

    return AxisMap(in_size, out_size, groups, f"mean of {factor}", weighted=True)


def _zero_pad(in_size: int, out_size: int) -> AxisMap:
    def rule(positions: Positions) -> Taps:
        return Taps(np.where(positions < in_size, positions, -1)[:, None])

    action = f"zero-pad +{out_size - in_size}"
    return AxisMap(in_size, out_size, rule, action, fill=Fill("constant", 0, out_size - in_size))
