"""A cache: what was worked out lately, up to so many bytes of it."""

from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

__all__ = ["BoundedCache"]

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")


class BoundedCache(Generic[Key, Result]):
    """The results of `make(key)` that were asked for last, of at most `most` bytes together; `size(result)`
    tells how many one has. What alone has more than a quarter of them is not kept. Safe from threads.
    """

    def __init__(self, make: Callable[[Key], Result], size: Callable[[Result], int], most: int) -> None:
        self._make, self._size, self._most = make, size, most
        self._held: dict[Key, tuple[Result, int]] = {}
        self._total = 0
        self._lock = Lock()

    def get(self, key: Key) -> Result:
        """`make(key)`, or what it gave before."""
        with self._lock:
            found = self._held.pop(key, None)
            if found is not None:
                self._held[key] = found  # the latest is last
                return found[0]
        result = self._make(key)
        size = self._size(result)
        if 4 * size <= self._most:
            with self._lock:
                self._keep(key, result, size)
        return result

    def _keep(self, key: Key, result: Result, size: int) -> None:
        if key in self._held:  # another thread was faster
            return
        self._held[key] = result, size
        self._total += size
        while self._total > self._most:
            oldest = next(iter(self._held))
            self._total -= self._held.pop(oldest)[1]
