"""The C library's heap: freed blocks are kept for the next window instead of going back to the kernel."""

import ctypes
from contextlib import suppress
from threading import Event

__all__ = ["free_one_large_block", "keep_freed_blocks"]

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST_KEPT = 32 << 20  # glibc's own limit
_MOST_KEPT = 128 << 20


_settled = Event()
"""Whether this process keeps what it frees."""


def keep_freed_blocks() -> None:
    """Let a window's arrays take the memory of the last window's, in this whole process.

    glibc otherwise gives every array of some size back when it is freed, and for the next one the kernel
    finds and clears the same pages again: half of a run's system time. For a program, not for a library
    within one; without glibc nothing happens. What is kept, beyond what is in use, is bounded.
    """
    _settled.set()
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT)
        mallopt(_M_TRIM_THRESHOLD, _MOST_KEPT)


def free_one_large_block() -> None:
    """The same for a library within a program, as far as glibc goes by itself.

    It keeps blocks up to the size of the largest that it has seen freed. This one is never touched, so it
    costs nothing; once is enough.
    """
    if _settled.is_set():
        return
    _settled.set()
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.malloc.argtypes, library.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
        library.free.argtypes, library.free.restype = [ctypes.c_void_p], None
        library.free(library.malloc(_LARGEST_KEPT - (1 << 20)))
