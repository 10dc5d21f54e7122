"""Opening an input: what a file is, and what to say when it is not what it seems."""

import errno
from pathlib import Path
from typing import BinaryIO

from featfuse.errors import FeatfuseError, InputError, RunError, meant
from featfuse.formats.detect import HEAD, find_foreign, readable, recognise, suffix_note
from featfuse.formats.interface import Reader
from featfuse.formats.registry import STREAM_FORMAT, Format, find_format
from featfuse.io.near_files import near_files
from featfuse.storage.byte_source import ByteSource
from featfuse.storage.local import open_source
from featfuse.storage.standard_streams import STREAM, open_stdin
from featfuse.wording import either

__all__ = ["open_input"]


def open_input(path: str, *, stdin: BinaryIO | None = None) -> Reader:
    """Open an input, recognised by its first bytes and only then by its suffix; `-` is a .npy on stdin.

    Raises InputError, naming the file and what would help, when it is missing, unreadable or no tensor file.
    """
    source = open_stdin(stdin) if path == STREAM else _open_file(path)
    try:
        return _open_reader(source)
    except BaseException:
        source.close()
        raise


def _open_file(path: str) -> ByteSource:
    try:
        return open_source(path)
    except FileNotFoundError:
        raise _missing(path) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise _unopened(path, error) from error


def _open_reader(source: ByteSource) -> Reader:
    path = source.name
    try:
        known = _recognised(path, source.read(0, HEAD))
        row = STREAM_FORMAT if path == STREAM else known or find_format(path)
        if row is None:
            raise InputError(f"{path}: not a tensor file that featfuse can read", hint=readable())
        try:
            return row.load().open_reader(source)
        except InputError as error:
            if known is not None:
                error.hint = " ".join(filter(None, (error.hint, suffix_note(path, known))))
            raise
    except OSError as error:
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
        way = either("Is a variable of the shell not set?", "Give PATH or PATH::KEY.")
        return InputError("an input's name is empty", hint=way)
    if Path(path).is_symlink():
        aim = str(Path(path).readlink())
        annexed = ".git/annex/objects/" in aim
        return InputError(
            f"{path} is a link to {aim}, which does not exist",
            hint="It is kept by git-annex: run `git annex get` to fetch the data." if annexed else "",
        )
    return InputError(f"{path}: no such file", hint=meant(near_files(path)))


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
