"""Which sample is nearest: exactly, or with the very rounding of a framework.

Where an output sample lies (almost) halfway between two input samples, the frameworks differ by how
they compute the coordinate. About two size pairs in a hundred are affected.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from featfuse.methods.coords import TRANSFORMS, Coordinates, Sampling
from featfuse.model.axis import RUN, Positions, Rule

__all__ = ["NearestRule", "nearest_source", "rounded"]


class NearestRule(NamedTuple):
    """Where samples sit, which of two equally near ones is taken, how that is computed: see Convention."""

    coords: str
    rounding: str
    arithmetic: str


def nearest_source(sampling: Sampling, rule: NearestRule, *, small: bool, double: bool) -> Rule[Positions]:
    """The rule from output positions to the index of the nearest sample.

    torch has two ways, one of them for `small` planes; of the other the result depends on whether the data
    is `double`.
    """
    half = rule.coords == "half-pixel"
    match rule.arithmetic:
        case "torch" if small:
            return Rule(_torch_small, (sampling, half))
        case "torch":
            return Rule(_torch, (sampling, half, double))
        case "float32":
            return Rule(_float32, (sampling, 0.5 if half else 0.0))
        case "jax":
            return Rule(_jax, (sampling,))
        case "opencv":
            return Rule(_opencv, (sampling,))
        case "pillow" if sampling.scale is None:
            return Rule(_pillow, (sampling.in_size, sampling.out_size))
    if sampling.scale is None:
        return Rule(_exact, (sampling.in_size, sampling.out_size, rule.coords, rule.rounding))
    place = Rule(TRANSFORMS[rule.coords], (sampling,))
    return Rule(rounded, (place, rule.rounding, sampling.in_size))


def _float32(x: Positions, sampling: Sampling, shift: float) -> Positions:
    """floor((x + shift) * I/O), all in float32: TF (shift 1/2)."""
    centre = (x.astype(np.float32) + np.float32(shift)) * _float32_step(sampling)
    return _inside(np.floor(centre).astype(np.int64), sampling.in_size)


def _float32_step(sampling: Sampling) -> np.float32:
    if sampling.scale is not None:
        return np.float32(sampling.step)
    return np.float32(sampling.in_size) / np.float32(sampling.out_size)


def _torch_small(x: Positions, sampling: Sampling, half: bool) -> Positions:
    """torch's `nearest_idx` (aten/native/UpSample.h): for 2-D outputs of height + width up to 128.

    Of "nearest" a size that stays or doubles goes by the sizes, whatever the scale.
    """
    if not half and sampling.out_size in (sampling.in_size, 2 * sampling.in_size):
        return x * sampling.in_size // sampling.out_size
    return _float32(x, sampling, 0.5 if half else 0.0)


def _torch(x: Positions, sampling: Sampling, half: bool, double: bool) -> Positions:
    """torch's `HelperInterpNearest` and `HelperInterpNearestExact` (aten/native/cpu/UpSampleKernel.cpp).

    The coordinate is computed in float64 or, with one rounding after multiplying and adding, in float32; its
    floor is that of a float32.
    """
    if double:
        centre = sampling.step * (x + 0.5) - 0.5 + 0.5 if half else x * sampling.step
    elif half:
        corner = (np.float64(_float32_step(sampling)) * (x + 0.5) - 0.5).astype(np.float32)
        centre = corner.astype(np.float64) + 0.5
    else:
        return _float32(x, sampling, 0.0)
    return _inside(np.floor(centre.astype(np.float32)).astype(np.int64), sampling.in_size)


def _jax(x: Positions, sampling: Sampling) -> Positions:
    """jax.image.resize as XLA compiles it: (x + 1/2) * (I * (1/O)), all in float32."""
    one = np.float32(1)
    step = np.float32(sampling.in_size) * (one / np.float32(sampling.out_size))
    if sampling.scale is not None:
        step = np.float32(sampling.step)
    centre = (x.astype(np.float32) + np.float32(0.5)) * step
    return _inside(np.floor(centre).astype(np.int64), sampling.in_size)


def rounded(x: Positions, place: Rule[Coordinates], rounding: str, in_size: int) -> Positions:
    """The nearest sample to the coordinates that `place` gives, in float64."""
    coordinate = place(x)
    if rounding == "floor":
        source = np.floor(coordinate)
    elif rounding == "ceil":
        source = np.ceil(coordinate)
    elif rounding == "prefer-floor":
        source = np.ceil(coordinate - 0.5)
    else:
        source = np.floor(coordinate + 0.5)
    return _inside(source.astype(np.int64), in_size)


def _opencv(x: Positions, sampling: Sampling) -> Positions:
    """cv2.INTER_NEAREST: floor(x * (1 / (O/I))), in float64."""
    scale = sampling.out_size / sampling.in_size if sampling.scale is None else sampling.scale
    return _inside(np.floor(x * (1.0 / scale)).astype(np.int64), sampling.in_size)


def _pillow(x: Positions, in_size: int, out_size: int) -> Positions:
    """PIL's affine nearest: starts at half a step and adds a step per sample, rounding each time."""
    centres = np.empty(x.shape)
    runs = x // RUN
    for run in np.unique(runs).tolist():
        here = runs == run
        centres[here] = _pillow_run(in_size / out_size, run)[x[here] - run * RUN]
    return _inside(np.floor(centres).astype(np.int64), in_size)


@lru_cache(maxsize=16)
def _pillow_run(step: float, run: int) -> NDArray[np.float64]:
    """The centres of the RUN positions from number `run` * RUN on."""
    steps = np.full(RUN, step)
    steps[0] = _pillow_centre(step, run * RUN)
    return np.asarray(np.add.accumulate(steps))


def _pillow_centre(step: float, position: int) -> float:
    """Half a `step`, and `position` times a step added to it, each sum rounded.

    Between two powers of two all floats are equally far apart, so every sum there grows by the same amount,
    but perhaps the first, whose tie may be broken the other way: the others are done at once.
    """
    centre, done = 0.5 * step, 0
    while done < position:
        before, centre = centre, centre + step
        done += 1
        grown, limit = centre - before, math.ldexp(1.0, math.frexp(before)[1])
        if done > 1 and centre < limit and centre + step - centre == grown:
            count = min(position - done, max(int((limit - centre) / grown) - 1, 0))
            centre += count * grown
            done += count
    return centre


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
