"""Undoing the common filters of HDF5 chunks (gzip, shuffle, checksum) outside the library and its lock.

HDF5 applies filters in the order of the list and undoes them backwards; a bit of a chunk's mask says that
the filter of that place was skipped. Any other filter, or any other order, is left to the library.
"""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import h5py
import numpy as np

from featfuse.model.tensor import Array

__all__ = ["Pipeline"]

_KNOWN = (h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_FLETCHER32)
_PIECE = (
    1 << 16
)  # compressed bytes inflated at a time: what they become is still in the caches when it is placed
_SUM_RUN = 4096  # words added up at once: their weighted sum is exact in float64


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The filters of a dataset: shuffle, deflate, Fletcher's checksum, or some of them in this order."""

    filters: tuple[int, ...]
    itemsize: int

    @classmethod
    def of(cls, dataset: h5py.Dataset) -> "Pipeline | None":
        """The dataset's filters, None when they are not those known here."""
        properties = dataset.id.get_create_plist()
        found = [properties.get_filter(place) for place in range(properties.get_nfilters())]
        filters = tuple(code for code, _, _, _ in found)
        if filters != tuple(code for code in _KNOWN if code in filters):
            return None
        itemsize = dataset.dtype.itemsize
        shuffled = [values for code, _, values, _ in found if code == h5py.h5z.FILTER_SHUFFLE]
        return cls(filters, itemsize) if shuffled in ([], [(itemsize,)]) else None

    def most_stored(self, nbytes: int) -> int:
        """The most bytes that a chunk of `nbytes` can take in the file: some do not compress."""
        return nbytes + nbytes // 8 + 1024

    def most_inflated(self, nbytes: int) -> int:
        """The most bytes that a chunk can have which takes `nbytes` in the file: deflate has a limit.

        Below 1 MiB the decoding tells better what is wrong.
        """
        return max(1 << 20, 1100 * nbytes)

    def decode(self, stored: memoryview, mask: int, target: Array) -> None:
        """Fill `target`, the chunk's bytes, from what is stored; ValueError when they do not fit together.

        The only memory needed beside `target` is that of one inflated piece.
        """
        applied = [code for place, code in enumerate(self.filters) if not mask >> place & 1]
        data = stored
        if h5py.h5z.FILTER_FLETCHER32 in applied:
            data = _checked(data)
        shuffled = h5py.h5z.FILTER_SHUFFLE in applied
        planes = target.reshape(-1, self.itemsize if shuffled else 1)
        deflated = h5py.h5z.FILTER_DEFLATE in applied
        _place(_inflate(data, target.size) if deflated else [data], planes)


def _place(pieces: Iterable[bytes | memoryview], planes: Array) -> None:
    """Put bytes that come column by column (all items' first bytes, then all second, ...) in place."""
    length, position = len(planes), 0
    for piece in pieces:
        if position + len(piece) > planes.size:
            raise ValueError("holds more bytes than its shape takes")
        part = np.frombuffer(piece, np.uint8)
        while part.size:
            column, first = divmod(position, length)
            count = min(part.size, length - first)
            planes[first : first + count, column] = part[:count]
            part, position = part[count:], position + count
    if position != planes.size:
        raise ValueError(f"holds {position} bytes, its shape takes {planes.size}")


def _inflate(data: memoryview, size: int) -> Iterator[bytes]:
    """The inflated bytes, piece by piece: never more than one beyond `size`."""
    stream, left = zlib.decompressobj(), size + 1
    try:
        for first in range(0, len(data), _PIECE):
            piece = stream.decompress(data[first : first + _PIECE], max(left, 1))
            left -= len(piece)
            yield piece
            if stream.eof:
                return
    except zlib.error as error:
        raise ValueError(f"cannot be inflated ({error})") from error
    raise ValueError("cannot be inflated (it ends too early)")


def _checked(data: memoryview) -> memoryview:
    """The data before its checksum; ValueError when that is another."""
    if len(data) < 4:
        raise ValueError("is too short for its checksum")
    body, stored = data[:-4], int.from_bytes(data[-4:], "little")
    first, second = _fletcher(body)
    # HDF5 up to 1.6.2 stored the bytes of both halves the other way round, and readers still accept that
    swapped = [(half & 0xFF) << 8 | half >> 8 for half in (first, second)]
    if stored not in {second << 16 | first, swapped[1] << 16 | swapped[0]}:
        raise ValueError("does not match its checksum")
    return body


def _fletcher(data: memoryview) -> tuple[int, int]:
    """The two sums of Fletcher's checksum over big-endian 16-bit words, as HDF5 folds them.

    The second sum counts each word as often as there are words from it to the end.
    """
    odd = bytes(data[-1:]) + b"\0" if len(data) % 2 else b""
    first = second = 0
    for run in (data[: len(data) - len(data) % 2], odd):
        words = np.frombuffer(run, ">u2")
        for start in range(0, len(words), 64 * _SUM_RUN):
            first, second = _add_words(words[start : start + 64 * _SUM_RUN], first, second)
    return _fold(first), _fold(second)


def _add_words(words: Array, first: int, second: int) -> tuple[int, int]:
    rows = np.zeros((-(-len(words) // _SUM_RUN), _SUM_RUN))
    rows.reshape(-1)[rows.size - len(words) :] = words  # zeros in front change neither sum
    second += len(words) * first
    sums = rows.sum(axis=1)
    weighted = np.einsum("ij,j->i", rows, np.arange(_SUM_RUN, 0, -1.0))
    behind = np.arange(len(rows) - 1, -1, -1) * _SUM_RUN
    second += int(weighted.sum()) + int((sums.astype(np.int64) * behind).sum())
    return first + int(sums.sum()), second


def _fold(total: int) -> int:
    """`total` modulo 65535, where a multiple other than 0 itself is 65535."""
    return (total - 1) % 65535 + 1 if total else 0
