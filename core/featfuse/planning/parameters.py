"""Learned weights from files: kernels of 1x1 and transposed convolutions, in the frameworks' layouts.

Kernels are small, so they are read whole before planning; their shapes are part of what is planned.
"""

import math
from typing import NamedTuple

import numpy as np

from featfuse.errors import ShapeError, UsageError, did_you_mean
from featfuse.model.constant import Constant
from featfuse.model.tensor import Array
from featfuse.wording import phrase, worded

__all__ = ["Parameter", "bias_vector", "glorot_uniform", "mixing_matrix", "transposed_kernel"]


class Parameter(NamedTuple):
    """Learned weights with the name that errors call them by."""

    name: str
    value: Constant


def glorot_uniform(out_channels: int, in_channels: int, seed: int) -> Array:
    """An untrained (out, in) matrix, uniform in ±sqrt(6 / (in + out)): Keras' default initialiser.

    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010).
    """
    limit = math.sqrt(6.0 / (in_channels + out_channels))
    generator = np.random.default_rng(seed)
    return generator.uniform(-limit, limit, (out_channels, in_channels)).astype(np.float32)


_MIXING = {
    2: {"OI": (0, 1), "IO": (1, 0)},
    3: {"OIW": (0, 1), "WIO": (2, 1)},
    4: {"OIHW": (0, 1), "HWIO": (3, 2)},
    5: {"OIDHW": (0, 1), "DHWIO": (4, 3)},
}
"""Layouts of 1x1 kernels by rank: where the out and in channels are. The first is torch's."""


def mixing_matrix(weights: Parameter, in_channels: int, layout: str | None, fed_by: str) -> Array:
    """The kernel as (out, in); ShapeError when no reading of it takes `in_channels`."""
    shape = weights.value.shape
    layouts = _MIXING.get(len(shape), {})
    fitting = {}
    for name, (out_axis, in_axis) in _wanted(layouts, layout, weights).items():
        ones = all(size == 1 for axis, size in enumerate(shape) if axis not in (out_axis, in_axis))
        if ones and shape[in_axis] == in_channels:
            fitting[name] = (out_axis, in_axis)
    if layout is None and len(shape) == 2:
        fitting.pop("IO", None)  # two plain axes are torch's Linear; Keras' Dense must be named
    if not fitting:
        raise ShapeError(
            f"{weights.name}: kernel {shape} does not take the {in_channels} channels of {fed_by} "
            f"(read as {layout or ' or '.join(layouts) or 'nothing known'})",
            hint=phrase("A 1x1 kernel is OIHW or OI (torch) or HWIO (Keras); {kernel_layout} says which."),
        )
    out_axis, in_axis = next(iter(fitting.values()))
    return np.moveaxis(weights.value.array, (out_axis, in_axis), (0, 1)).reshape(shape[out_axis], in_channels)


_TRANSPOSED = {
    3: ("IOW", "WOI"),
    4: ("IOHW", "HWOI"),
    5: ("IODHW", "DHWOI"),
}


def transposed_kernel(
    weights: Parameter, in_channels: int, groups: int, rank: int, layout: str | None, fed_by: str
) -> Array:
    """The kernel as (in, out / groups, *taps); ShapeError when no reading takes `in_channels`."""
    shape = weights.value.shape
    names = _TRANSPOSED.get(len(shape), ())
    layouts = {name: (name.index("I"), name.index("O")) for name in names if len(shape) == rank + 2}
    fitting = {
        name: axes
        for name, axes in _wanted(layouts, layout, weights).items()
        if shape[axes[0]] == in_channels and (name[0] == "I" or groups == 1)
    }
    if len(fitting) > 1:
        raise ShapeError(
            f"{weights.name}: kernel {shape} fits {in_channels} channels as {' and as '.join(fitting)}",
            hint=f"Say which: {' or '.join(worded('kernel_layout', name) for name in fitting)}.",
        )
    if not fitting or in_channels % groups:
        raise ShapeError(
            f"{weights.name}: kernel {shape} does not take the {in_channels} channels of {fed_by} in "
            f"{groups} groups (read as {layout or ' or '.join(layouts) or f'one for {rank} spatial axes'})",
            hint="The kernel is (in, out / groups, taps) as in torch, or (taps, out, in) as in Keras.",
        )
    in_axis, out_axis = next(iter(fitting.values()))
    return np.moveaxis(weights.value.array, (in_axis, out_axis), (0, 1))


def _wanted(
    layouts: dict[str, tuple[int, int]], layout: str | None, weights: Parameter
) -> dict[str, tuple[int, int]]:
    """The layouts to try: all of this rank, or the one that was named."""
    if layout is None:
        return layouts
    name = layout.upper()
    known = [
        *(key for row in _MIXING.values() for key in row),
        *(key for row in _TRANSPOSED.values() for key in row),
    ]
    if name not in known:
        raise UsageError(f"{worded('kernel_layout', layout)}: unknown layout", hint=did_you_mean(name, known))
    if name not in layouts:
        raise ShapeError(
            f"{weights.name}: kernel {weights.value.shape} cannot be {name}",
            hint=f"Its rank allows: {', '.join(layouts) or 'nothing here'}.",
        )
    return {name: layouts[name]}


def bias_vector(bias: Parameter | None, out_channels: int) -> Array | None:
    """The bias as (out channels,); ShapeError when its length differs."""
    if bias is None:
        return None
    if bias.value.array.size != out_channels or max(bias.value.shape, default=1) != out_channels:
        raise ShapeError(
            f"{bias.name}: bias {bias.value.shape} does not fit {out_channels} output channels",
            hint="A bias holds one number per output channel.",
        )
    return bias.value.array.reshape(out_channels)
