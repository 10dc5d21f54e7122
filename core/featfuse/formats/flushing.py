"""Large outputs go to the disk while they are being written, so that the last flush has little left to do."""

import os
from contextlib import suppress
from threading import Event, Thread

__all__ = ["EarlyFlush"]

_SECONDS = 0.1
"""Between two flushes. Each waits for the disk, and nobody waits for it."""


class EarlyFlush:
    """Flushes the open file `fd` again and again, in a thread of its own, until `stop`.

    It promises nothing: what failed here fails again, and is told, when the file is flushed for good.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
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
        flush = getattr(os, "fdatasync", os.fsync)
        with suppress(OSError):
            while not self._end.wait(_SECONDS):
                flush(self._fd)
