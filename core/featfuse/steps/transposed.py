"""Transposed convolution with learned weights, in any number of spatial dimensions."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from featfuse.engine.casts import cast
from featfuse.model.dtypes import compute_dtype
from featfuse.model.geometry import Geometry
from featfuse.model.tensor import Array, Window, window_shape
from featfuse.steps.base import Run, Step

__all__ = ["TransposedConvolution"]


class TransposedConvolution(Step):
    """torch's conv_transpose: `kernel` (in channels, out channels / groups, *taps), `bias` (out channels,).

    `geometry` is by spatial axis of the child. Formula: torch.nn.ConvTranspose2d's, for each axis
    out = (in - 1) stride - 2 padding + dilation (taps - 1) + output_padding + 1. Computed in float32 (float64
    for a 64-bit child).
    """

    multiplies_matrices = True

    def __init__(
        self,
        child: Step,
        channel_axis: int,
        geometry: dict[int, Geometry],
        kernel: Array,
        bias: Array | None,
        groups: int,
    ) -> None:
        self.children = (child,)
        self.axis = channel_axis
        self.geometry = geometry
        self.groups = groups
        self.dtype = compute_dtype(child.dtype)
        per_group = kernel.shape[1]
        # (groups, out / groups, in / groups, *taps): a matrix per group and tap
        grouped = kernel.reshape(groups, kernel.shape[0] // groups, per_group, *kernel.shape[2:])
        self.kernel = np.ascontiguousarray(np.swapaxes(grouped, 1, 2), dtype=self.dtype)
        self.bias = None if bias is None else bias.astype(self.dtype)
        shape = list(child.shape)
        shape[channel_axis] = per_group * groups
        for axis, along in geometry.items():
            shape[axis] = along.out_size
        self.shape = tuple(shape)

    def need(self, window: Window) -> tuple[Window, ...]:
        parts = list(window)
        parts[self.axis] = slice(0, self.children[0].shape[self.axis])
        for axis, along in self.geometry.items():
            parts[axis] = along.needed(window[axis])
        return (tuple(parts),)

    def apply(self, window: Window, blocks: Sequence[Array], run: Run) -> Array:
        space = list(self.geometry)
        others = [axis for axis in range(len(window)) if axis not in space and axis != self.axis]
        order = [*others, self.axis, *space]
        block = cast(blocks[0], self.dtype).transpose(order)
        lead, spatial = block.shape[: len(others)], block.shape[len(others) + 1 :]
        block = block.reshape(math.prod(lead), self.groups, block.shape[len(others)] // self.groups, *spatial)
        kernel, channels = self._kernel_for(window[self.axis])
        out_shape = [window_shape(window)[axis] for axis in space]
        result = np.zeros((len(block), self.groups, kernel.shape[1], *out_shape), dtype=self.dtype)
        origins = [part.start for part in (self.need(window)[0][axis] for axis in space)]
        for taps in itertools.product(*(range(self.geometry[axis].size) for axis in space)):
            self._add_tap(result, block, _last(kernel, taps), [window[axis] for axis in space], taps, origins)
        if self.bias is not None:
            wanted = self.bias if self.groups > 1 else self.bias[window[self.axis]]
            result += wanted.reshape(1, self.groups, -1, *(1 for _ in space))
        result = result.reshape(len(block), self.groups * kernel.shape[1], *out_shape)[:, channels]
        result = result.reshape(*lead, result.shape[1], *out_shape)
        return result.transpose(np.argsort(order))

    def _kernel_for(self, wanted: slice) -> tuple[Array, slice]:
        """The weights of the wanted output channels, and which of their results to keep."""
        if self.groups == 1:
            return self.kernel[:, wanted], slice(None)
        return self.kernel, wanted

    def _add_tap(
        self,
        result: Array,
        block: Array,
        weights: Array,
        out: list[slice],
        taps: tuple[int, ...],
        origins: list[int],
    ) -> None:
        """Add one tap's products to every output position it reaches."""
        sources: list[slice] = []
        places: list[slice] = []
        for part, tap, origin, along in zip(out, taps, origins, self.geometry.values(), strict=True):
            inputs, place = along.meeting(part, tap)
            if not inputs:
                return
            sources.append(slice(inputs.start - origin, inputs.stop - origin))
            places.append(place)
        samples = _last(block, sources)
        columns = samples.reshape(*samples.shape[:3], -1)
        products = (weights @ columns).reshape(*samples.shape[:2], -1, *samples.shape[3:])
        _last(result, places)[...] += products

    def scratch_bytes(self, window: Window) -> int:
        """A contiguous copy of the input, one tap's columns and products, and the transposed result."""
        need = self.need(window)[0]
        child = self.children[0]
        source = child.block_bytes(need) // child.dtype.itemsize * self.dtype.itemsize
        whole = self.block_bytes(window)
        if self.groups > 1:
            span = max(1, window[self.axis].stop - window[self.axis].start)
            whole = whole * self.shape[self.axis] // span
        return 2 * source + 2 * whole


def _last(array: Array, parts: Sequence[int | slice]) -> Array:
    """`array` indexed along its last axes."""
    index: tuple[Any, ...] = (..., *parts)
    return np.asarray(array[index])
