"""What the server that forks a batch's workers loads, once for all of them. For that process alone.

When the system lets it fork no more, the batch says so, and a worker whose batch was ended before it had read
what to do (EOFError) has nothing to say: Python's traceback is not wanted.
"""

import sys
from types import TracebackType

from featfuse.process.blas import hold_to_one_thread

hold_to_one_thread()  # before NumPy loads; this module is in no package that loads it

import featfuse.batches  # noqa: E402 (so that no worker has to load it)
import featfuse.fusion  # noqa: E402, F401

__all__: list[str] = []


def _show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not isinstance(error, OSError | MemoryError | EOFError):
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _show
