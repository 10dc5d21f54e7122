"""Convert: the result in the output's element type, with what does not fit counted."""

from collections.abc import Sequence

import numpy as np

from featfuse.engine.casts import cast, count_finite
from featfuse.model.dtype_names import EXTENDED
from featfuse.model.dtypes import DType, is_integer
from featfuse.model.tensor import Array, Window
from featfuse.steps.base import Run, Step

__all__ = ["OUT_OF_RANGE", "Convert", "convert"]

OUT_OF_RANGE = "values do not fit the output's integers"


class Convert(Step):
    """The child's blocks as `dtype`."""

    def __init__(self, child: Step, dtype: DType) -> None:
        self.children = (child,)
        self.shape, self.dtype = child.shape, dtype

    def need(self, window: Window) -> tuple[Window, ...]:
        return (window,)

    def apply(self, window: Window, blocks: Sequence[Array], run: Run) -> Array:
        return convert(blocks[0], self.dtype, run)


def convert(block: Array, dtype: DType, run: Run) -> Array:
    """`block` as `dtype`. To integers: rounded half to even, clipped, what was clipped is counted.

    Where finite values become infinite, NumPy's casts raise the processor's flag; those of ml-dtypes do not,
    so `run` is told.
    """
    if block.dtype == dtype:
        return block
    if is_integer(dtype):
        return _to_integer(block, dtype, run)
    result = cast(block, dtype)
    unflagged = block.dtype.name in EXTENDED or dtype.name in EXTENDED
    if unflagged and dtype.itemsize <= 2 and _loses(block, result):
        run.notice()
    return result


def _loses(block: Array, result: Array) -> bool:
    """Whether finite values became infinite (or NaN, in a type that has no infinity)."""
    finite_after = count_finite(result)
    return finite_after < result.size and finite_after < count_finite(block)


def _to_integer(block: Array, dtype: DType, run: Run) -> Array:
    info = np.iinfo(dtype)
    if block.dtype.kind == "b":
        return block.astype(dtype)
    if is_integer(block.dtype):
        have = np.iinfo(block.dtype)
        if have.min >= info.min and have.max <= info.max:
            return block.astype(dtype)
        low, high = max(info.min, have.min), min(info.max, have.max)
        run.count(OUT_OF_RANGE, int(np.count_nonzero((block < low) | (block > high))))
        return np.clip(block, low, high).astype(dtype)
    rounded = np.rint(block.astype(np.float64))
    # float(info.max) of 64-bit types rounds up to 2**63 or 2**64, which itself does not fit.
    top = float(info.max)
    fits = (rounded >= info.min) & ((rounded < top) if int(top) > info.max else (rounded <= top))
    run.count(OUT_OF_RANGE, int(rounded.size - np.count_nonzero(fits)))
    result = np.zeros(block.shape, dtype=dtype)
    np.copyto(result, np.where(fits, rounded, 0).astype(dtype))
    result[rounded < info.min] = info.min
    result[(rounded > 0) & ~fits] = info.max
    return result
