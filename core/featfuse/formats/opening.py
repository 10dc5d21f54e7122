"""Opening an input: what a file is, and what to say when it is not what it seems."""

import io
import os
import shutil
import stat
import sys
from pathlib import Path
from typing import BinaryIO

from featfuse.errors import InputError, RunError
from featfuse.formats.base import Reader
from featfuse.formats.registry import FORMATS, STREAM, SUFFIXES, Format, find_format

__all__ = ["open_input"]

_HEAD = 4096
_TORCH_HINT = "Load it in PyTorch and save the tensors with safetensors.torch.save_file."


def open_input(path: str, *, stdin: BinaryIO | None = None) -> Reader:
    """Open an input, recognised by its first bytes and only then by its suffix; `-` is a .npy on stdin.

    Raises InputError, naming the file and what would help, when it is missing, unreadable or no tensor file.
    """
    if path == STREAM:
        return _open_stream(stdin if stdin is not None else sys.stdin.buffer)
    head = _read_head(path)
    _refuse_known(path, head)
    row = _recognise(head) or find_format(path)
    if row is None:
        raise InputError(f"{path}: not a tensor file that featfuse can read", hint=_readable())
    try:
        return row.load().open_reader(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be opened: {error.strerror or error}") from error


def _readable() -> str:
    return f"featfuse reads {', '.join(SUFFIXES)}."


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
            return file.read(_HEAD)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file", hint=_same_stem(path)) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise InputError(f"{path}: cannot be opened: {getattr(error, 'strerror', None) or error}") from error


def _same_stem(path: str) -> str:
    """A hint naming a file beside the missing one that differs in its suffix only."""
    try:
        beside = sorted(other.name for other in Path(path).parent.glob(f"{Path(path).stem}.*"))
    except (OSError, ValueError):
        return ""
    known = [name for name in beside if find_format(name)]
    return f"Did you mean {Path(path).with_name(known[0])}?" if known else ""


def _refuse_known(path: str, head: bytes) -> None:
    """Say what a file is that is often taken for a tensor file."""
    if not head:
        raise InputError(f"{path} is empty (0 bytes)", hint="Write or copy the file again.")
    if head.startswith(b"version https://git-lfs"):
        raise InputError(
            f"{path} is a git-LFS pointer, not the data", hint="Run `git lfs pull` to fetch the data."
        )
    if head[:1] == b"\x80" and head[1:2] in b"\2\3\4\5" and _recognise(head) is None:
        raise InputError(
            f"{path}: a pickle (as PyTorch's .pt and .pth are), which can run code when loaded",
            hint=_TORCH_HINT,
        )


def _recognise(head: bytes) -> Format | None:
    """The format that the first bytes of a file name."""
    if head.startswith(b"\x93NUMPY"):
        return FORMATS["npy"]
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return FORMATS["npz"]
    # HDF5 allows a preamble of 512, 1024, ... bytes (MATLAB writes one)
    if any(head.startswith(b"\x89HDF\r\n\x1a\n", start) for start in (0, 512, 1024, 2048)):
        return FORMATS["hdf5"]
    if head[8:9] == b"{" and head[5:8] == b"\0\0\0":  # a header length below 1 TiB, then JSON
        return FORMATS["safetensors"]
    return None


def _open_stream(stdin: BinaryIO) -> Reader:
    from featfuse.formats.npy import NpyReader

    if stdin.isatty():
        raise InputError("-: stdin is a terminal", hint="Pipe a .npy file into the command.")
    file = _whole_file(stdin) or _spool(stdin)
    try:
        _refuse_known(STREAM, os.pread(file.fileno(), _HEAD, 0))
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
