"""Windows of row-major raw data in a file, read and written in place: what .npy and .safetensors share.

Every access names its own position (`preadv`, `pwrite`), so threads share one descriptor safely, and
nothing beyond the window and a small scratch buffer is ever held.
"""

import os
from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from featfuse.errors import InputError
from featfuse.formats.base import check_block
from featfuse.model.tensor import Array, Window, window_shape
from featfuse.storage.atomic import write_faults

__all__ = ["RawArray"]

_MAX_CALL = 1 << 28  # macOS refuses single reads and writes of 2 GiB and more
_PIECE = 1 << 20
"""Bytes of one write, aligned in the file. Linux may give a longer one larger pages to keep it in, which are
hard to find when memory is fragmented: a gigabyte in pieces of 4 MiB took 0.2 to 2.3 s, of 1 MiB 0.3 s."""
# A system call costs about as much as copying this many cached bytes, so smaller gaps are read along.
_MAX_GAP = 1 << 14
_MAX_SCRATCH = 1 << 20
_LONG_RUN = 1 << 16  # runs this long are read straight into the result


class RawArray(NamedTuple):
    """An array whose elements lie side by side in the open file `fd` from byte `offset` on.

    `name` is what errors call the file; `dtype` is as stored, byte order included; with `fortran`
    the first axis varies fastest.
    """

    name: str
    fd: int
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool = False

    def read(self, window: Window) -> Array:
        """A fresh array in native byte order; InputError when the file ends before the window does."""
        if self.fortran:
            block: Array = self._reversed().read(window[::-1]).T
            return block
        box = _Box.of(self, window)
        result = np.empty(box.sizes, self.dtype)
        if result.size:
            self._fill(box, 0, box.start, result)
        if not result.dtype.isnative:
            result = result.byteswap(inplace=True).view(result.dtype.newbyteorder("="))
        return result

    def write(self, window: Window, block: Array) -> None:
        """Store `block`, of the window's shape and this dtype; RunError when the disk refuses it."""
        check_block(block, self.dtype, window)
        if self.fortran:
            self._reversed().write(window[::-1], block.T)
            return
        box = _Box.of(self, window)
        if block.size:
            self._pwrite_runs(box, np.asarray(block, order="C"))

    def _reversed(self) -> "RawArray":
        return RawArray(self.name, self.fd, self.offset, self.shape[::-1], self.dtype)

    def _fill(self, box: "_Box", axis: int, position: int, target: Array) -> None:
        """Read the box's axes from `axis` on, which begin at byte `position`, into `target`."""
        rows = box.rows_per_read(axis)
        stride = box.strides[axis] if target.ndim else 0
        if box.contiguous[axis]:
            self._pread(position, target)
        elif rows > 1:
            for first in range(0, len(target), rows):
                part = target[first : first + rows]
                scratch = np.empty((len(part) - 1) * stride + box.spans[axis + 1], np.uint8)
                self._pread(position + first * stride, scratch)
                part[...] = np.ndarray(part.shape, part.dtype, scratch, strides=box.strides[axis:])
        elif box.contiguous[axis + 1]:
            self._pread_rows(position, stride, target)
        else:
            for row, part in enumerate(target):
                self._fill(box, axis + 1, position + row * stride, part)

    def _pread_rows(self, position: int, stride: int, target: Array) -> None:
        """Fill the rows of the contiguous `target`, which begin `stride` bytes apart in the file."""
        length = target.nbytes // len(target)
        rows = target.reshape(-1).view(np.uint8).data
        for start in range(0, target.nbytes, length):
            part = rows[start : start + length]
            try:
                complete = length <= _MAX_CALL and os.preadv(self.fd, [part], position) == length
            except OSError:
                complete = False
            if not complete:
                self._pread(position, np.frombuffer(part, np.uint8))
            position += stride

    def _pread(self, position: int, target: Array) -> None:
        """Fill the contiguous `target` from byte `position` on."""
        left = target.reshape(-1).view(np.uint8).data
        while left:
            try:
                count = os.preadv(self.fd, [left[:_MAX_CALL]], position)
            except OSError as error:
                raise InputError(f"{self.name}: cannot be read: {error.strerror}") from error
            if not count:
                raise InputError(
                    f"{self.name}: ends {len(left)} bytes before its tensor does",
                    hint="The file was cut short while it was being read.",
                )
            left, position = left[count:], position + count

    def _pwrite_runs(self, box: "_Box", block: Array) -> None:
        """Store the C-ordered `block`, each of its contiguous runs at its place in the file."""
        left = block.reshape(-1).view(np.uint8).data
        with write_faults(self.name):
            for start in box.positions():
                position, end = start, start + box.run
                while position < end:
                    piece = min(end, position - position % _PIECE + _PIECE) - position
                    count = os.pwrite(self.fd, left[:piece], position)
                    left, position = left[count:], position + count


class _Box(NamedTuple):
    """A window seen as bytes of the file; entry `i` of a list describes the box of axes `i`, `i+1`, ...

    `strides`: bytes from one index of axis i to the next. `contiguous`: the bytes have no gaps.
    `spans`: bytes from the first to the last, gaps included. `gaps`: the widest gap inside.
    """

    start: int
    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    contiguous: tuple[bool, ...]
    spans: tuple[int, ...]
    gaps: tuple[int, ...]

    @classmethod
    def of(cls, array: RawArray, window: Window) -> "_Box":
        shape, sizes = array.shape, window_shape(window)
        start, stride, full = array.offset, array.dtype.itemsize, True
        strides, contiguous, spans, gaps = [], [True], [stride], [0]
        for axis in range(len(shape) - 1, -1, -1):
            part, size, length = window[axis], sizes[axis], shape[axis]
            if not 0 <= part.start <= part.stop <= length:
                raise ValueError(f"window {window} is not inside the shape {shape}")
            strides.append(stride)
            contiguous.append(full or (size == 1 and contiguous[-1]))
            gaps.append(max(gaps[-1], stride - spans[-1]) if size > 1 else gaps[-1])
            spans.append((size - 1) * stride + spans[-1])
            start += part.start * stride
            full = full and size == length
            stride *= length
        return cls(
            start, sizes, tuple(strides[::-1]), tuple(contiguous[::-1]), tuple(spans[::-1]), tuple(gaps[::-1])
        )

    def rows_per_read(self, axis: int) -> int:
        """How many indices of `axis` one read should cover, gaps included; 1 when gaps are better skipped."""
        if self.contiguous[axis] or self.gaps[axis] > _MAX_GAP or self.spans[axis + 1] >= _LONG_RUN:
            return 1
        fitting = 1 + (_MAX_SCRATCH - self.spans[axis + 1]) // self.strides[axis]
        return min(self.sizes[axis], max(1, fitting))

    @property
    def run(self) -> int:
        """The bytes of each contiguous run."""
        return self.spans[self.contiguous.index(True)]

    def positions(self) -> Iterator[int]:
        """Where in the file each contiguous run begins, in the block's own order."""
        axis = self.contiguous.index(True)
        sides = zip(self.sizes[:axis], self.strides[:axis], strict=True)
        steps = [range(0, size * stride, stride) for size, stride in sides]
        return (self.start + sum(offsets) for offsets in product(*steps))
