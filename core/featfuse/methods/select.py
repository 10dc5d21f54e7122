"""Methods that keep some samples as they are: strict and stride."""

import math

from featfuse.methods.settings import AxisSettings
from featfuse.model.axis import AxisMap, broadcast, identity, select
from featfuse.model.change import Change, ChangeKind
from featfuse.wording import either, phrase, worded

__all__ = ["strict", "stride"]


def strict(in_size: int, out_size: int, settings: AxisSettings) -> tuple[AxisMap, ...]:
    """Equal sizes, or 1, which broadcasts: NumPy's rule."""
    if in_size == out_size:
        return (identity(in_size),)
    if in_size == 1:
        return (broadcast(out_size),)
    raise settings.refuse(
        in_size,
        out_size,
        "it changes nothing",
        f"Choose a {worded('method')}; {either('`fuse inspect`', 'featfuse.inspect')} lists those that fit.",
    )


def stride(in_size: int, out_size: int, settings: AxisSettings) -> tuple[AxisMap, ...]:
    """`x[::k]` with the whole k for which ceil(in_size / k) == out_size."""
    if 0 < out_size <= in_size:
        step = max(1, in_size // out_size)
        for k in (step, step + 1):
            if math.ceil(in_size / k) == out_size:
                return (select(in_size, range(0, in_size, k), Change(ChangeKind.STRIDE, number=k)),)
    raise settings.refuse(
        in_size,
        out_size,
        "no whole step gives that size",
        phrase("Use {method:area|avg-pool|nearest}."),
    )
