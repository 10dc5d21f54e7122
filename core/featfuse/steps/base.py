"""Steps: the nodes of a plan. Each knows its shape and answers two questions about a window of it.

`need(window)`: which windows of its children does this window take? `apply(window, blocks)`: turn those
blocks into this one. A plan is a tree of steps; `block(window)` pulls one window through it.
"""

import math
from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from threading import Lock, local
from typing import Any

import numpy as np

from featfuse.model.dtypes import DType
from featfuse.model.tensor import Array, Window, broadcast_shape, window_shape

__all__ = ["COVERED", "MASKED", "NO_SHARE", "Run", "Step", "joint_shape"]

COVERED, MASKED = "mask sum", "mask elements"
"""What masks measure: the sum of their values, and over how many elements."""

NO_SHARE = "mask values outside 0 to 1"
"""What masks count: factors that are no share of anything."""


class Run:
    """What an execution brings to the steps: how to read an input, its limits, and where to count.

    `tally` counts events that the report or an error will quote; `sums` adds up measurements (a mask's
    coverage); `notes` are sentences for the report. `found` is what steps found by looking at all the data
    before any window, by step: steps themselves never change, so two runs may share them.
    """

    def __init__(self, read: Callable[[int, Window], Array], budget: int = 1 << 28) -> None:
        self.read, self.budget = read, budget
        self.tally: Counter[str] = Counter()
        self.sums: defaultdict[str, float] = defaultdict(float)
        self.notes: list[str] = []
        self.found: dict[Step, Any] = {}
        self.lock = Lock()
        self._here = local()

    def count(self, event: str, number: int) -> None:
        """Add to a tally. Safe from threads."""
        if number:
            with self.lock:
                self.tally[event] += number

    def notice(self, *_: object) -> None:
        """Something is not finite any more in the window that this thread computes: NumPy may call this."""
        self._here.noticed = True

    def take_notice(self) -> bool:
        """Whether this thread has noticed something since it was asked last."""
        noticed: bool = getattr(self._here, "noticed", False)
        self._here.noticed = False
        return noticed

    def measure(self, name: str, amount: float) -> None:
        """Add to a sum. Safe from threads."""
        with self.lock:
            self.sums[name] += amount


def joint_shape(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The shape that children broadcast to; the planner has made sure that there is one."""
    shape = broadcast_shape(shapes)
    assert shape is not None, shapes
    return shape


class Step(ABC):
    """A tensor that can be computed window by window.

    `shape` is in the output's axis order, `dtype` is the element type of its blocks. A step that
    `multiplies_matrices` wants BLAS held to one thread, since windows run in parallel already. `unpacked`
    are the bytes that reading any of it unpacks at once. Running a step does not change it.
    """

    shape: tuple[int, ...]
    dtype: DType
    children: tuple["Step", ...] = ()
    multiplies_matrices = False
    unpacked = 0

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @abstractmethod
    def need(self, window: Window) -> tuple[Window, ...]:
        """One window per child."""

    @abstractmethod
    def apply(self, window: Window, blocks: Sequence[Array], run: Run) -> Array:
        """The block at `window`, from the children's blocks at `need(window)`. Runs with NumPy's
        floating-point warnings off."""

    def prepare(self, run: Run) -> None:
        """Done once before any window: what must see all the data first (fitting a PCA) is put into
        `run.found`."""
        for child in self.children:
            child.prepare(run)

    def block(self, window: Window, run: Run) -> Array:
        """The block at `window`, children first. An empty window reads nothing."""
        if 0 in window_shape(window):
            return np.empty(window_shape(window), dtype=self.dtype)
        blocks = [
            child.block(need, run) for child, need in zip(self.children, self.need(window), strict=True)
        ]
        return self.apply(window, blocks, run)

    def scratch_bytes(self, window: Window) -> int:
        """Working memory of `apply` beyond its inputs and its result."""
        return self.block_bytes(window)

    def block_bytes(self, window: Window) -> int:
        """Bytes of one block."""
        return math.prod(window_shape(window)) * self.dtype.itemsize

    def peak_bytes(self, window: Window) -> int:
        """The most memory that `block(window)` holds at once."""
        held, peak = 0, 0
        for child, need in zip(self.children, self.need(window), strict=True):
            peak = max(peak, held + child.peak_bytes(need))
            held += child.block_bytes(need)
        return max(peak, held + self.block_bytes(window) + self.scratch_bytes(window))

    def in_pieces(self) -> "Step":
        """A step of the same values that takes less memory: what can make its windows piece by piece does."""
        twin = copy(self)
        twin.children = tuple(child.in_pieces() for child in self.children)
        return twin

    def walk(self) -> Iterator["Step"]:
        """This step and everything below it."""
        yield self
        for child in self.children:
            yield from child.walk()
