"""Channel mixing: every output channel is a weighted sum of all input channels (a 1x1 convolution)."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from featfuse.engine.casts import cast
from featfuse.engine.sums import add_along
from featfuse.model.dtypes import compute_dtype
from featfuse.model.tensor import Array, Window, window_shape
from featfuse.steps.base import Run, Step

__all__ = ["ChannelMix", "Mix", "Normalize"]


class _AllChannels(Step):
    """A step whose every output channel reads all input channels, at `axis`."""

    axis: int

    def need(self, window: Window) -> tuple[Window, ...]:
        channels = slice(0, self.children[0].shape[self.axis])
        return ((*window[: self.axis], channels, *window[self.axis + 1 :]),)


class Mix(NamedTuple):
    """`weights` (out channels, in channels) and `bias` (out channels,)."""

    weights: Array
    bias: Array | None


class ChannelMix(_AllChannels):
    """`weights` (out channels, in channels) times the child's channels, plus `bias` (out channels,).

    Computed in float32, or float64 for a 64-bit child.
    """

    multiplies_matrices = True

    def __init__(self, child: Step, axis: int, weights: Array, bias: Array | None = None) -> None:
        self.children = (child,)
        self.axis = axis
        self.dtype = compute_dtype(child.dtype)
        self.mix = self.as_mix(weights, bias)
        self.shape = (*child.shape[:axis], weights.shape[0], *child.shape[axis + 1 :])

    def as_mix(self, weights: Array, bias: Array | None) -> Mix:
        """Both in the type of the arithmetic."""
        weights = np.ascontiguousarray(weights, dtype=self.dtype)
        return Mix(weights, None if bias is None else bias.astype(self.dtype))

    def mix_of(self, run: Run) -> Mix:
        """What this run mixes by."""
        return self.mix

    def apply(self, window: Window, blocks: Sequence[Array], run: Run) -> Array:
        wanted = window[self.axis]
        block = cast(blocks[0], self.dtype)
        mix = self.mix_of(run)
        weights = mix.weights[wanted]
        bias = None if mix.bias is None else mix.bias[wanted]
        before, after = block.shape[: self.axis], block.shape[self.axis + 1 :]
        if not after:
            result = block.reshape(math.prod(before), block.shape[-1]) @ weights.T
            if bias is not None:
                result += bias
        else:
            rows = block.reshape(math.prod(before), block.shape[self.axis], math.prod(after))
            result = weights @ rows
            if bias is not None:
                result += bias[:, None]
        return np.asarray(result.reshape(window_shape(window)))

    def scratch_bytes(self, window: Window) -> int:
        """A contiguous copy of the child's block in the type of the arithmetic."""
        need = self.need(window)[0]
        return self.children[0].block_bytes(need) // self.children[0].dtype.itemsize * self.dtype.itemsize


class Normalize(_AllChannels):
    """Each position's channel vector divided by its Euclidean length; a zero vector stays zero.

    As torch.nn.functional.normalize: the length is held to at least 1e-12.
    """

    def __init__(self, child: Step, axis: int) -> None:
        self.children = (child,)
        self.axis = axis
        self.shape = child.shape
        self.dtype = compute_dtype(child.dtype)

    def apply(self, window: Window, blocks: Sequence[Array], run: Run) -> Array:
        block = cast(blocks[0], self.dtype)
        length = np.sqrt(add_along(np.square(block), self.axis))
        part = block[(slice(None),) * self.axis + (window[self.axis],)]
        return np.asarray(part / np.maximum(length, self.dtype.type(1e-12)))

    def scratch_bytes(self, window: Window) -> int:
        """The squares of all channels, beside a copy in the type of the arithmetic."""
        need = self.need(window)[0]
        return 2 * self.children[0].block_bytes(need) // self.children[0].dtype.itemsize * self.dtype.itemsize
