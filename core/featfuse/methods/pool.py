"""Pooling: area, average and maximum over windows, adaptive or of a given geometry."""

import numpy as np
from numpy.typing import NDArray

from featfuse.methods.settings import AxisSettings, scale_text
from featfuse.model.axis import AxisMap, Positions, Reduce, Taps

__all__ = ["area", "avg_pool", "max_pool", "pooled_size"]


def area(in_size: int, out_size: int, settings: AxisSettings) -> tuple[AxisMap, ...]:
    """torch: the mean of all samples touched; tf, jax, opencv: each weighted by its overlap."""
    action = f"{scale_text(in_size, out_size)} area"
    if not settings.convention.fractional_area:
        return (_adaptive(in_size, out_size, action, Reduce.SUM),)
    scale = in_size / out_size

    def rule(positions: Positions) -> Taps:
        # The bounds are ratios of whole numbers: computed so, a window ends exactly on a sample.
        low, high = positions * in_size / out_size, (positions + 1) * in_size / out_size
        first, stop = positions * in_size // out_size, -(-(positions + 1) * in_size // out_size)
        indices = _runs(first, stop)
        overlap = np.minimum(indices + 1, high[:, None]) - np.maximum(indices, low[:, None])
        return Taps(indices, np.where(indices >= 0, overlap / scale, 0.0))

    return (AxisMap(in_size, out_size, rule, action, weighted=True),)


def avg_pool(in_size: int, out_size: int, settings: AxisSettings) -> tuple[AxisMap, ...]:
    """Mean over windows; a ceil-mode overhang is never counted, padding by `count_include_pad`."""
    action = f"{scale_text(in_size, out_size)} avg-pool"
    if settings.pool_size is None:
        return (_adaptive(in_size, out_size, action, Reduce.SUM),)
    return (_explicit(in_size, out_size, action, Reduce.SUM, settings),)


def max_pool(in_size: int, out_size: int, settings: AxisSettings) -> tuple[AxisMap, ...]:
    """Maximum over windows; padding never wins."""
    action = f"{scale_text(in_size, out_size)} max-pool"
    if settings.pool_size is None:
        return (_adaptive(in_size, out_size, action, Reduce.MAX),)
    return (_explicit(in_size, out_size, action, Reduce.MAX, settings),)


def pooled_size(in_size: int, settings: AxisSettings) -> int:
    """How many windows of the given geometry fit: torch's formula, `ceil_mode` included.

    With ceil_mode a last window that would start beyond the input and its front padding is dropped.
    """
    assert settings.pool_size is not None
    stride = settings.pool_stride or settings.pool_size
    room = in_size + 2 * settings.pool_padding - settings.pool_size
    if room < 0:
        return 0
    if not settings.ceil_mode:
        return room // stride + 1
    count = -(-room // stride) + 1
    return count - 1 if (count - 1) * stride >= in_size + settings.pool_padding else count


def _adaptive(in_size: int, out_size: int, action: str, reduce: Reduce) -> AxisMap:
    """Windows floor(iI/O) .. ceil((i+1)I/O), as torch's adaptive pools."""

    def rule(positions: Positions) -> Taps:
        first = positions * in_size // out_size
        stop = -(-(positions + 1) * in_size // out_size)
        indices = _runs(first, stop)
        return Taps(indices, None if reduce is Reduce.MAX else _mean_weights(indices, stop - first))

    return AxisMap(in_size, out_size, rule, action, reduce=reduce, weighted=reduce is Reduce.SUM)


def _explicit(in_size: int, out_size: int, action: str, reduce: Reduce, settings: AxisSettings) -> AxisMap:
    size, padding = settings.pool_size, settings.pool_padding
    assert size is not None
    stride = settings.pool_stride or size
    reached = pooled_size(in_size, settings)
    geometry = f"window {size}, stride {stride}, padding {padding}"
    if padding * 2 > size:
        raise settings.refuse(in_size, out_size, f"{geometry}", "The padding may be at most half the window.")
    if reached < 1:
        raise settings.refuse(
            in_size, out_size, f"{geometry} is larger than the map", "Choose a smaller --pool-size."
        )
    if reached != out_size:
        raise settings.refuse(
            in_size,
            out_size,
            f"{geometry} gives {reached}",
            "Change --pool-size, --pool-stride, --pool-padding or --ceil-mode, "
            "or leave them out: adaptive windows hit the target exactly.",
        )

    def rule(positions: Positions) -> Taps:
        start = positions * stride - padding
        stop = np.minimum(start + size, in_size + padding)
        counted = stop - start
        first, stop = np.maximum(start, 0), np.minimum(stop, in_size)
        indices = _runs(first, stop)
        if reduce is Reduce.MAX:
            return Taps(indices)
        return Taps(indices, _mean_weights(indices, counted if settings.count_include_pad else stop - first))

    return AxisMap(in_size, out_size, rule, action, reduce=reduce, weighted=reduce is Reduce.SUM)


def _runs(first: Positions, stop: Positions) -> Positions:
    """Row r holds first[r] .. stop[r] - 1, then -1 up to the longest run."""
    longest = int((stop - first).max(initial=0))
    indices = first[:, None] + np.arange(longest)
    return np.where(indices < stop[:, None], indices, -1)


def _mean_weights(indices: Positions, counts: Positions) -> NDArray[np.float64]:
    return np.where(indices >= 0, 1.0 / counts[:, None], 0.0)
