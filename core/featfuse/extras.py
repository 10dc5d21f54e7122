"""Extras: what a fusion uses beside its inputs, opened before planning."""

from dataclasses import dataclass, field

from featfuse.tensor import TensorSpec
from featfuse.weights import Weights

__all__ = ["NO_EXTRAS", "Extras", "Side"]


@dataclass(frozen=True, slots=True)
class Side:
    """A tensor that is streamed like an input but is none: a mask, weights per position."""

    index: int
    spec: TensorSpec


@dataclass(frozen=True, slots=True)
class Extras:
    """Headers and small arrays that the options name.

    `numbers` are scalar weights, one per input; `projections` holds kernel and bias by input index.
    """

    like: TensorSpec | None = None
    mask: Side | None = None
    weight_maps: Side | None = None
    numbers: tuple[float, ...] | None = None
    kernel: Weights | None = None
    bias: Weights | None = None
    projections: dict[int, tuple[Weights, Weights | None]] = field(default_factory=dict)


NO_EXTRAS = Extras()
