"""One writer at a time: a lock beside each file that several runs may add to.

The system gives it up when the process that holds it ends, however that ends. Where there are no locks (some
network drives, Windows), writers go on without: what they replace is compared with what they began from, and
they fail where it has changed.
"""

import errno
import os
import platform
import re
import stat
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from featfuse.errors import RunError
from featfuse.storage.place import Place

__all__ = ["LOCK_NAME", "hold", "remove_stale_lock"]

LOCK_NAME = re.compile(r"\..+\.[0-9a-f]{8}\.fuse-lock", re.DOTALL)
"""The name of the lock of a file: it begins as the file's does, and the sum tells long names apart."""

_FLAGS = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_HOLDER = re.compile(rb"(\d{1,10}) ([\w.-]{1,64})\n")
_PATIENCE = 1.0
"""Seconds until somebody who waits is told why."""


@contextmanager
def hold(paths: Iterable[str], root: str | None = None) -> Iterator[None]:
    """Be the only one that writes to these files, of all processes and threads that ask here.

    Waits for those that were first, and says so. All that one run writes to is held at once, and in one
    order, so that no two runs wait for each other. Nothing is held where nothing can be written, for being
    outside of `root` (see `Place`) as well: whoever writes will say so.
    """
    with ExitStack() as stack:
        places: dict[tuple[int, int, str], Place] = {}
        for path in paths:
            with suppress(OSError, ValueError, RunError):
                place = stack.enter_context(Place(path, root))
                facts = os.fstat(place.folder)
                places[facts.st_dev, facts.st_ino, place.leaf] = place
        for identity in sorted(places):
            stack.enter_context(_hold(places[identity]))
        yield


@contextmanager
def _hold(place: Place) -> Iterator[None]:
    name = place.leaf
    lock = f".{name[:40]}.{zlib.crc32(os.fsencode(name)):08x}.fuse-lock"
    fd = _acquire(lock, place)
    try:
        yield
    finally:
        if fd is not None:
            _release(fd, lock, place.folder)


def _acquire(lock: str, place: Place) -> int | None:
    """The descriptor that holds the lock; None where there is no way to have one."""
    began, waiting = time.monotonic(), True
    while True:
        fd = _open(lock, place.folder, os.O_CREAT)
        if fd is None:
            return None
        try:
            while not _try(fd):
                if waiting and time.monotonic() - began > _PATIENCE:
                    waiting = False
                    _tell(fd, place.name)
                time.sleep(0.01 if waiting else 0.1)
            if _bears_name(fd, lock, place.folder):
                _sign(fd)
                return fd
        except OSError:  # no locks here
            os.close(fd)
            return None
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)  # its last holder has removed it: the next one has a new file


def _open(lock: str, folder: int, flag: int = 0) -> int | None:
    """The lock file. Another user's may be there to be read only, which is enough."""
    for flags in (os.O_RDWR | flag, os.O_RDONLY):
        with suppress(OSError):
            fd = os.open(lock, flags | _FLAGS, 0o666, dir_fd=folder)
            if stat.S_ISREG(os.fstat(fd).st_mode):
                return fd
            os.close(fd)
    return None


def _try(fd: int) -> bool:
    """Whether the lock is ours now. OSError where there are none."""
    try:
        import fcntl
    except ImportError:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _bears_name(fd: int, lock: str, folder: int) -> bool:
    with suppress(OSError):
        return os.path.samestat(os.fstat(fd), os.stat(lock, dir_fd=folder, follow_symlinks=False))
    return False


def _sign(fd: int) -> None:
    """Write who holds the lock, for those who wait."""
    with suppress(OSError):  # a full disk, or a file of another user
        text = f"{os.getpid()} {platform.node()}\n".encode()
        if os.fstat(fd).st_size > len(text):  # a dead one's: ext4 flushes what is written after a cut to 0
            os.ftruncate(fd, len(text))
        os.pwrite(fd, text, 0)


def _tell(fd: int, told: str) -> None:
    import logging

    holder = _HOLDER.fullmatch(os.pread(fd, 100, 0))
    who = "another run"
    if holder is not None:
        host = holder[2].decode("ascii", "replace")
        who = f"process {int(holder[1])}" + ("" if host == platform.node() else f" on {host}")
    name = told if told.isprintable() else ascii(told)
    logging.getLogger("featfuse").warning(
        "waiting for %s, which is writing to %s (Ctrl-C ends the wait)", who, name
    )


def _release(fd: int, lock: str, folder: int) -> None:
    """Remove the file, then give up the lock: also for children that have the descriptor too."""
    with suppress(OSError):
        if _bears_name(fd, lock, folder):
            os.unlink(lock, dir_fd=folder)
    with suppress(OSError):
        import fcntl

        fcntl.flock(fd, fcntl.LOCK_UN)
    os.close(fd)


def remove_stale_lock(lock: str, folder: int) -> None:
    """Remove the lock file of a process that is gone from an open folder; that of a live one stays."""
    fd = _open(lock, folder)
    if fd is None:
        return
    try:
        with suppress(OSError):
            if _try(fd) and _bears_name(fd, lock, folder):
                os.unlink(lock, dir_fd=folder)
    finally:
        os.close(fd)
