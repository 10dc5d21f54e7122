"""Opening an input: what a file is, and what to say when it is not what it seems."""

import errno
import io
import os
import shutil
import stat
import sys
from pathlib import Path
from typing import BinaryIO

from featfuse.errors import FeatfuseError, InputError, RunError
from featfuse.formats.base import Reader
from featfuse.formats.registry import STREAM, Format, find_format
from featfuse.formats.sniff import HEAD, find_foreign, readable, recognise, suffix_note

__all__ = ["open_input"]


def open_input(path: str, *, stdin: BinaryIO | None = None) -> Reader:
    """Open an input, recognised by its first bytes and only then by its suffix; `-` is a .npy on stdin.

    Raises InputError, naming the file and what would help, when it is missing, unreadable or no tensor file.
    """
    if path == STREAM:
        return _open_stream(stdin if stdin is not None else sys.stdin.buffer)
    head = _read_head(path)
    known = _recognised(path, head)
    row = known or find_format(path)
    if row is None:
        raise InputError(f"{path}: not a tensor file that featfuse can read", hint=readable())
    try:
        return row.load().open_reader(path)
    except OSError as error:
        raise _unopened(path, error) from error
    except InputError as error:
        if known is not None:
            error.hint = " ".join(filter(None, (error.hint, suffix_note(path, known))))
        raise


def _read_head(path: str) -> bytes:
    """The first bytes of a regular file; InputError when there is none."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 (a pathlib.Path cannot hold every string)
        if stat.S_ISDIR(mode):
            raise InputError(
                f"{path} is a directory", hint="Name a file in it, or give directories to `fuse batch`."
            )
        if not stat.S_ISREG(mode):
            raise InputError(
                f"{path} is not a regular file", hint="Pipe a .npy stream to the input `-` instead."
            )
        with open(path, "rb", buffering=0) as file:
            return file.read(HEAD)
    except FileNotFoundError:
        raise _missing(path) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise _unopened(path, error) from error


def _unopened(path: str, error: OSError | ValueError) -> FeatfuseError:
    """What to say of a file that the system does not open, which need not be the file's fault."""
    text = f"{path}: cannot be opened: {getattr(error, 'strerror', None) or error}"
    if getattr(error, "errno", None) in (errno.EMFILE, errno.ENFILE):
        return RunError(text, hint="Raise `ulimit -n`, or give fewer inputs at a time.")
    return InputError(text)


def _missing(path: str) -> InputError:
    """What to say of a file that is not there, or is a link to one that is not."""
    if not path:
        return InputError("an input's name is empty", hint="Is a variable of the shell not set?")
    if Path(path).is_symlink():
        aim = str(Path(path).readlink())
        annexed = ".git/annex/objects/" in aim
        return InputError(
            f"{path} is a link to {aim}, which does not exist",
            hint="It is kept by git-annex: run `git annex get` to fetch the data." if annexed else "",
        )
    return InputError(f"{path}: no such file", hint=_same_stem(path))


def _same_stem(path: str) -> str:
    """A hint naming a file beside the missing one that differs in its suffix only."""
    try:
        beside = sorted(other.name for other in Path(path).parent.iterdir() if other.stem == Path(path).stem)
    except (OSError, ValueError):
        return ""
    known = [name for name in beside if find_format(name) and name != Path(path).name]
    return f"Did you mean {Path(path).with_name(known[0])}?" if known else ""


def _recognised(path: str, head: bytes) -> Format | None:
    """The format by the first bytes, if it is one of ours. What is often taken for one is refused by name."""
    if not head:
        way = "Did the command before the pipe fail?" if path == STREAM else "Write or copy the file again."
        raise InputError(f"{path} is empty (0 bytes)", hint=way)
    known = recognise(head)
    foreign = None if known else find_foreign(head)
    if foreign is not None:
        raise InputError(f"{path} is {foreign.what}", hint=foreign.hint)
    return known


def _open_stream(stdin: BinaryIO) -> Reader:
    from featfuse.formats.npy import NpyReader

    if stdin.isatty():
        raise InputError("-: stdin is a terminal", hint="Pipe a .npy file into the command.")
    file = _whole_file(stdin) or _spool(stdin)
    try:
        _recognised(STREAM, os.pread(file.fileno(), HEAD, 0))
    except BaseException:
        file.close()
        raise
    return NpyReader(file, STREAM)


def _whole_file(stdin: BinaryIO) -> io.FileIO | None:
    """Stdin itself when it is a regular file that nobody has read from (`fuse - < a.npy`)."""
    try:
        fd = stdin.fileno()
        if stat.S_ISREG(os.fstat(fd).st_mode) and stdin.tell() == 0:
            return io.FileIO(os.dup(fd))
    except OSError:  # no descriptor, or not seekable
        pass
    return None


def _spool(stdin: BinaryIO) -> io.FileIO:
    """Stdin copied into an anonymous temporary file, a piece at a time."""
    import tempfile

    try:
        with tempfile.TemporaryFile() as spool:
            shutil.copyfileobj(stdin, spool, 1 << 20)
            spool.flush()
            return io.FileIO(os.dup(spool.fileno()))
    except OSError as error:
        raise RunError(
            f"-: stdin cannot be kept in {tempfile.gettempdir()}: {error.strerror or error}",
            hint="Set TMPDIR to a folder with more space, or give a file.",
        ) from error
