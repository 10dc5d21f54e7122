"""One piece of work of the engine, and what a way to do it is."""

from collections.abc import Callable
from functools import cached_property
from typing import Generic, NamedTuple, TypeVar

from featfuse.model.axis import AxisMap, Taps
from featfuse.model.tensor import Array

__all__ = ["NOT_FLAT", "Flat", "Strategy", "Task"]

Found = TypeVar("Found")

Flat = tuple[bool, bool]
"""Whether, in front and behind, some edge sample of the whole tensor equals the end of a linear ramp: NumPy
then rounds the ramp in another order. Who looks at all the data tells."""

NOT_FLAT = False, False


class Task:
    """The output samples `out` of `axis_map`, from the input samples along `axis` of `block`, the first of
    which is number `origin`."""

    def __init__(
        self, axis_map: AxisMap, block: Array, axis: int, origin: int, out: slice, flat: Flat = NOT_FLAT
    ) -> None:
        self.axis_map, self.block, self.axis = axis_map, block, axis
        self.origin, self.out, self.flat = origin, out, flat

    @cached_property
    def taps(self) -> Taps:
        """What the output samples read; worked out once, whoever asks."""
        return self.axis_map.taps(self.out)


class Strategy(NamedTuple, Generic[Found]):
    """A way to apply a map to a block.

    `suits(task)` is what the strategy has found out about the work, or None where it does not suit;
    `apply(task, found)` gets it, so that nothing is worked out twice.
    """

    name: str
    suits: Callable[[Task], Found | None]
    apply: Callable[[Task, Found], Array]
