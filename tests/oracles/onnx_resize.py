"""The published reference of ONNX Resize (opset 19), written out again in NumPy and float64.

Source: the operator's specification, "Resize" (coordinate_transformation_mode, nearest_mode,
cubic_coeff_a, exclude_outside, antialias). Nothing here is shared with featfuse.
"""

import itertools
import math
from collections.abc import Callable

import numpy as np

__all__ = ["resize"]

Weights = Callable[[float], list[tuple[int, float]]]
"""From a source position to the (index, weight) pairs of its taps, before the edge rule."""

NEAREST = {
    "round_prefer_floor": lambda c: math.ceil(c - 0.5),
    "round_prefer_ceil": lambda c: math.floor(c + 0.5),
    "floor": math.floor,
    "ceil": math.ceil,
}


def source(x: int, in_size: int, out_size: int, coords: str) -> float:
    """Where output sample `x` lies on the input axis, as the specification's table has it."""
    scale = out_size / in_size
    if coords == "half_pixel" or (coords == "pytorch_half_pixel" and out_size > 1):
        return (x + 0.5) / scale - 0.5
    if coords == "pytorch_half_pixel":
        return 0.0
    if coords == "align_corners":
        return x * (in_size - 1) / (out_size - 1) if out_size > 1 else 0.0
    if coords == "asymmetric":
        return x / scale
    if coords == "half_pixel_symmetric":
        # the requested size is the size reached, so the adjustment of the specification is 1
        adjustment = out_size / (scale * in_size)
        return in_size / 2 * (1 - adjustment) + (x + 0.5) / scale - 0.5
    raise ValueError(coords)


def keys(distance: float, a: float) -> float:
    """The cubic convolution kernel."""
    d = abs(distance)
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0


def triangle(distance: float) -> float:
    """The linear kernel."""
    return max(0.0, 1 - abs(distance))


def taps(kernel: Callable[[float], float], radius: int, stretch: float) -> Weights:
    """The taps of a kernel stretched by `stretch` (1 without antialias), normalised to sum 1."""

    def of(c: float) -> list[tuple[int, float]]:
        reach = math.ceil(radius * stretch)
        found = [
            (i, kernel((i - c) / stretch)) for i in range(math.floor(c) - reach, math.floor(c) + reach + 2)
        ]
        total = sum(weight for _, weight in found)
        return [(i, weight / total) for i, weight in found]

    return of


def axis_matrix(
    in_size: int,
    out_size: int,
    *,
    mode: str,
    coords: str = "half_pixel",
    nearest_mode: str = "round_prefer_floor",
    cubic_coeff_a: float = -0.75,
    exclude_outside: bool = False,
    antialias: bool = False,
) -> np.ndarray:
    """The (out, in) matrix of one axis. Outside taps repeat the edge, or are dropped and the rest grow."""
    stretch = max(1.0, in_size / out_size) if antialias else 1.0
    if mode == "nearest":
        rounding = NEAREST[nearest_mode]
        # the specification's position is a rational number: decide ties on it, not on its rounding error
        of: Weights = lambda c: [(rounding(round(c, 9)), 1.0)]  # noqa: E731
    elif mode == "linear":
        of = taps(triangle, 1, stretch)
    else:
        of = taps(lambda d: keys(d, cubic_coeff_a), 2, stretch)
    matrix = np.zeros((out_size, in_size))
    for x in range(out_size):
        found = of(source(x, in_size, out_size, coords))
        if exclude_outside:
            found = [(i, weight) for i, weight in found if 0 <= i < in_size]
            total = sum(weight for _, weight in found)
            found = [(i, weight / total) for i, weight in found]
        for i, weight in found:
            matrix[x, min(max(i, 0), in_size - 1)] += weight
    return matrix


def resize(x: np.ndarray, size: tuple[int, ...], **options: object) -> np.ndarray:
    """ONNX Resize of the trailing axes of `x` to `size`, in float64."""
    out = x.astype(np.float64)
    for axis, out_size in zip(itertools.count(x.ndim - len(size)), size, strict=False):
        matrix = axis_matrix(x.shape[axis], out_size, **options)  # type: ignore[arg-type]
        out = np.moveaxis(np.tensordot(matrix, out, (1, axis)), 0, axis)
    return out
