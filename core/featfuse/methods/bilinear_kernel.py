"""Transposed convolution with the fixed bilinear kernel of FCN."""

import numpy as np

from featfuse.methods.settings import AxisSettings
from featfuse.model.axis import AxisMap, Positions, Rule, Taps
from featfuse.model.change import resized
from featfuse.wording import phrase

__all__ = ["fixed_bilinear"]


def fixed_bilinear(in_size: int, out_size: int, settings: AxisSettings) -> tuple[AxisMap, ...]:
    """Upsampling by a whole factor f: kernel 2f - f%2, stride f, padding (k - f) / 2.

    The kernel is that of Long, Shelhamer and Darrell, "Fully convolutional networks" (their
    `upsample_filt`). Beyond the edge there is nothing, so border samples are smaller than with
    `bilinear`.
    """
    factor, rest = divmod(out_size, in_size)
    if rest or factor < 1:
        raise settings.refuse(
            in_size,
            out_size,
            "the fixed kernel upsamples by whole factors only",
            phrase("Use {method:bilinear}, which reaches any size."),
        )
    rule = Rule(_taps, (in_size, factor))
    change = resized(in_size, out_size, settings.method)
    return (AxisMap(in_size, out_size, rule, change, weighted=True, monotone=True),)


def _taps(positions: Positions, in_size: int, factor: int) -> Taps:
    size = 2 * factor - factor % 2
    padding = (size - factor) // 2
    half = (size + 1) // 2
    centre = half - 1.0 if size % 2 else half - 0.5
    last = (positions + padding) // factor
    indices = last[:, None] - np.arange(1, -1, -1)
    offset = positions[:, None] + padding - indices * factor
    inside = (indices >= 0) & (indices < in_size) & (offset < size)
    weights = np.where(inside, 1.0 - np.abs(offset - centre) / half, 0.0)
    return Taps(np.where(inside, indices, -1), weights)
