"""Pooling: area, average, maximum and p-norm over windows, adaptive or of a given geometry."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from featfuse.methods.settings import AxisSettings
from featfuse.model.axis import AxisMap, Positions, Rule, Spans, TapReduction, Wide, windowed
from featfuse.model.change import Change, resized
from featfuse.wording import phrase

__all__ = ["area", "avg_pool", "lp_pool", "max_pool", "pooled_size"]


class Windows(NamedTuple):
    """Windows of `size` taps, `dilation` samples apart; one begins at every `stride`-th sample, the first
    `before` samples in front of the input. They may reach `after` samples beyond its end."""

    size: int
    stride: int
    before: int
    after: int
    dilation: int

    @property
    def reach(self) -> int:
        """How many samples lie between a window's ends, both included."""
        return (self.size - 1) * self.dilation + 1


def area(in_size: int, out_size: int, settings: AxisSettings) -> tuple[AxisMap, ...]:
    """torch: the mean of all samples touched; tf, jax, opencv: each weighted by its overlap."""
    change = resized(in_size, out_size, "area")
    if not settings.convention.fractional_area:
        return (_adaptive(in_size, out_size, change, _PRESENT),)
    sizes = in_size, out_size
    wide = Wide(Rule(_touched, sizes), Rule(_overlaps, sizes))
    return (windowed(*sizes, wide, change, weighted=True),)


def avg_pool(in_size: int, out_size: int, settings: AxisSettings) -> tuple[AxisMap, ...]:
    """Mean over windows; a ceil-mode overhang is never counted, padding by `count_include_pad`.

    The padding counts unless it is `same`: Keras, TF and ONNX then divide by the real samples alone.
    """
    counts = settings.count_include_pad
    if counts is None:
        counts = settings.pool_padding != "same"
    share = _COUNTED if counts else _PRESENT
    return (_pooled(in_size, out_size, settings, share),)


def max_pool(in_size: int, out_size: int, settings: AxisSettings) -> tuple[AxisMap, ...]:
    """Maximum over windows; padding never wins."""
    return (_pooled(in_size, out_size, settings, _NO_WEIGHT, TapReduction.MAX),)


def lp_pool(in_size: int, out_size: int, settings: AxisSettings) -> tuple[AxisMap, ...]:
    """Sum over windows, of samples that have been raised to a power.

    torch takes the mean and multiplies it by the window's size, so a window that hangs over the end in ceil
    mode counts as if it were whole.
    """
    scaled = settings.convention.lp_norm == "signed" and settings.ceil_mode
    return (_pooled(in_size, out_size, settings, _SCALED if scaled else _NO_WEIGHT),)


def pooled_size(in_size: int, settings: AxisSettings) -> int:
    """How many windows of the given geometry fit: torch's formula, `ceil_mode` included.

    With ceil_mode a last window that would start beyond the input and its front padding is dropped. With
    `same` padding they are ceil(in_size / stride).
    """
    return _fitting(in_size, _windows(in_size, settings), ceil_mode=settings.ceil_mode)


def _fitting(in_size: int, windows: Windows, *, ceil_mode: bool) -> int:
    room = in_size + windows.before + windows.after - windows.reach
    if room < 0:
        return 0
    if not ceil_mode:
        return room // windows.stride + 1
    count = -(-room // windows.stride) + 1
    return count - 1 if (count - 1) * windows.stride >= in_size + windows.before else count


def _windows(in_size: int, settings: AxisSettings) -> Windows:
    """The geometry that the options give.

    `same` pads so that the windows are ceil(in_size / stride), with the odd sample behind, and by nothing
    where they are shorter than their step: Keras and TF, which crop there in 3-D, as ONNX' SAME_UPPER does.
    """
    size, padding, dilation = settings.pool_size, settings.pool_padding, settings.pool_dilation
    assert size is not None
    stride = settings.pool_stride or size
    if isinstance(padding, str):
        count = -(-in_size // stride)
        total = max((count - 1) * stride + (size - 1) * dilation + 1 - in_size, 0)
        padding = total // 2, total - total // 2
    before, after = padding if isinstance(padding, tuple) else (padding, padding)
    return Windows(size, stride, before, after, dilation)


_MOST_IN_FRONT = 1 << 16

_NO_WEIGHT, _PRESENT, _COUNTED, _SCALED = "", "1 / present", "1 / counted", "size / counted"
"""What a tap weighs: nothing of its own; a share of the taps that read a sample; a share of those and of the
padding's; the same as often as a window has taps."""


def _pooled(
    in_size: int,
    out_size: int,
    settings: AxisSettings,
    share: str,
    reduce: TapReduction = TapReduction.SUM,
) -> AxisMap:
    change = resized(in_size, out_size, settings.method)
    if settings.pool_size is None:
        return _adaptive(in_size, out_size, change, share, reduce)
    windows = _windows(in_size, settings)
    _check(in_size, out_size, windows, settings)
    wide = Wide(Rule(_given_windows, (in_size, windows, share)))
    return windowed(in_size, out_size, wide, change, reduce=reduce, weighted=reduce is TapReduction.SUM)


def _adaptive(
    in_size: int,
    out_size: int,
    change: Change,
    share: str,
    reduce: TapReduction = TapReduction.SUM,
) -> AxisMap:
    """Windows floor(iI/O) .. ceil((i+1)I/O), as torch's adaptive pools."""
    wide = Wide(Rule(_adaptive_windows, (in_size, out_size, share != _NO_WEIGHT)))
    return windowed(in_size, out_size, wide, change, reduce=reduce, weighted=reduce is TapReduction.SUM)


def _check(in_size: int, out_size: int, windows: Windows, settings: AxisSettings) -> None:
    """ShapeError where the windows miss the target, or one of them would hold no sample."""
    reached = _fitting(in_size, windows, ceil_mode=settings.ceil_mode)
    geometry = _geometry_text(windows, settings)
    if reached < 1:
        raise settings.refuse(
            in_size, out_size, f"{geometry} is larger than the map", phrase("Choose a smaller {pool_size}.")
        )
    if not _all_hold_samples(in_size, windows, reached):
        raise settings.refuse(
            in_size,
            out_size,
            f"with {geometry} a window would hold no sample",
            phrase(
                "Choose a smaller {pool_padding}" + (" or {pool_dilation}." if windows.dilation > 1 else ".")
            ),
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


def _all_hold_samples(in_size: int, windows: Windows, count: int) -> bool:
    """Whether none of the `count` windows lies in the padding with all its taps.

    Of more windows in front of the input than anybody pads for, which leap over it, none is looked at.
    """
    last = (count - 1) * windows.stride - windows.before
    if windows.before >= windows.reach or last >= in_size:
        return False
    if windows.dilation <= in_size or windows.size == 1:
        return True
    in_front = min(count, -(-windows.before // windows.stride))
    if in_front > _MOST_IN_FRONT:
        return False
    first = (np.arange(in_front) * windows.stride - windows.before) % windows.dilation
    return bool((first < in_size).all())


def _geometry_text(windows: Windows, settings: AxisSettings) -> str:
    padding = settings.pool_padding
    told = "+".join(map(str, padding)) if isinstance(padding, tuple) else padding
    dilation = f", dilation {windows.dilation}" if windows.dilation > 1 else ""
    return f"window {windows.size}, stride {windows.stride}, padding {told}{dilation}"


def _touched(positions: Positions, in_size: int, out_size: int) -> Spans:
    """All samples that the windows iI/O .. (i+1)I/O touch."""
    first = positions * in_size // out_size
    return Spans(first, -(-(positions + 1) * in_size // out_size) - first)


def _overlaps(positions: Positions, indices: Positions, in_size: int, out_size: int) -> NDArray[np.float64]:
    """The share of its window that each sample covers.

    The bounds are ratios of whole numbers: computed so, a window ends exactly on a sample.
    """
    low, high = positions * in_size / out_size, (positions + 1) * in_size / out_size
    overlap = np.minimum(indices + 1, high[:, None]) - np.maximum(indices, low[:, None])
    return np.asarray(overlap / (in_size / out_size))


def _adaptive_windows(positions: Positions, in_size: int, out_size: int, means: bool) -> Spans:
    spans = _touched(positions, in_size, out_size)
    return spans._replace(shares=1.0 / spans.counts) if means else spans


def _given_windows(positions: Positions, in_size: int, windows: Windows, share: str) -> Spans:
    start = positions * windows.stride - windows.before

    def taps_before(end: int) -> Positions:
        return np.minimum(-((start - end) // windows.dilation), windows.size)

    in_front = -(np.minimum(start, 0) // windows.dilation)  # taps that lie in the padding
    present = taps_before(in_size) - in_front
    spans = Spans(start + in_front * windows.dilation, present, windows.dilation)
    if share == _NO_WEIGHT:
        return spans
    counted = present if share == _PRESENT else taps_before(in_size + windows.after)
    return spans._replace(shares=(windows.size if share == _SCALED else 1.0) / counted)
