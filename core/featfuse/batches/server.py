"""What the server that forks a batch's workers loads, once for all of them. For that process alone.

When the system lets it fork no more, the batch says so; Python's traceback of it is not wanted beside that.
"""

import sys
from types import TracebackType

import featfuse.fusion  # noqa: F401 (so that no worker has to load it)

__all__: list[str] = []


def _show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not isinstance(error, OSError | MemoryError):
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _show
