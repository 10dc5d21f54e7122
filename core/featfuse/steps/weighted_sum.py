"""Weighted fusion: normalised weights, per input or per input and position."""

import operator
from collections.abc import Callable, Sequence

import numpy as np

from featfuse.engine.casts import cast
from featfuse.engine.sums import add_along, in_halves, waiting
from featfuse.model.dtypes import DType, compute_dtype
from featfuse.model.tensor import Array, Window, window_shape
from featfuse.steps.base import Run, Step, joint_shape
from featfuse.steps.elementwise import clipped

__all__ = ["EPSILON", "NORMALIZATIONS", "WeightedSum"]

EPSILON = 1e-4
"""BiFPN's, "EfficientDet: Scalable and Efficient Object Detection" (2020), section 3.3."""


def _fast(weights: Array) -> Array:
    """relu(w) / (sum of relu(w) + 1e-4), over the first axis."""
    positive = np.maximum(weights, 0)
    return np.asarray(positive / (add_along(positive, 0) + EPSILON))


def _softmax(weights: Array) -> Array:
    exponentials = np.exp(weights - weights.max(axis=0))
    return np.asarray(exponentials / add_along(exponentials, 0))


def _mean(weights: Array) -> Array:
    return np.asarray(weights / add_along(weights, 0))


NORMALIZATIONS: dict[str, Callable[[Array], Array]] = {
    "fast-normalized": _fast,
    "softmax": _softmax,
    "mean": _mean,
    "add": np.asarray,
}
"""What `--combine` makes of raw weights, stacked along the first axis, one per input."""


class WeightedSum(Step):
    """Sum of the children, each times its weight. `weights`: one number per child, or a last child
    whose channels are the weights per position."""

    def __init__(
        self,
        children: Sequence[Step],
        kind: str,
        common: DType,
        weights: Sequence[float] | None,
        per_pixel: Step | None,
        channel_axis: int | None,
    ) -> None:
        self.inputs = len(children)
        self.children = (*children, per_pixel) if per_pixel is not None else tuple(children)
        self.shape = joint_shape([child.shape for child in children])
        self.kind = kind
        self.channel_axis = channel_axis
        self.dtype = compute_dtype(common)
        self.weights = None
        if weights is not None:
            self.weights = NORMALIZATIONS[kind](np.asarray(weights, dtype=np.float64)).astype(self.dtype)

    def need(self, window: Window) -> tuple[Window, ...]:
        needs = [clipped(window, child.shape) for child in self.children]
        if self.channel_axis is not None and self.weights is None:
            own = list(needs[-1])
            own[self.channel_axis] = slice(0, self.inputs)
            needs[-1] = tuple(own)
        return tuple(needs)

    def apply(self, window: Window, blocks: Sequence[Array], run: Run) -> Array:
        factors = self._factors(blocks)

        def term(number: int) -> Array:
            return np.asarray(factors[number] * cast(blocks[number], self.dtype))

        result = in_halves(operator.add, term, 0, self.inputs)
        return np.broadcast_to(result, window_shape(window))

    def _factors(self, blocks: Sequence[Array]) -> Sequence[Array]:
        """One factor per input, each a number or a block that broadcasts along the channels."""
        if self.weights is not None:
            return list(self.weights)
        axis = self.channel_axis
        assert axis is not None
        raw = np.moveaxis(cast(blocks[-1], self.dtype), axis, 0)
        return [np.expand_dims(factor, axis) for factor in NORMALIZATIONS[self.kind](raw)]

    def scratch_bytes(self, window: Window) -> int:
        """The normalised weights per position, two products and the sums that wait."""
        per_pixel = (
            0 if self.weights is not None else 2 * self.children[-1].block_bytes(self.need(window)[-1])
        )
        return (2 + waiting(self.inputs)) * self.block_bytes(window) + 2 * per_pixel
