"""Learned weights from files: kernels of 1x1 and transposed convolutions, in the frameworks' layouts.

Kernels are small, so they are read whole before planning; their shapes are part of what is planned.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from featfuse.errors import ShapeError, UsageError, did_you_mean
from featfuse.model.constant import Constant
from featfuse.model.tensor import Array
from featfuse.wording import phrase, worded

__all__ = [
    "BIAS_HINT",
    "MIXING_HINT",
    "TRANSPOSED_HINT",
    "Parameter",
    "bias_fits",
    "bias_vector",
    "glorot_uniform",
    "mixing_axes",
    "mixing_matrix",
    "transposed_axes",
    "transposed_kernel",
]


MIXING_HINT = "A 1x1 kernel is OIHW or OI (torch) or HWIO (Keras); {kernel_layout} says which."
TRANSPOSED_HINT = "The kernel is (in, out / groups, taps) as in torch, or (taps, out, in) as in Keras."
BIAS_HINT = "A bias holds one number per output channel."


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


def mixing_axes(
    shape: tuple[int, ...], in_channels: int, layout: str | None
) -> Mapping[str, tuple[int, int]]:
    """The layouts in which a 1x1 kernel of `shape` takes `in_channels`: where its out and in channels are."""
    fitting = {}
    for name, (out_axis, in_axis) in _named(_MIXING.get(len(shape), {}), layout).items():
        ones = all(size == 1 for axis, size in enumerate(shape) if axis not in (out_axis, in_axis))
        if ones and shape[in_axis] == in_channels:
            fitting[name] = (out_axis, in_axis)
    if layout is None and len(shape) == 2:
        fitting.pop("IO", None)  # two plain axes are torch's Linear; Keras' Dense must be named
    return fitting


def mixing_matrix(weights: Parameter, in_channels: int, layout: str | None, fed_by: str) -> Array:
    """The kernel as (out, in); ShapeError when no reading of it takes `in_channels`."""
    shape = weights.value.shape
    layouts = _MIXING.get(len(shape), {})
    _check_layout(layouts, layout, weights)
    fitting = mixing_axes(shape, in_channels, layout)
    if not fitting:
        raise ShapeError(
            f"{weights.name}: kernel {shape} does not take the {in_channels} channels of {fed_by} "
            f"(read as {layout or ' or '.join(layouts) or 'nothing known'})",
            hint=phrase(MIXING_HINT),
        )
    out_axis, in_axis = next(iter(fitting.values()))
    return np.moveaxis(weights.value.array, (out_axis, in_axis), (0, 1)).reshape(shape[out_axis], in_channels)


_TRANSPOSED = {
    3: ("IOW", "WOI"),
    4: ("IOHW", "HWOI"),
    5: ("IODHW", "DHWOI"),
}


def transposed_axes(
    shape: tuple[int, ...], in_channels: int, groups: int, rank: int, layout: str | None
) -> Mapping[str, tuple[int, int]]:
    """The layouts in which a kernel of `shape` over `rank` spatial axes takes `in_channels`: where its in and
    out channels are."""
    return {
        name: axes
        for name, axes in _named(_transposed_layouts(shape, rank), layout).items()
        if shape[axes[0]] == in_channels and (name[0] == "I" or groups == 1)
    }


def _transposed_layouts(shape: tuple[int, ...], rank: int) -> dict[str, tuple[int, int]]:
    names = _TRANSPOSED.get(len(shape), ()) if len(shape) == rank + 2 else ()
    return {name: (name.index("I"), name.index("O")) for name in names}


def transposed_kernel(
    weights: Parameter, in_channels: int, groups: int, rank: int, layout: str | None, fed_by: str
) -> Array:
    """The kernel as (in, out / groups, *taps); ShapeError when no reading takes `in_channels`."""
    shape = weights.value.shape
    layouts = _transposed_layouts(shape, rank)
    _check_layout(layouts, layout, weights)
    fitting = transposed_axes(shape, in_channels, groups, rank, layout)
    if len(fitting) > 1:
        raise ShapeError(
            f"{weights.name}: kernel {shape} fits {in_channels} channels as {' and as '.join(fitting)}",
            hint=f"Say which: {' or '.join(worded('kernel_layout', name) for name in fitting)}.",
        )
    if not fitting or in_channels % groups:
        raise ShapeError(
            f"{weights.name}: kernel {shape} does not take the {in_channels} channels of {fed_by} in "
            f"{groups} groups (read as {layout or ' or '.join(layouts) or f'one for {rank} spatial axes'})",
            hint=TRANSPOSED_HINT,
        )
    in_axis, out_axis = next(iter(fitting.values()))
    return np.moveaxis(weights.value.array, (in_axis, out_axis), (0, 1))


def _named(layouts: dict[str, tuple[int, int]], layout: str | None) -> dict[str, tuple[int, int]]:
    """The layouts to try: all of a rank, or the one that was named."""
    return {name: axes for name, axes in layouts.items() if layout is None or name == layout.upper()}


def _check_layout(layouts: dict[str, tuple[int, int]], layout: str | None, weights: Parameter) -> None:
    """UsageError for a --kernel-layout that there is not, ShapeError when it is of another rank."""
    if layout is None:
        return
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


def bias_fits(shape: tuple[int, ...], out_channels: int) -> bool:
    """Whether a bias of `shape` has one number for each output channel."""
    return math.prod(shape) == out_channels == max(shape, default=1)


def bias_vector(bias: Parameter | None, out_channels: int) -> Array | None:
    """The bias as (out channels,); ShapeError when its length differs."""
    if bias is None:
        return None
    if not bias_fits(bias.value.shape, out_channels):
        raise ShapeError(
            f"{bias.name}: bias {bias.value.shape} does not fit {out_channels} output channels",
            hint=BIAS_HINT,
        )
    return bias.value.array.reshape(out_channels)
