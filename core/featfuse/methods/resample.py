"""Interpolation: kernel resampling with every coordinate convention, and the nearest sample."""

import math
from collections.abc import Callable

import numpy as np

from featfuse.axis import AxisMap, Positions, Taps, gather
from featfuse.methods import kernels
from featfuse.methods.coords import TRANSFORMS, Coordinates
from featfuse.methods.kernels import Kernel
from featfuse.methods.settings import AxisSettings, scale_text

__all__ = [
    "bicubic",
    "bilinear",
    "gaussian",
    "interpolate",
    "lanczos3",
    "lanczos5",
    "mitchell",
    "nearest",
    "nearest_exact",
]


def interpolate(in_size: int, out_size: int, kernel: Kernel, settings: AxisSettings) -> tuple[AxisMap, ...]:
    """Each output sample is the kernel-weighted mean of the input samples around its coordinate.

    Antialiasing stretches the kernel by max(1, in_size / out_size). Edges: `clamp` repeats the edge
    sample, `renormalize` leaves outside taps out and rescales the rest to sum to one.
    """
    convention = settings.convention
    antialias = convention.antialias if settings.antialias is None else settings.antialias
    default_edge = convention.edge_antialias if antialias else convention.edge
    clamp = (settings.edge or default_edge) == "clamp"
    transform = TRANSFORMS[settings.coords or convention.coords]
    stretch = max(1.0, in_size / out_size) if antialias else 1.0
    reach = kernel.radius * stretch
    taps = math.floor(2 * reach) + 1

    def rule(positions: Positions) -> Taps:
        centre = transform(positions, in_size, out_size)
        indices = np.ceil(centre - reach).astype(np.int64)[:, None] + np.arange(taps)
        weights = kernel.weight((indices - centre[:, None]) / stretch)
        if clamp:
            indices = np.clip(indices, 0, in_size - 1)
        else:
            inside = (indices >= 0) & (indices < in_size)
            indices, weights = np.where(inside, indices, -1), np.where(inside, weights, 0.0)
        weights /= weights.sum(axis=1, keepdims=True)
        return _drop_empty_columns(np.where(weights == 0.0, -1, indices), weights)

    action = f"{scale_text(in_size, out_size)} {settings.method}"
    return (AxisMap(in_size, out_size, rule, action, weighted=True),)


def _drop_empty_columns(indices: Positions, weights: Coordinates) -> Taps:
    """A tap of weight zero reads nothing; a column of such taps need not exist."""
    used = (indices >= 0).any(axis=0)
    return Taps(indices[:, used], weights[:, used])


def bilinear(in_size: int, out_size: int, settings: AxisSettings) -> tuple[AxisMap, ...]:
    """Triangle kernel."""
    return interpolate(in_size, out_size, kernels.triangle(), settings)


def bicubic(in_size: int, out_size: int, settings: AxisSettings) -> tuple[AxisMap, ...]:
    """Keys' kernel; `a` by the convention, which may differ with antialiasing (torch)."""
    convention = settings.convention
    antialias = convention.antialias if settings.antialias is None else settings.antialias
    a = convention.cubic_a_antialias if antialias else convention.cubic_a
    return interpolate(
        in_size, out_size, kernels.cubic(a if settings.cubic_a is None else settings.cubic_a), settings
    )


def lanczos3(in_size: int, out_size: int, settings: AxisSettings) -> tuple[AxisMap, ...]:
    """Windowed sinc, radius 3."""
    return interpolate(in_size, out_size, kernels.lanczos(3), settings)


def lanczos5(in_size: int, out_size: int, settings: AxisSettings) -> tuple[AxisMap, ...]:
    """Windowed sinc, radius 5."""
    return interpolate(in_size, out_size, kernels.lanczos(5), settings)


def mitchell(in_size: int, out_size: int, settings: AxisSettings) -> tuple[AxisMap, ...]:
    """Mitchell-Netravali; it smooths, also where the size stays."""
    return interpolate(in_size, out_size, kernels.mitchell(), settings)


def gaussian(in_size: int, out_size: int, settings: AxisSettings) -> tuple[AxisMap, ...]:
    """Gaussian; it smooths, also where the size stays."""
    return interpolate(in_size, out_size, kernels.gaussian(), settings)


def nearest(in_size: int, out_size: int, settings: AxisSettings) -> tuple[AxisMap, ...]:
    """The convention's own rule, or the one that --coords and --nearest-rounding spell out."""
    convention = settings.convention
    coords = settings.coords or convention.nearest_coords
    rounding = settings.nearest_rounding or convention.nearest_rounding
    given = settings.coords is not None or settings.nearest_rounding is not None
    if convention.nearest_float32 and not given:
        shift = 0.5 if coords == "half-pixel" else 0.0
        return _nearest_float32(in_size, out_size, shift, settings)
    transform = TRANSFORMS[coords]

    def source(positions: Positions) -> Positions:
        centre = transform(positions, in_size, out_size)
        nearest_sample = _ROUNDINGS[rounding](centre).astype(np.int64)
        return np.clip(nearest_sample, 0, in_size - 1)

    return (gather(in_size, out_size, source, f"{scale_text(in_size, out_size)} {settings.method}"),)


_ROUNDINGS: dict[str, Callable[[Coordinates], Coordinates]] = {
    "floor": np.floor,
    "ceil": np.ceil,
    "prefer-floor": lambda centre: np.ceil(centre - 0.5),
    "prefer-ceil": lambda centre: np.floor(centre + 0.5),
}


def nearest_exact(in_size: int, out_size: int, settings: AxisSettings) -> tuple[AxisMap, ...]:
    """floor((x + 1/2) * I/O), in float32 as torch and TF compute it."""
    return _nearest_float32(in_size, out_size, 0.5, settings)


def _nearest_float32(
    in_size: int, out_size: int, shift: float, settings: AxisSettings
) -> tuple[AxisMap, ...]:
    """min(floor((x + shift) * I/O), I - 1) with every step rounded to float32.

    About two in a hundred size pairs differ from exact arithmetic here; the frameworks do the same.
    """
    scale = np.float32(in_size) / np.float32(out_size)

    def source(positions: Positions) -> Positions:
        centre = (positions.astype(np.float32) + np.float32(shift)) * scale
        sample: Positions = np.floor(centre).astype(np.int64)
        return np.minimum(sample, in_size - 1)

    return (gather(in_size, out_size, source, f"{scale_text(in_size, out_size)} {settings.method}"),)
