"""Decoded chunks, kept for the next window that crosses them: each is decoded once, by one thread."""

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock

from featfuse.model.tensor import Array

__all__ = ["CACHE", "CACHE_BYTES", "ChunkCache"]

Index = tuple[int, ...]

CACHE_BYTES = 56 << 20
"""Chunks of all open datasets together. Enough for those that a row of windows crosses in most files."""


class ChunkCache:
    """Chunks by their owner (an open dataset) and index in its grid; the least recently used go first.

    Each owner's newest chunk stays whatever its size: chunks can be larger than the limit, and to decode
    such a one for window after window would take hours.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._lock = Lock()
        self._held: OrderedDict[tuple[object, Index], Future[Array]] = OrderedDict()
        self._newest: dict[object, Index] = {}
        self._bytes = 0

    def claim(self, owner: object, index: Index) -> tuple[Future[Array], bool]:
        """The chunk, now or later, and whether the caller is the one to `provide` it, at once."""
        with self._lock:
            future = self._held.get((owner, index))
            if future is not None:
                self._held.move_to_end((owner, index))
                return future, False
            future = self._held[owner, index] = Future()
            return future, True

    def provide(
        self, owner: object, index: Index, future: Future[Array], decode: Callable[[Index], Array]
    ) -> None:
        """Decode a claimed chunk. When that fails, all who wait for it see the error, none who come later."""
        try:
            chunk = decode(index)
        except BaseException as error:
            with self._lock:
                del self._held[owner, index]
            future.set_exception(error)
            return
        future.set_result(chunk)
        with self._lock:
            self._bytes += chunk.nbytes
            self._newest[owner] = index
            if self._bytes > self.limit:
                self._trim()

    def holds(self, owner: object, index: Index) -> bool:
        """Whether the chunk is there, or someone is decoding it."""
        with self._lock:
            return (owner, index) in self._held

    def forget(self, owner: object) -> None:
        """Give up all chunks of `owner`, which nobody is reading any more."""
        with self._lock:
            for key in [key for key in self._held if key[0] is owner]:
                self._drop(key)
            self._newest.pop(owner, None)

    def _trim(self) -> None:
        excess, given_up = self._bytes - self.limit, []
        for (owner, index), future in self._held.items():
            if excess <= 0:
                break
            if future.done() and self._newest.get(owner) != index:
                given_up.append((owner, index))
                excess -= future.result().nbytes
        for key in given_up:
            self._drop(key)

    def _drop(self, key: tuple[object, Index]) -> None:
        self._bytes -= self._held.pop(key).result().nbytes


CACHE = ChunkCache(CACHE_BYTES)
