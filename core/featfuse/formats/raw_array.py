"""Windows of row-major raw data, read and written in place: what .npy, .safetensors and HDF5 share.

Every access names its own position, so threads share one source safely, and nothing beyond the window and a
small scratch buffer is ever held.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from featfuse.errors import InputError
from featfuse.formats.interface import check_block
from featfuse.model.cutting import pieces
from featfuse.model.tensor import Array, Window, window_shape
from featfuse.storage.byte_output import ByteOutput
from featfuse.storage.byte_source import ByteSource

__all__ = ["RawArray"]

# A system call costs about as much as copying this many cached bytes, so smaller gaps are read along.
_MAX_GAP = 1 << 14
_MAX_SCRATCH = 1 << 20
_LONG_RUN = 1 << 16  # runs this long are read straight into the result


class RawArray(NamedTuple):
    """Where an array is whose elements lie side by side from byte `offset` on.

    `dtype` is as stored, byte order included; with `fortran` the first axis varies fastest.
    """

    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool = False

    def read(self, source: ByteSource, window: Window, name: str | None = None) -> Array:
        """A fresh array in native byte order; InputError when `source` ends before the window does.

        Errors call it `name` (the source's own when None).
        """
        if self.fortran:
            block: Array = self._reversed().read(source, window[::-1], name).T
            return block
        box = _Box.of(self, window)
        result = np.empty(box.sizes, self.dtype)
        if result.size:
            try:
                _fill(source, box, 0, box.start, result)
            except OSError as error:
                raise InputError(f"{name or source.name}: cannot be read: {error.strerror}") from error
            except _CutShort as error:
                raise InputError(
                    f"{name or source.name}: ends {error.missing} bytes before its tensor does",
                    hint="The file was cut short while it was being read.",
                ) from None
        if not result.dtype.isnative:
            result = result.byteswap(inplace=True).view(result.dtype.newbyteorder("="))
        return result

    def pieces(self, elements: int) -> Iterator[Window]:
        """Windows of at most `elements` that cover the array, each in one piece in the file, in its order."""
        if not self.fortran:
            return pieces(self.shape, elements)
        return (window[::-1] for window in pieces(self.shape[::-1], elements))

    def write(self, output: ByteOutput, window: Window, block: Array) -> None:
        """Store `block`, of the window's shape and this dtype; RunError when the disk refuses it."""
        check_block(block, self.dtype, window)
        if self.fortran:
            self._reversed().write(output, window[::-1], block.T)
            return
        box = _Box.of(self, window)
        if block.size:
            data = np.asarray(block, order="C").reshape(-1).view(np.uint8).data
            output.write_runs(box.positions(), box.run, data)

    def _reversed(self) -> "RawArray":
        return RawArray(self.offset, self.shape[::-1], self.dtype)


class _CutShort(Exception):
    """A source ends `missing` bytes too early."""

    def __init__(self, missing: int) -> None:
        super().__init__()
        self.missing = missing


def _fill(source: ByteSource, box: "_Box", axis: int, position: int, target: Array) -> None:
    """Read the box's axes from `axis` on, which begin at byte `position`, into `target`."""
    rows = box.rows_per_read(axis)
    stride = box.strides[axis] if target.ndim else 0
    if box.contiguous[axis]:
        _read(source, position, target)
    elif rows > 1:
        for first in range(0, len(target), rows):
            part = target[first : first + rows]
            scratch = np.empty((len(part) - 1) * stride + box.spans[axis + 1], np.uint8)
            _read(source, position + first * stride, scratch)
            part[...] = np.ndarray(part.shape, part.dtype, scratch, strides=box.strides[axis:])
    elif box.contiguous[axis + 1]:
        _read_rows(source, position, stride, target)
    else:
        for row, part in enumerate(target):
            _fill(source, box, axis + 1, position + row * stride, part)


def _read(source: ByteSource, position: int, target: Array) -> None:
    """Fill the contiguous `target` from byte `position` on."""
    count = source.read_into(position, target.reshape(-1).view(np.uint8).data)
    if count < target.nbytes:
        raise _CutShort(target.nbytes - count)


def _read_rows(source: ByteSource, position: int, stride: int, target: Array) -> None:
    """Fill the rows of the contiguous `target`, which begin `stride` bytes apart."""
    length = target.nbytes // len(target)
    positions = range(position, position + len(target) * stride, stride)
    count = source.read_runs(positions, length, target.reshape(-1).view(np.uint8).data)
    if count < target.nbytes:
        raise _CutShort(length - count % length)


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
        """Where each contiguous run begins, in the block's own order."""
        axis = self.contiguous.index(True)
        sides = zip(self.sizes[:axis], self.strides[:axis], strict=True)
        steps = [range(0, size * stride, stride) for size, stride in sides]
        return (self.start + sum(offsets) for offsets in product(*steps))
