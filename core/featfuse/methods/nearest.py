"""Which sample is nearest: exactly, or with the very rounding of a framework.

Where an output sample lies (almost) halfway between two input samples, the frameworks differ by how
they compute the coordinate. About two size pairs in a hundred are affected.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from featfuse.model.axis import Positions

__all__ = ["nearest_source"]

Source = Callable[[Positions], Positions]


def nearest_source(in_size: int, out_size: int, coords: str, rounding: str, arithmetic: str) -> Source:
    """The function from output positions to the index of the nearest sample."""
    if arithmetic == "float32":
        source = _float32(in_size, out_size, 0.5 if coords == "half-pixel" else 0.0)
    elif arithmetic == "opencv":
        source = _opencv(in_size, out_size)
    elif arithmetic == "pillow":
        source = _pillow(in_size, out_size)
    else:
        source = _exact(in_size, out_size, coords, rounding)
    return lambda positions: np.clip(source(positions), 0, max(in_size - 1, 0))


def _float32(in_size: int, out_size: int, shift: float) -> Source:
    """torch (shift 0; 1/2 for nearest-exact) and TF (1/2): floor((x + shift) * I/O), all in float32."""
    scale = np.float32(in_size) / np.float32(out_size)

    def source(positions: Positions) -> Positions:
        centre = (positions.astype(np.float32) + np.float32(shift)) * scale
        sample: Positions = np.floor(centre).astype(np.int64)
        return sample

    return source


def _opencv(in_size: int, out_size: int) -> Source:
    """cv2.INTER_NEAREST: floor(x * (1 / (O/I))), in float64."""
    inverse = 1.0 / (out_size / in_size)

    def source(positions: Positions) -> Positions:
        sample: Positions = np.floor(positions * inverse).astype(np.int64)
        return sample

    return source


def _pillow(in_size: int, out_size: int) -> Source:
    """PIL's affine nearest: starts at half a step and adds a step per sample, rounding each time."""

    @cache
    def centres() -> NDArray[np.float64]:
        steps = np.full(out_size, in_size / out_size)
        steps[:1] *= 0.5
        return np.asarray(np.add.accumulate(steps))

    def source(positions: Positions) -> Positions:
        sample: Positions = np.floor(centres()[positions]).astype(np.int64)
        return sample

    return source


def _exact(in_size: int, out_size: int, coords: str, rounding: str) -> Source:
    """The coordinate as a fraction, so that a tie is a tie: ONNX Resize's nearest modes."""

    def source(positions: Positions) -> Positions:
        numerator, denominator = _fraction(positions, in_size, out_size, coords)
        if rounding == "floor":
            return numerator // denominator
        if rounding == "ceil":
            return -(-numerator // denominator)
        if rounding == "prefer-floor":
            return -((denominator - 2 * numerator) // (2 * denominator))
        return (2 * numerator + denominator) // (2 * denominator)

    return source


def _fraction(x: Positions, in_size: int, out_size: int, coords: str) -> tuple[Positions, int]:
    """`methods.coords` in whole numbers: numerator and denominator of the input coordinate."""
    if coords == "align-corners":
        return (x * (in_size - 1), out_size - 1) if out_size > 1 else (x * 0, 1)
    if coords == "asymmetric":
        return x * in_size, out_size
    if coords == "pytorch-half-pixel" and out_size == 1:
        return x * 0, 1
    return (2 * x + 1) * in_size - out_size, 2 * out_size
