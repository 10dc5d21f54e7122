"""Pooling: area, average and maximum over windows, adaptive or of a given geometry."""

import numpy as np
from numpy.typing import NDArray

from featfuse.methods.settings import AxisSettings
from featfuse.model.axis import AxisMap, Positions, Rule, TapReduction, Taps
from featfuse.model.change import Change, resized
from featfuse.wording import phrase

__all__ = ["area", "avg_pool", "max_pool", "pooled_size"]


def area(in_size: int, out_size: int, settings: AxisSettings) -> tuple[AxisMap, ...]:
    """torch: the mean of all samples touched; tf, jax, opencv: each weighted by its overlap."""
    change = resized(in_size, out_size, "area")
    if not settings.convention.fractional_area:
        return (_adaptive(in_size, out_size, change, TapReduction.SUM),)
    return (AxisMap(in_size, out_size, Rule(_overlaps, (in_size, out_size)), change, weighted=True),)


def avg_pool(in_size: int, out_size: int, settings: AxisSettings) -> tuple[AxisMap, ...]:
    """Mean over windows; a ceil-mode overhang is never counted, padding by `count_include_pad`."""
    change = resized(in_size, out_size, "avg-pool")
    if settings.pool_size is None:
        return (_adaptive(in_size, out_size, change, TapReduction.SUM),)
    return (_explicit(in_size, out_size, change, TapReduction.SUM, settings),)


def max_pool(in_size: int, out_size: int, settings: AxisSettings) -> tuple[AxisMap, ...]:
    """Maximum over windows; padding never wins."""
    change = resized(in_size, out_size, "max-pool")
    if settings.pool_size is None:
        return (_adaptive(in_size, out_size, change, TapReduction.MAX),)
    return (_explicit(in_size, out_size, change, TapReduction.MAX, settings),)


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


def _adaptive(in_size: int, out_size: int, change: Change, reduce: TapReduction) -> AxisMap:
    """Windows floor(iI/O) .. ceil((i+1)I/O), as torch's adaptive pools."""
    means = reduce is TapReduction.SUM
    rule = Rule(_adaptive_windows, (in_size, out_size, means))
    return AxisMap(in_size, out_size, rule, change, reduce=reduce, weighted=means)


def _explicit(
    in_size: int, out_size: int, change: Change, reduce: TapReduction, settings: AxisSettings
) -> AxisMap:
    """Windows of the geometry that the options give; ShapeError where it misses the target."""
    size, padding = settings.pool_size, settings.pool_padding
    assert size is not None
    stride = settings.pool_stride or size
    reached = pooled_size(in_size, settings)
    geometry = f"window {size}, stride {stride}, padding {padding}"
    if padding * 2 > size:
        raise settings.refuse(in_size, out_size, f"{geometry}", "The padding may be at most half the window.")
    if reached < 1:
        raise settings.refuse(
            in_size, out_size, f"{geometry} is larger than the map", phrase("Choose a smaller {pool_size}.")
        )
    if reached != out_size:
        raise settings.refuse(
            in_size,
            out_size,
            f"{geometry} gives {reached}",
            phrase(
                "Change {pool_size}, {pool_stride}, {pool_padding} or {ceil_mode}, or leave them out: "
                "adaptive windows hit the target exactly."
            ),
        )
    means = reduce is TapReduction.SUM
    counts = settings.count_include_pad if means else None
    rule = Rule(_given_windows, (in_size, size, stride, padding, counts))
    return AxisMap(in_size, out_size, rule, change, reduce=reduce, weighted=means)


def _overlaps(positions: Positions, in_size: int, out_size: int) -> Taps:
    """All samples touched, each with the share of the window that it covers.

    The bounds are ratios of whole numbers: computed so, a window ends exactly on a sample.
    """
    low, high = positions * in_size / out_size, (positions + 1) * in_size / out_size
    first, stop = positions * in_size // out_size, -(-(positions + 1) * in_size // out_size)
    indices = _runs(first, stop)
    overlap = np.minimum(indices + 1, high[:, None]) - np.maximum(indices, low[:, None])
    return Taps(indices, np.where(indices >= 0, overlap / (in_size / out_size), 0.0))


def _adaptive_windows(positions: Positions, in_size: int, out_size: int, means: bool) -> Taps:
    first = positions * in_size // out_size
    stop = -(-(positions + 1) * in_size // out_size)
    indices = _runs(first, stop)
    return Taps(indices, _mean_weights(indices, stop - first) if means else None)


def _given_windows(
    positions: Positions, in_size: int, size: int, stride: int, padding: int, counts_padding: bool | None
) -> Taps:
    """`counts_padding`: whether a mean divides by the padding's positions too; None where nothing divides."""
    start = positions * stride - padding
    stop = np.minimum(start + size, in_size + padding)
    counted = stop - start
    first, stop = np.maximum(start, 0), np.minimum(stop, in_size)
    indices = _runs(first, stop)
    if counts_padding is None:
        return Taps(indices)
    return Taps(indices, _mean_weights(indices, counted if counts_padding else stop - first))


def _runs(first: Positions, stop: Positions) -> Positions:
    """Row r holds first[r] .. stop[r] - 1, then -1 up to the longest run."""
    longest = int((stop - first).max(initial=0))
    indices = first[:, None] + np.arange(longest)
    return np.where(indices < stop[:, None], indices, -1)


def _mean_weights(indices: Positions, counts: Positions) -> NDArray[np.float64]:
    return np.where(indices >= 0, 1.0 / counts[:, None], 0.0)
