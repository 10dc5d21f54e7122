"""Room for memory where the process may not have all it asks for (`ulimit -v`, `ulimit -d`).

OpenBLAS prints a line of its own and ends the process when it finds no memory for a multiplication, half-made
files and all. So where there is a limit we look first. This module needs no NumPy.
"""

from functools import cache

__all__ = ["has_room", "may_load_hdf5", "may_load_numpy", "multipliers"]

_LOAD_BYTES = (80 + 16) << 20
"""What NumPy and its OpenBLAS take of the address space when they are loaded (2.4 on x86: 86 MB in all), and
enough to go on with: with less, Python ends in tracebacks of its own libraries."""
_HDF5_BYTES = 24 << 20
"""What h5py and HDF5 take; without it the library crashes as it starts (seen with 2.0.0)."""
_BUFFER_BYTES = 34 << 20
"""What OpenBLAS takes for each multiplication that goes on at a time: 32 MB, and keeps for the next."""
_THREAD_BYTES = (64 + 8) << 20
"""A thread's heap, of which glibc reserves the addresses at once, and its stack."""


@cache
def _is_limited() -> bool:
    try:
        import resource
    except ImportError:
        return False
    limits = (resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA))
    return any(limit != resource.RLIM_INFINITY for limit in limits)


def has_room(size: int) -> bool:
    """Whether `size` bytes could be had now; always, where there is no limit."""
    if not _is_limited():
        return True
    import mmap

    try:
        mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    except (OSError, ValueError, OverflowError):
        return False
    return True


def may_load_numpy() -> bool:
    """Whether there is room to load NumPy, which could end the process otherwise."""
    return has_room(_LOAD_BYTES)


def may_load_hdf5() -> bool:
    """Whether there is room to load HDF5, which could end the process otherwise."""
    return has_room(_HDF5_BYTES)


def multipliers(workers: int, window: int) -> int:
    """How many of `workers` threads may multiply matrices, in windows of `window` bytes: all or one.

    MemoryError when there is no room for a single multiplication.
    """
    if not _is_limited():
        return workers
    _take_first_buffer()
    others = (workers - 1) * (window + _BUFFER_BYTES + _THREAD_BYTES)
    return workers if workers == 1 or has_room(window + others) else 1


@cache
def _take_first_buffer() -> None:
    """Let OpenBLAS take it while nobody else can take the room from it; it is kept for good."""
    if not has_room(_BUFFER_BYTES):
        raise MemoryError("no room in the address space for BLAS")
    import numpy as np

    square = np.ones((64, 64), np.float32)
    np.matmul(square, square)
