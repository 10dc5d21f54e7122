"""Large outputs go to the disk while they are being written, so that the last flush has little left to do."""

import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Event, Thread

__all__ = ["EarlyFlush"]

_SECONDS = 0.05
"""Between two flushes; nobody waits for them."""

_BEGIN_ONLY = 2
"""Linux' SYNC_FILE_RANGE_WRITE."""


class EarlyFlush:
    """Flushes the open file `fd` again and again, in a thread of its own, until `stop`.

    It promises nothing: what failed here fails again, and is told, when the file is flushed for good.
    """

    def __init__(self, fd: int) -> None:
        self._flush = _flusher(fd)
        self._end = Event()
        self._thread = Thread(target=self._run, name="featfuse flush", daemon=True)
        with suppress(RuntimeError):  # no more threads for this process: then all is flushed at the end
            self._thread.start()

    def stop(self) -> None:
        """Return when the file is no longer touched."""
        self._end.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        with suppress(OSError):
            while not self._end.wait(_SECONDS):
                self._flush()


def _flusher(fd: int) -> Callable[[], object]:
    """What sends to the disk what `fd` has so far.

    Linux can begin to write and be done with it. `fdatasync` waits until all is there and the file
    system's journal, too, and holds up the writers meanwhile: a gigabyte took a third longer.
    """
    try:
        import ctypes

        begin = ctypes.CDLL(None).sync_file_range
    except (ImportError, OSError, AttributeError):
        return partial(getattr(os, "fdatasync", os.fsync), fd)
    begin.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]
    return partial(begin, fd, 0, 0, _BEGIN_ONLY)
