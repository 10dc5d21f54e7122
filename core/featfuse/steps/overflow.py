"""Values of the result that are not finite although all that went into them was: noticed for nothing, and
then counted.

The processor notes overflows, divisions by zero and operations without a result, and NumPy asks it after
every call of its own or of BLAS (on one thread, the window's own). Only a window in which that happened is
looked at. It is computed again from tame inputs, in which a small number stands for every finite value. What
is finite then has become inf, or NaN, on the way; what is not came from an input that was not.
"""

from contextlib import AbstractContextManager
from functools import partial
from typing import NamedTuple

import numpy as np

from featfuse.model.dtypes import is_float
from featfuse.model.tensor import Array, Window
from featfuse.steps.base import Run, Step

__all__ = ["BECAME_INF", "BECAME_NAN", "Suspects", "count_lost", "suspects", "watched"]

BECAME_INF = "finite values became inf"
BECAME_NAN = "finite values became NaN"

_TAME = 2.0**-6
"""Every float type has it. No sum of so small numbers overflows, and nothing is divided by 0."""


class Suspects(NamedTuple):
    """Where a window of the result is inf, and where NaN."""

    inf: Array
    nan: Array


def watched(root: Step, run: Run) -> AbstractContextManager[object]:
    """NumPy's floating-point warnings off within it; where the result is of floats, `run` notices them."""
    if not is_float(root.dtype):
        return np.errstate(all="ignore")
    return np.errstate(under="ignore", over="call", divide="call", invalid="call", call=run.notice)


def suspects(block: Array, run: Run) -> Suspects | None:
    """Where `block`, a window of the result, is not finite, if this thread noticed something in it."""
    if not run.take_notice():
        return None
    inf, nan = np.isinf(block), np.isnan(block)
    return Suspects(inf, nan) if inf.any() or nan.any() else None


def count_lost(root: Step, window: Window, found: Suspects, run: Run) -> None:
    """Count in `run` which of the suspects became what they are."""
    tame = Run(partial(_tame, run), run.budget)
    tame.found = run.found
    with np.errstate(all="ignore"):
        finite = np.isfinite(root.block(window, tame))
    run.count(BECAME_INF, int(np.count_nonzero(found.inf & finite)))
    run.count(BECAME_NAN, int(np.count_nonzero(found.nan & finite)))


def _tame(run: Run, index: int, window: Window) -> Array:
    block = run.read(index, window)
    if not is_float(block.dtype):
        return np.ones_like(block)
    return np.where(np.isfinite(block), block.dtype.type(_TAME), block)
