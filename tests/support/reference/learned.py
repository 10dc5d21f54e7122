"""Learned transposed convolutions in float64: every sample scatters its kernel.

Slow, and independent of featfuse.
"""

import itertools
import math
from typing import NamedTuple

import numpy as np

__all__ = ["Axis", "out_size", "transposed"]


class Axis(NamedTuple):
    """A transposed convolution along one axis; `same` is Keras' padding."""

    taps: int
    stride: int
    padding: int = 0
    extra: int = 0
    dilation: int = 1
    same: bool = False


def out_size(size: int, axis: Axis) -> int:
    if axis.same:
        return size * axis.stride
    natural = (size - 1) * axis.stride + axis.dilation * (axis.taps - 1) + 1
    return natural - 2 * axis.padding + axis.extra


def front(axis: Axis) -> int:
    """What is cut off before the first output."""
    if not axis.same:
        return axis.padding
    left = min(math.ceil((axis.stride + axis.taps - 2) / 2), axis.taps - 1)
    return axis.taps - 1 - left


def transposed(
    values: np.ndarray, kernel: np.ndarray, bias: np.ndarray | None, axes: list[Axis], groups: int
) -> np.ndarray:
    """`values` (N, C, *space), `kernel` (C, out / groups, *taps), in torch's meaning of groups."""
    space = values.shape[2:]
    sizes = [out_size(size, axis) for size, axis in zip(space, axes, strict=True)]
    each_in, each_out = values.shape[1] // groups, kernel.shape[1]
    result = np.zeros((len(values), each_out * groups, *sizes))
    for place in itertools.product(*map(range, space)):
        for tap in itertools.product(*(range(axis.taps) for axis in axes)):
            to = tuple(
                x * axis.stride + t * axis.dilation - front(axis)
                for x, t, axis in zip(place, tap, axes, strict=True)
            )
            if not all(0 <= at < size for at, size in zip(to, sizes, strict=True)):
                continue
            for channel, out in itertools.product(range(values.shape[1]), range(each_out)):
                goal = channel // each_in * each_out + out
                product = values[(slice(None), channel, *place)] * kernel[(channel, out, *tap)]
                result[(slice(None), goal, *to)] += product
    if bias is not None:
        for out, number in enumerate(bias):
            result[:, out] += number
    return result
