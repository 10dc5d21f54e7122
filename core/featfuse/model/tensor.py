"""What is known of a tensor before any of its data is read, and how a part of it is named.

Here and elsewhere a plain record is a NamedTuple: Python makes such a class in a tenth of the time that a
frozen dataclass with slots takes, and dozens of them load at each start of the command line. Dataclasses
are those that change, that are compared by identity, or that only a batch loads.
"""

import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "TensorSpec", "Window", "broadcast_shape", "compatibility", "whole", "window_shape"]

Array = NDArray[Any]

Window = tuple[slice, ...]
"""A box of a tensor: one `slice(start, stop)` per axis, both bounds given, step 1."""


class TensorSpec(NamedTuple):
    """A tensor's header: enough to plan with, never its data.

    `name` is what reports and errors call it (`b.h5::feat/l3`). `layout` is what the file itself
    says about its axes (None when it says nothing). `chunks` is the storage chunk shape, if any;
    `unpacked` is how many bytes must be unpacked at once to read any of it, where these are many.
    `token_grid` is the grid that a token tensor is seen on.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    path: str | None = None
    key: str | None = None
    format: str | None = None
    layout: str | None = None
    layout_source: str | None = None
    chunks: tuple[int, ...] | None = None
    unpacked: int = 0
    token_grid: tuple[int, int] | None = None

    @property
    def anonymous(self) -> "TensorSpec":
        """The same header without the names of file and tensor: what a plan depends on."""
        return self._replace(name="", path=None, key=None)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the data, uncompressed."""
        return self.size * self.dtype.itemsize


def whole(shape: Sequence[int]) -> Window:
    """The window that covers all of `shape`."""
    return tuple(slice(0, size) for size in shape)


def window_shape(window: Window) -> tuple[int, ...]:
    """The shape of the block that `window` names."""
    return tuple(part.stop - part.start for part in window)


def broadcast_shape(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...] | None:
    """The shape that NumPy broadcasting gives, None when there is none. Sizes may be of any magnitude."""
    result = []
    for sizes in itertools.zip_longest(*(reversed(shape) for shape in shapes), fillvalue=1):
        distinct = {size for size in sizes if size != 1}
        if len(distinct) > 1:
            return None
        result.append(distinct.pop() if distinct else 1)
    return tuple(reversed(result))


def compatibility(shapes: Sequence[tuple[int, ...]]) -> str:
    """How shapes fit as they are: identical, broadcast (NumPy would take them) or mismatch."""
    if len(set(shapes)) == 1:
        return "identical"
    return "mismatch" if broadcast_shape(shapes) is None else "broadcast"
