"""Extras: what a fusion uses beside its inputs, opened before planning."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from featfuse.model.tensor import TensorSpec
from featfuse.planning.parameters import Weights

__all__ = ["NO_EXTRAS", "Extras", "Side"]


class Side(NamedTuple):
    """A tensor that is streamed like an input but is none: a mask, weights per position.

    `place` is its index for reading.
    """

    place: int
    spec: TensorSpec


class Extras(NamedTuple):
    """Headers and small arrays that the options name.

    `numbers` are scalar weights, one per input; `projections` holds kernel and bias by input index.
    """

    like: TensorSpec | None = None
    mask: Side | None = None
    weight_maps: Side | None = None
    numbers: tuple[float, ...] | None = None
    kernel: Weights | None = None
    bias: Weights | None = None
    projections: Mapping[int, tuple[Weights, Weights | None]] = MappingProxyType({})


NO_EXTRAS = Extras()
