"""HDF5 data read past the library, which holds one lock: in place, or decoded chunk by chunk, in threads.

The library still says where everything is. What it alone understands (types to convert, other filters,
compact storage, chunks that were never written) it also reads.
"""

import itertools
import math
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import h5py
import numpy as np

from featfuse.formats.hdf5.chunk_cache import CACHE, Index
from featfuse.formats.hdf5.filters import Pipeline
from featfuse.formats.raw_array import RawArray
from featfuse.model.tensor import Array, Window, window_shape
from featfuse.storage.byte_source import ByteSource

__all__ = ["Data", "open_direct"]

_MAX_CHUNKS = 1 << 20  # their places in the file take 20 bytes of memory each
_MAX_AHEAD = 16
_LARGEST = 2**63 - 1
_BYTES = np.dtype(np.uint8)

Library = Callable[[Window], Array]


class Data(Protocol):
    """What can be read window by window, from threads."""

    def read(self, window: Window) -> Array: ...


def open_direct(
    dataset: h5py.Dataset, native: np.dtype[Any], source: ByteSource, name: str, library: Library
) -> Data | None:
    """The data of `dataset`, None when it is better read by the library. Call it under the library's lock.

    `source` holds the file, `name` is what errors call the dataset.
    """
    if not dataset.size or not _is_plain(dataset):
        return None
    dtype = native.newbyteorder(dataset.dtype.byteorder)
    moved = dataset.file.userblock_size > 0  # versions of HDF5 differ in whether offsets count from behind it
    if dataset.chunks is None:
        offset = None if moved else dataset.id.get_offset()
        if offset is None or offset + dataset.nbytes > source.size:
            return None
        return _Contiguous(source, name, RawArray(offset, dataset.shape, dtype))
    pipeline = Pipeline.of(dataset)
    if pipeline is None or moved or math.prod(_chunk_counts(dataset)) > _MAX_CHUNKS:
        return None
    return _Chunked(dataset, dtype, source, name, pipeline, library)


class _Contiguous(NamedTuple):
    """A dataset that lies in one piece, read in place."""

    source: ByteSource
    name: str
    array: RawArray

    def read(self, window: Window) -> Array:
        return self.array.read(self.source, window, self.name)


def _is_plain(dataset: h5py.Dataset) -> bool:
    """Whether the stored bytes are what NumPy's dtype of them says, so that nothing needs converting."""
    return bool(dataset.id.get_type().equal(h5py.h5t.py_create(dataset.dtype, logical=True)))


def _chunk_counts(dataset: h5py.Dataset) -> tuple[int, ...]:
    return tuple(-(-size // step) for size, step in zip(dataset.shape, dataset.chunks, strict=True))


class _Places:
    """Where a dataset's chunks are in the file."""

    def __init__(self, dataset: h5py.Dataset) -> None:
        self._steps = dataset.chunks
        self.counts = _chunk_counts(dataset)
        self._offsets = np.zeros(self.counts, np.int64)
        self._sizes = np.zeros(self.counts, np.int64)
        self._masks = np.zeros(self.counts, np.uint32)
        dataset.id.chunk_iter(self._add)

    def _add(self, info: h5py.h5d.StoreInfo) -> None:
        index = tuple(first // step for first, step in zip(info.chunk_offset, self._steps, strict=True))
        inside = all(place < count for place, count in zip(index, self.counts, strict=True))
        if info.byte_offset is not None and inside:
            self._offsets[index] = min(info.byte_offset, _LARGEST)
            self._sizes[index] = min(info.size, _LARGEST)
            self._masks[index] = info.filter_mask

    def of(self, index: Index) -> tuple[int, int, int]:
        """(offset, stored size, filter mask) of a chunk; the size of one that was never written is 0."""
        return int(self._offsets[index]), int(self._sizes[index]), int(self._masks[index])


@dataclass(frozen=True, slots=True)
class _Crossing:
    """What a window and a chunk share: seen in the dataset, in the chunk, and in the window."""

    index: Index
    common: Window
    inside: Window
    piece: Window


def _crossings(window: Window, steps: tuple[int, ...]) -> Iterator[_Crossing]:
    """The chunks of shape `steps` that `window` crosses, in storage order."""
    axes = []
    for part, step in zip(window, steps, strict=True):
        axis = []
        for place in range(part.start // step, -(-part.stop // step)):
            first = place * step
            start, stop = max(part.start, first), min(part.stop, first + step)
            shared = slice(start, stop), slice(start - first, stop - first)
            axis.append((place, *shared, slice(start - part.start, stop - part.start)))
        axes.append(axis)
    for parts in itertools.product(*axes):
        yield _Crossing(*zip(*parts, strict=True))


class _Walk:
    """Guesses which chunk comes next when windows pass over a dataset."""

    def __init__(self, counts: tuple[int, ...]) -> None:
        self._counts = counts
        self._last: Index | None = None
        self._lowest = counts
        self._axis: int | None = None

    def note(self, index: Index) -> None:
        """A window begins in this chunk. Safe from threads: a note that is lost is only a worse guess."""
        last, self._last = self._last, index
        self._lowest = tuple(map(min, self._lowest, index))
        if last is not None:
            moved = [axis for axis, (a, b) in enumerate(zip(last, index, strict=True)) if a != b]
            if len(moved) == 1 and index[moved[0]] > last[moved[0]]:
                self._axis = moved[0]

    def after(self, index: Index) -> Iterator[Index]:
        """What may come next: on along the axis that moved last; at its end, along the one before it."""
        place, moving = list(index), self._axis
        while moving is not None:
            axis = moving
            place[axis] += 1
            while place[axis] == self._counts[axis]:
                if axis == 0:
                    return
                place[axis] = self._lowest[axis]
                axis -= 1
                place[axis] += 1
            yield tuple(place)


class _Chunked:
    """A chunked dataset: chunks without filters are read in place, others decoded once and kept a while."""

    def __init__(
        self,
        dataset: h5py.Dataset,
        dtype: np.dtype[Any],
        source: ByteSource,
        name: str,
        pipeline: Pipeline,
        library: Library,
    ) -> None:
        self._source, self._name, self._library, self._pipeline = source, name, library, pipeline
        self._shape, self._steps, self._dtype = dataset.shape, dataset.chunks, dtype
        self._nbytes = math.prod(self._steps) * self._dtype.itemsize
        self._places = _Places(dataset)
        self._walk = _Walk(self._places.counts)

    def read(self, window: Window) -> Array:
        """The block at `window`, in native byte order."""
        result = np.empty(window_shape(window), self._dtype.newbyteorder("="))
        filtered = []
        for crossing in _crossings(window, self._steps) if result.size else ():
            if self._left_to_library(crossing.index):
                result[crossing.piece] = self._library(crossing.common)
            elif self._pipeline.filters:
                filtered.append(crossing)
            else:
                stored = self._stored(crossing.index)
                result[crossing.piece] = stored.read(self._source, crossing.inside, self._name)
        for crossing, chunk in self._decoded(filtered):
            result[crossing.piece] = chunk[crossing.inside]
        return result

    def _left_to_library(self, index: Index) -> bool:
        """A chunk that was never written; one at the end, of a size that no filter may have touched.

        Files can say that partial chunks are not filtered, which h5py does not pass on.
        """
        size = self._places.of(index)[1]
        if size != self._nbytes or not self._pipeline.filters:
            return not size
        past_end = [
            (place + 1) * step > whole
            for place, step, whole in zip(index, self._steps, self._shape, strict=True)
        ]
        return any(past_end)

    def _stored(self, index: Index) -> RawArray:
        """A chunk without filters, where it is."""
        offset, size, _ = self._places.of(index)
        if size != self._nbytes:
            raise _damaged(index, f"takes {size} bytes in the file, its shape {self._nbytes}")
        return RawArray(offset, self._steps, self._dtype)

    def _decoded(self, crossings: list[_Crossing]) -> Iterator[tuple[_Crossing, Array]]:
        """The chunks with filters. Those that another thread is decoding come when that is done."""
        if crossings:
            self._walk.note(crossings[0].index)
        waiting: deque[tuple[_Crossing, Future[Array]]] = deque()
        for crossing in crossings:
            future, mine = CACHE.claim(self, crossing.index)
            if mine:
                CACHE.provide(self, crossing.index, future, self._decode)
            if future.done():
                yield crossing, future.result()
            else:
                waiting.append((crossing, future))
            while waiting and waiting[0][1].done():  # so that few chunks are held that the cache let go
                ready, future = waiting.popleft()
                yield ready, future.result()
        for crossing, future in waiting:
            if not future.done():
                self._decode_ahead(crossing.index)
            yield crossing, future.result()

    def _decode_ahead(self, index: Index) -> None:
        """Instead of only waiting for a chunk, decode one that will be wanted soon after it."""
        room = min(CACHE.limit // 4 // self._nbytes, _MAX_AHEAD)
        for ahead in itertools.islice(self._walk.after(index), room):
            if not self._left_to_library(ahead) and not CACHE.holds(self, ahead):
                future, mine = CACHE.claim(self, ahead)
                if mine:
                    CACHE.provide(self, ahead, future, self._decode)
                return

    def _decode(self, index: Index) -> Array:
        offset, size, mask = self._places.of(index)
        if size > self._pipeline.most_stored(self._nbytes) or offset + size > self._source.size:
            raise _damaged(index, f"takes {size} bytes in the file")
        if self._nbytes > self._pipeline.most_inflated(size):  # before any memory is taken
            raise _damaged(index, f"claims {self._nbytes:,} bytes, packed into {size:,}")
        stored = RawArray(offset, (size,), _BYTES).read(self._source, (slice(0, size),), self._name)
        target = np.empty(self._nbytes, _BYTES)
        try:
            self._pipeline.decode(stored.data, mask, target)
        except ValueError as error:
            raise _damaged(index, str(error)) from error
        chunk: Array = target.view(self._dtype).reshape(self._steps)
        return chunk


def _damaged(index: Index, what: str) -> ValueError:
    return ValueError(f"chunk {index} {what}")
