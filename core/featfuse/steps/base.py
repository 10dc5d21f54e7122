"""Steps: the nodes of a plan. Each knows its shape and answers two questions about a window of it.

`need(window)`: which windows of its children does this window take? `apply(window, blocks)`: turn those
blocks into this one. A plan is a tree of steps; `evaluate` pulls one output window through it.
"""

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np

from featfuse.tensor import Array, Window, window_shape

__all__ = ["Run", "Step", "block_bytes", "evaluate", "peak_bytes"]

DType = np.dtype[Any]


@dataclass(slots=True)
class Run:
    """What an execution brings to the steps: how to read an input, and where to count events."""

    read: Callable[[int, Window], Array]
    tally: Counter[str] = field(default_factory=Counter)
    lock: Lock = field(default_factory=Lock)

    def count(self, event: str, number: int) -> None:
        """Add to a tally that the report or an error will quote. Safe from threads."""
        if number:
            with self.lock:
                self.tally[event] += number


class Step(ABC):
    """A tensor that can be computed window by window.

    `shape` is in the output's axis order, `dtype` is the element type of its blocks.
    """

    shape: tuple[int, ...]
    dtype: DType
    children: tuple["Step", ...] = ()

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @abstractmethod
    def need(self, window: Window) -> tuple[Window, ...]:
        """One window per child."""

    @abstractmethod
    def apply(self, window: Window, blocks: Sequence[Array], run: Run) -> Array:
        """The block at `window`, from the children's blocks at `need(window)`."""

    def scratch_bytes(self, window: Window) -> int:
        """Working memory of `apply` beyond its inputs and its result."""
        return block_bytes(self, window)


def block_bytes(step: Step, window: Window) -> int:
    """Bytes of one block."""
    count = step.dtype.itemsize
    for size in window_shape(window):
        count *= size
    return count


def evaluate(step: Step, window: Window, run: Run) -> Array:
    """The block of `step` at `window`, children first. An empty window reads nothing."""
    if 0 in window_shape(window):
        return np.empty(window_shape(window), dtype=step.dtype)
    blocks = [
        evaluate(child, need, run) for child, need in zip(step.children, step.need(window), strict=True)
    ]
    return step.apply(window, blocks, run)


def peak_bytes(step: Step, window: Window) -> int:
    """The most memory that `evaluate(step, window)` holds at once."""
    held, peak = 0, 0
    for child, need in zip(step.children, step.need(window), strict=True):
        peak = max(peak, held + peak_bytes(child, need))
        held += block_bytes(child, need)
    return max(peak, held + block_bytes(step, window) + step.scratch_bytes(window))
