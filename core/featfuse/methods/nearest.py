"""Which sample is nearest: exactly, or with the very rounding of a framework.

Where an output sample lies (almost) halfway between two input samples, the frameworks differ by how
they compute the coordinate. About two size pairs in a hundred are affected.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from featfuse.model.axis import Positions, Rule

__all__ = ["nearest_source"]


def nearest_source(
    in_size: int, out_size: int, coords: str, rounding: str, arithmetic: str
) -> Rule[Positions]:
    """The rule from output positions to the index of the nearest sample."""
    if arithmetic == "float32":
        return Rule(_float32, (in_size, out_size, 0.5 if coords == "half-pixel" else 0.0))
    if arithmetic == "opencv":
        return Rule(_opencv, (in_size, out_size))
    if arithmetic == "pillow":
        return Rule(_pillow, (in_size, out_size))
    return Rule(_exact, (in_size, out_size, coords, rounding))


def _float32(x: Positions, in_size: int, out_size: int, shift: float) -> Positions:
    """torch (shift 0; 1/2 for nearest-exact) and TF (1/2): floor((x + shift) * I/O), all in float32."""
    centre = (x.astype(np.float32) + np.float32(shift)) * (np.float32(in_size) / np.float32(out_size))
    return _inside(np.floor(centre).astype(np.int64), in_size)


def _opencv(x: Positions, in_size: int, out_size: int) -> Positions:
    """cv2.INTER_NEAREST: floor(x * (1 / (O/I))), in float64."""
    return _inside(np.floor(x * (1.0 / (out_size / in_size))).astype(np.int64), in_size)


def _pillow(x: Positions, in_size: int, out_size: int) -> Positions:
    """PIL's affine nearest: starts at half a step and adds a step per sample, rounding each time."""
    return _inside(np.floor(_pillow_centres(in_size, out_size)[x]).astype(np.int64), in_size)


@lru_cache(maxsize=16)
def _pillow_centres(in_size: int, out_size: int) -> NDArray[np.float64]:
    steps = np.full(out_size, in_size / out_size)
    steps[:1] *= 0.5
    return np.asarray(np.add.accumulate(steps))


def _exact(x: Positions, in_size: int, out_size: int, coords: str, rounding: str) -> Positions:
    """The coordinate as a fraction, so that a tie is a tie: ONNX Resize's nearest modes."""
    numerator, denominator = _fraction(x, in_size, out_size, coords)
    if rounding == "floor":
        source = numerator // denominator
    elif rounding == "ceil":
        source = -(-numerator // denominator)
    elif rounding == "prefer-floor":
        source = -((denominator - 2 * numerator) // (2 * denominator))
    else:
        source = (2 * numerator + denominator) // (2 * denominator)
    return _inside(source, in_size)


def _inside(source: Positions, in_size: int) -> Positions:
    return np.clip(source, 0, max(in_size - 1, 0))


def _fraction(x: Positions, in_size: int, out_size: int, coords: str) -> tuple[Positions, int]:
    """`methods.coords` in whole numbers: numerator and denominator of the input coordinate."""
    if coords == "align-corners":
        return (x * (in_size - 1), out_size - 1) if out_size > 1 else (x * 0, 1)
    if coords == "asymmetric":
        return x * in_size, out_size
    if coords == "pytorch-half-pixel" and out_size == 1:
        return x * 0, 1
    return (2 * x + 1) * in_size - out_size, 2 * out_size
