"""Small arrays as values: kernels and biases that are part of what is planned."""

import zlib
from typing import Any

import numpy as np

from featfuse.model.tensor import Array

__all__ = ["Constant"]


class Constant:
    """An array that is equal to another by its type, shape and bytes, and can be hashed and pickled.

    `array` is read-only. Comparing by bytes tells -0 from 0, and NaN is equal to itself.
    """

    __slots__ = ("_checksum", "array")

    def __init__(self, array: Array) -> None:
        self.array: Array = np.ascontiguousarray(array)
        self.array.flags.writeable = False
        self._checksum: int | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape."""
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The array's element type."""
        return self.array.dtype

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Constant):
            return NotImplemented
        alike = self.shape == other.shape and self.dtype == other.dtype
        return self is other or (alike and self._bytes() == other._bytes())

    def __hash__(self) -> int:
        if self._checksum is None:
            self._checksum = zlib.crc32(self._bytes())
        return hash((self.shape, self.dtype.str, self._checksum))

    def __reduce__(self) -> tuple[type["Constant"], tuple[Array]]:
        return Constant, (self.array,)

    def __repr__(self) -> str:
        return f"Constant({self.dtype}, {self.shape})"

    def _bytes(self) -> memoryview:
        return self.array.reshape(-1).view(np.uint8).data
