"""BLAS on one thread: windows run in parallel already, and a sum must not depend on how BLAS shares it out.

This module needs no NumPy, so that a program can call `hold_to_one_thread` before it loads NumPy.
"""

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any, cast

__all__ = ["hold_to_one_thread", "one_thread"]

_VARIABLES = (
    "BLIS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
_held = False


def hold_to_one_thread() -> None:
    """Keep BLAS to one thread for good, here and in the processes this one starts.

    BLAS reads the variables when NumPy loads it (OpenBLAS starts its threads then, which costs more than
    the rest of the loading). Where NumPy is there already nothing happens: `one_thread` sees to it later.
    """
    global _held  # noqa: PLW0603 (it is of the process, as the variables are)
    if "numpy" not in sys.modules:
        os.environ.update(dict.fromkeys(_VARIABLES, "1"))
        _held = True


def one_thread() -> AbstractContextManager[object]:
    """Within it BLAS uses one thread."""
    if _held:
        return nullcontext()
    return cast(AbstractContextManager[object], _controller().limit(limits=1, user_api="blas"))


@cache
def _controller() -> Any:
    """Looking through the loaded libraries for BLAS is slow; NumPy's own is loaded by now, and stays."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
