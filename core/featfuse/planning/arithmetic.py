"""What a plan does by the numbers of the axes: plans that differ in letters alone do the same."""

from collections.abc import Hashable, Sequence

from featfuse.errors import FeatfuseError
from featfuse.model.layout import Reading
from featfuse.model.value import Value
from featfuse.planning.plan import Components, FusionPlan, Member, Mix, Normalize, Shuffle, Weighted

__all__ = ["arithmetic", "refusal"]

_BY_CHANNEL = Mix | Shuffle | Normalize | Components | Weighted
"""What depends on which axis the channels are, and does not name it."""

_Places = dict[str, tuple[int, ...]]
"""Where each letter stands in each input; -1 where it does not."""


def arithmetic(plan: FusionPlan) -> Hashable:
    """Equal for plans that compute the same output, byte by byte, whatever they call its axes."""
    places = _places([member.reading for member in plan.inputs], plan.layout.axes)
    axes = tuple(places[letter] for letter in plan.layout.axes)
    done = _told((plan.fusion, plan.reduction, plan.levels), places)
    return axes, plan.shape, plan.dtype, done, _told(plan.arrangement, places)


def refusal(error: FeatfuseError, readings: Sequence[Reading]) -> Hashable:
    """Equal for refusals in the same words about the same channel axis."""
    return error.message, _places(readings, "C")["C"]


def _places(readings: Sequence[Reading], letters: str) -> _Places:
    return {letter: tuple(it.layout.find(letter) for it in readings) for letter in letters}


def _told(value: object, places: _Places) -> Hashable:
    """`value` with places for letters. What a tensor is called, and how it is read, is left out."""
    match value:
        case Member():
            return value.spec.shape
        case Value():
            channels = places.get("C") if isinstance(value, _BY_CHANNEL) else ()
            fields = tuple(_told(it, places) for it in vars(value).values())
            return type(value).__name__, channels, fields
        case str():
            return places.get(value, value)
        case tuple():
            return tuple(_told(it, places) for it in value)
        case _:
            return value  # maps, numbers, types: all can be hashed
