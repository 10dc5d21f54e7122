"""Coordinate transforms: where, among the input samples, an output sample lies.

Input sample i has its centre at coordinate i. The formulas are those of ONNX Resize
(`coordinate_transformation_mode`, https://onnx.ai/onnx/operators/onnx__Resize.html). For I samples in, O out,
step I/O (or 1/s where a scale s is given, and O is floor(I s)) and width O (ONNX with a scale: I s):
half-pixel (x + 1/2) step - 1/2; align-corners x (I - 1)/(width - 1), or 0 where the width is 1; asymmetric
x step; pytorch-half-pixel as half-pixel, but 0 where O is 1; half-pixel-symmetric as half-pixel, shifted by
I/2 (1 - O step / I), so that what a scale cuts off at the end is shared by both sides. A region of interest
from `start` to `end` (shares of I - 1): start (I - 1) + x (end - start) (I - 1)/(width - 1), its middle where
the width is 1.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["TRANSFORMS", "Sampling", "in_region"]

Positions = NDArray[np.int64]
Coordinates = NDArray[np.floating[Any]]


class Sampling(NamedTuple):
    """The samples of one axis: `in_size` before, `out_size` after.

    `scale` is output samples per input sample where it was asked for, None where the sizes alone say it.
    `width` is the length of the output before it was rounded down to whole samples, for the formulas that
    ask for it.
    """

    in_size: int
    out_size: int
    scale: float | None = None
    width: float = 0.0

    @property
    def step(self) -> float:
        """Input samples per output sample."""
        return self.in_size / self.out_size if self.scale is None else 1.0 / self.scale


def _stretched(x: Any, sampling: Sampling) -> Coordinates:
    """x step, as the frameworks round it: a scale is divided by."""
    shown: Coordinates = x * sampling.step if sampling.scale is None else x / sampling.scale
    return shown


def _half_pixel(x: Positions, sampling: Sampling) -> Coordinates:
    return _stretched(x + 0.5, sampling) - 0.5


def _align_corners(x: Positions, sampling: Sampling) -> Coordinates:
    if sampling.width == 1:
        return np.zeros(len(x))
    return x * ((sampling.in_size - 1) / (sampling.width - 1))


def _asymmetric(x: Positions, sampling: Sampling) -> Coordinates:
    return _stretched(x, sampling)


def _pytorch_half_pixel(x: Positions, sampling: Sampling) -> Coordinates:
    return _half_pixel(x, sampling) if sampling.out_size > 1 else np.zeros(len(x))


def _half_pixel_symmetric(x: Positions, sampling: Sampling) -> Coordinates:
    if sampling.scale is None:
        return _half_pixel(x, sampling)
    whole = sampling.out_size / (sampling.scale * sampling.in_size)
    return sampling.in_size / 2 * (1 - whole) + _stretched(x + 0.5, sampling) - 0.5


TRANSFORMS: Mapping[str, Callable[[Positions, Sampling], Coordinates]] = MappingProxyType(
    {
        "half-pixel": _half_pixel,
        "align-corners": _align_corners,
        "asymmetric": _asymmetric,
        "pytorch-half-pixel": _pytorch_half_pixel,
        "half-pixel-symmetric": _half_pixel_symmetric,
    }
)
"""(output positions, sampling) -> input coordinates, by the name `--coords` takes."""


def in_region(x: Any, sampling: Sampling, start: float, end: float) -> Any:
    """The coordinates of output positions that show a region of the map: ONNX' tf_crop_and_resize.

    `x` is an array or one position; `start` and `end` are shares of the way from first to last sample.
    """
    length = sampling.in_size - 1
    if sampling.width == 1:
        return x * 0.0 + (end - start) * length / 2 + start * length
    return x * (end - start) * length / (sampling.width - 1) + start * length
