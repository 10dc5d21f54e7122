"""Interpolation: kernel resampling with every coordinate convention, and the nearest sample."""

import math

import numpy as np
from numpy.typing import NDArray

from featfuse.methods.coords import TRANSFORMS, Coordinates, Sampling
from featfuse.methods.kernels import KERNELS, Kernel, cubic
from featfuse.methods.nearest import NearestRule, nearest_source, rounded
from featfuse.methods.settings import AxisSettings
from featfuse.model.axis import AxisMap, Positions, Rule, Spans, Taps, Wide, gather, identity
from featfuse.model.change import resized

__all__ = ["bicubic", "by_kernel", "nearest", "nearest_exact"]


def _interpolate(in_size: int, out_size: int, kernel: Kernel, settings: AxisSettings) -> tuple[AxisMap, ...]:
    """Each output sample is the kernel-weighted mean of the input samples around its coordinate.

    Antialiasing stretches the kernel by max(1, input samples per output sample). Edges: `clamp` repeats the
    edge sample, `renormalize` leaves outside taps out and rescales the rest to sum to one.
    """
    convention = settings.convention
    antialias = convention.antialias if settings.antialias is None else settings.antialias
    default_edge = convention.edge_antialias if antialias else convention.edge
    clamp = (settings.edge or default_edge) == "clamp"
    coords = settings.coords or convention.coords
    sampling = settings.sampling(in_size, out_size)
    stays = settings.scale is not None and convention.leaves_equal_sizes and in_size == out_size
    if stays and (antialias or kernel.radius == 1):
        return (identity(in_size),)
    stretch = max(1.0, sampling.step) if antialias else 1.0
    tf = convention.float32_reach and coords == "half-pixel" and settings.roi is None
    as_tf = sampling if kernel.jumps and tf else None

    def weighted(place: Rule[Coordinates], size: int) -> AxisMap:
        wide = Wide(
            Rule(_kernel_spans, (kernel, place, stretch)),
            Rule(_kernel_weights, (kernel, place, stretch, as_tf)),
            scaled=True,
            repeats=clamp,
        )
        change = resized(in_size, size, settings.method)
        return AxisMap(in_size, size, Rule(_kernel_taps, (in_size, wide)), change, weighted=True, wide=wide)

    if settings.roi is not None:
        from featfuse.methods.region import of_region

        return of_region(sampling, settings, weighted)
    return (weighted(Rule(TRANSFORMS[coords], (sampling,)), out_size),)


def _kernel_spans(positions: Positions, kernel: Kernel, place: Rule[Coordinates], stretch: float) -> Spans:
    """What a stretched kernel around each position's coordinate reaches, also beyond the input."""
    reach = kernel.radius * stretch + (1e-4 if kernel.jumps else 0.0)
    first = np.ceil(place(positions) - reach).astype(np.int64)
    return Spans(first, np.full_like(first, math.floor(2 * reach) + 1))


def _kernel_weights(
    positions: Positions,
    indices: Positions,
    kernel: Kernel,
    place: Rule[Coordinates],
    stretch: float,
    as_tf: Sampling | None,
) -> NDArray[np.float64]:
    """The kernel at these samples' distances; `as_tf` cuts it off as TF does."""
    distance = (indices - place(positions)[:, None]) / stretch
    weights = kernel.weight(distance)
    if kernel.jumps:
        reached = np.abs(distance) < kernel.radius
        if as_tf is not None:
            reached = _tf_reaches(positions, indices, as_tf, kernel, stretch)
        weights = np.where(reached, weights, 0.0)
    return weights


def _kernel_taps(positions: Positions, in_size: int, wide: Wide) -> Taps:
    assert wide.weigh is not None
    spans = wide.spans(positions)
    indices = spans.first[:, None] + np.arange(int(spans.counts.max(initial=0)))
    weights = wide.weigh(positions, indices)
    if wide.repeats:
        indices = np.clip(indices, 0, in_size - 1)
    else:
        inside = (indices >= 0) & (indices < in_size)
        indices, weights = np.where(inside, indices, -1), np.where(inside, weights, 0.0)
    total = weights.sum(axis=1, keepdims=True)
    weights /= np.where(total == 0, 1.0, total)  # on an axis of 2**31 samples TF's float32 may reach none: 0
    return _drop_empty_columns(np.where(weights == 0.0, -1, indices), weights)


def _tf_reaches(
    positions: Positions, indices: Positions, sampling: Sampling, kernel: Kernel, stretch: float
) -> NDArray[np.bool_]:
    """Which taps TensorFlow counts: it compares their distance with the radius in float32.

    Only a kernel that is not zero at its radius can tell (gaussian). From its `ComputeSpansCore`.
    """
    one, half = np.float32(1), np.float32(0.5)
    ratio = np.float32(sampling.out_size) / np.float32(sampling.in_size)
    inverse = one / (ratio if sampling.scale is None else np.float32(sampling.scale))
    stretched = np.maximum(inverse, one) if stretch > 1 else one
    sample = (positions.astype(np.float32) + half) * inverse
    reach = np.float32(kernel.radius) * stretched
    first, last = np.ceil(sample - reach - half), np.floor(sample + reach - half)
    distance = np.abs((indices.astype(np.float32) + half - sample[:, None]) * (one / stretched))
    inside = (indices >= first[:, None]) & (indices <= last[:, None])
    return np.asarray(inside & (distance < np.float32(kernel.radius)))


def _drop_empty_columns(indices: Positions, weights: Coordinates) -> Taps:
    """A tap of weight zero reads nothing; a column of such taps need not exist."""
    used = (indices >= 0).any(axis=0)
    return Taps(indices[:, used], weights[:, used])


def by_kernel(
    in_size: int, out_size: int, settings: AxisSettings, kernel: tuple[str | float, ...]
) -> tuple[AxisMap, ...]:
    """Any row of KERNELS with its parameters."""
    name, *parameters = kernel
    return _interpolate(in_size, out_size, KERNELS[str(name)](*parameters), settings)


def bicubic(in_size: int, out_size: int, settings: AxisSettings) -> tuple[AxisMap, ...]:
    """Keys' kernel; `a` by the convention, which may differ with antialiasing (torch)."""
    convention = settings.convention
    antialias = convention.antialias if settings.antialias is None else settings.antialias
    a = convention.cubic_a_antialias if antialias else convention.cubic_a
    kernel = cubic(a if settings.cubic_a is None else settings.cubic_a)
    return _interpolate(in_size, out_size, kernel, settings)


def nearest(in_size: int, out_size: int, settings: AxisSettings) -> tuple[AxisMap, ...]:
    """The convention's own rule, or the one that --coords and --nearest-rounding spell out."""
    convention = settings.convention
    coords = settings.coords or convention.nearest_coords
    rounding = settings.nearest_rounding or convention.nearest_rounding
    own = (coords, rounding) == (convention.nearest_coords, convention.nearest_rounding)
    arithmetic = convention.nearest_arithmetic if own else "exact"
    return _gathered(in_size, out_size, settings, NearestRule(coords, rounding, arithmetic))


def nearest_exact(in_size: int, out_size: int, settings: AxisSettings) -> tuple[AxisMap, ...]:
    """floor((x + 1/2) * I/O), rounded on the way as torch does."""
    return _gathered(in_size, out_size, settings, NearestRule("half-pixel", "prefer-ceil", "torch"))


def _gathered(in_size: int, out_size: int, settings: AxisSettings, rule: NearestRule) -> tuple[AxisMap, ...]:
    sampling = settings.sampling(in_size, out_size)

    def taken(source: Rule[Positions], size: int) -> AxisMap:
        return gather(in_size, size, source, resized(in_size, size, settings.method), monotone=True)

    if settings.roi is not None:
        from featfuse.methods.region import of_region

        return of_region(
            sampling,
            settings,
            lambda place, size: taken(Rule(rounded, (place, rule.rounding, in_size)), size),
        )
    source = nearest_source(sampling, rule, small=settings.small_plane, double=settings.double)
    return (taken(source, out_size),)
