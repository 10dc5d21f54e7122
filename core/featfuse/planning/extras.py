"""Extras: what a fusion uses beside its inputs, opened before planning."""

from typing import NamedTuple

from featfuse.model.tensor import TensorSpec
from featfuse.planning.parameters import Parameter

__all__ = ["NO_EXTRAS", "Extras", "Projection", "Side"]


class Side(NamedTuple):
    """A tensor that is streamed like an input but is none: a mask, weights per position.

    `place` is its index for reading.
    """

    place: int
    spec: TensorSpec

    @property
    def anonymous(self) -> "Side":
        """The same without what only errors and reports want to know."""
        return Side(self.place, self.spec.anonymous)


class Projection(NamedTuple):
    """The 1x1 convolution of input number `place`, from 0."""

    place: int
    kernel: Parameter
    bias: Parameter | None

    @property
    def anonymous(self) -> "Projection":
        """The same without the files' names."""
        return Projection(self.place, self.kernel._replace(name=""), _anonymous(self.bias))


class Extras(NamedTuple):
    """Headers and small arrays that the options name; `numbers` are scalar weights, one per input."""

    like: TensorSpec | None = None
    mask: Side | None = None
    weight_maps: Side | None = None
    numbers: tuple[float, ...] | None = None
    kernel: Parameter | None = None
    bias: Parameter | None = None
    projections: tuple[Projection, ...] = ()

    @property
    def anonymous(self) -> "Extras":
        """The same without names: what a plan depends on."""
        return Extras(
            like=self.like and self.like.anonymous,
            mask=self.mask and self.mask.anonymous,
            weight_maps=self.weight_maps and self.weight_maps.anonymous,
            numbers=self.numbers,
            kernel=_anonymous(self.kernel),
            bias=_anonymous(self.bias),
            projections=tuple(it.anonymous for it in self.projections),
        )


def _anonymous(parameter: Parameter | None) -> Parameter | None:
    return parameter and parameter._replace(name="")


NO_EXTRAS = Extras()
