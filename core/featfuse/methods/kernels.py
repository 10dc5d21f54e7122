"""Resampling kernels: weight as a function of the distance in (stretched) input samples."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from featfuse.model.axis import Rule

__all__ = ["KERNELS", "Kernel", "cubic", "gaussian", "lanczos", "mitchell", "triangle"]

Distances = NDArray[np.float64]


class Kernel(NamedTuple):
    """`weight(distances)` falls to zero at `radius`, or `jumps` there: then whoever uses it cuts it off."""

    radius: float
    weight: Rule[Distances]
    jumps: bool = False


def triangle() -> Kernel:
    """1 - |x|: linear interpolation."""
    return Kernel(1.0, Rule(_triangle))


def cubic(a: float) -> Kernel:
    """Keys' cubic convolution, "Cubic convolution interpolation" (1981), equation 4 with free `a`."""
    return Kernel(2.0, Rule(_cubic, (a,)))


def mitchell() -> Kernel:
    """Mitchell and Netravali (1988) with B = C = 1/3."""
    return Kernel(2.0, Rule(_mitchell))


def lanczos(radius: int) -> Kernel:
    """sinc(x) sinc(x / radius), cut at the radius."""
    return Kernel(float(radius), Rule(_lanczos, (radius,)))


def gaussian() -> Kernel:
    """exp(-x² / 2σ²) with σ = 1/2, cut at 1.5 (Turkowski, "Filters for common resampling tasks")."""
    return Kernel(1.5, Rule(_gaussian), jumps=True)


def _triangle(x: Distances) -> Distances:
    return np.maximum(0.0, 1.0 - np.abs(x))


def _cubic(x: Distances, a: float) -> Distances:
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def _mitchell(x: Distances) -> Distances:
    x = np.abs(x)
    near = (7 * x - 12) * x * x / 6 + 8 / 9
    far = ((-7 / 18 * x + 2) * x - 10 / 3) * x + 16 / 9
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def _lanczos(x: Distances, radius: int) -> Distances:
    return np.where(np.abs(x) < radius, np.sinc(x) * np.sinc(x / radius), 0.0)


def _gaussian(x: Distances) -> Distances:
    return np.exp(-2.0 * x * x)


KERNELS: Mapping[str, Callable[..., Kernel]] = MappingProxyType(
    {"triangle": triangle, "mitchell": mitchell, "lanczos": lanczos, "gaussian": gaussian}
)
"""What a method's `kernel` names. (Bicubic has a builder of its own: the convention knows its `a`.)"""
