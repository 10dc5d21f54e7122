"""Coordinate transforms: where, among the input samples, an output sample lies.

Input sample i has its centre at coordinate i. The formulas are those of ONNX Resize
(`coordinate_transformation_mode`, https://onnx.ai/onnx/operators/onnx__Resize.html). For I samples in, O out:
half-pixel (x + 1/2) I/O - 1/2; align-corners x (I - 1)/(O - 1), or 0 where O is 1; asymmetric x I/O;
pytorch-half-pixel as half-pixel, but 0 where O is 1; half-pixel-symmetric as half-pixel (the scale is O/I).
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["TRANSFORMS"]

Positions = NDArray[np.int64]
Coordinates = NDArray[np.floating[Any]]


def _half_pixel(x: Positions, in_size: int, out_size: int) -> Coordinates:
    return (x + 0.5) * (in_size / out_size) - 0.5


def _align_corners(x: Positions, in_size: int, out_size: int) -> Coordinates:
    return x * ((in_size - 1) / (out_size - 1)) if out_size > 1 else np.zeros(len(x))


def _asymmetric(x: Positions, in_size: int, out_size: int) -> Coordinates:
    return x * (in_size / out_size)


def _pytorch_half_pixel(x: Positions, in_size: int, out_size: int) -> Coordinates:
    return _half_pixel(x, in_size, out_size) if out_size > 1 else np.zeros(len(x))


def _half_pixel_symmetric(x: Positions, in_size: int, out_size: int) -> Coordinates:
    """The scale is exactly out_size / in_size here, so the adjustment of ONNX is one."""
    return _half_pixel(x, in_size, out_size)


TRANSFORMS: Mapping[str, Callable[[Positions, int, int], Coordinates]] = MappingProxyType(
    {
        "half-pixel": _half_pixel,
        "align-corners": _align_corners,
        "asymmetric": _asymmetric,
        "pytorch-half-pixel": _pytorch_half_pixel,
        "half-pixel-symmetric": _half_pixel_symmetric,
    }
)
"""(output positions, in_size, out_size) -> input coordinates, by the name `--coords` takes."""
