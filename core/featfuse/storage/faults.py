"""What to say when the system refuses to write."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from featfuse.errors import RunError
from featfuse.wording import phrase

__all__ = ["no_space_hint", "write_faults"]

_NO_SPACE = "Free some space, or write to another disk with {out}."

_HINTS = {
    errno.ENOSPC: _NO_SPACE,
    errno.EDQUOT: "Your quota is used up: free some space, or write elsewhere with {out}.",
    errno.EFBIG: "The file would pass this process's or file system's size limit (`ulimit -f`).",
    errno.EACCES: "Choose a folder you may write to with {out}.",
    errno.EPERM: "Choose a folder you may write to with {out}.",
    errno.ENOENT: "Its folder was there, and has been moved or removed meanwhile.",
    errno.EMFILE: "This process may open no more files: raise `ulimit -n`, or give fewer inputs at a time.",
    errno.ENOTDIR: "Its folder was there, and has been replaced by a file meanwhile.",
    errno.ENAMETOOLONG: "Choose a shorter name with {out}.",
    errno.EROFS: "The file system is read-only: choose another folder with {out}.",
}


def no_space_hint() -> str:
    """What to do when a disk is full."""
    return phrase(_NO_SPACE)


@contextmanager
def write_faults(name: str) -> Iterator[None]:
    """Turn an OSError of the block into a RunError that names the output `name`."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunError(
            f"{name}: cannot be written: {reason}", hint=phrase(_HINTS.get(error.errno or 0, ""))
        ) from error
