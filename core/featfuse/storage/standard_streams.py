"""Standard input as a source, standard output as an output: `-` on the command line."""

import io
import os
import shutil
import stat
import sys
from typing import BinaryIO

from featfuse.errors import InputError, RunError
from featfuse.storage.byte_output import OutputFile, ScratchSpace
from featfuse.storage.faults import write_faults
from featfuse.storage.local import LocalOutput, LocalScratch, LocalSource, find_state

__all__ = ["STREAM", "StreamFile", "open_stdin"]

STREAM = "-"
"""The path that means stdin or stdout."""


def open_stdin(stdin: BinaryIO | None = None) -> LocalSource:
    """Standard input: read in place when it is a file that nobody has read from, else copied first."""
    stream = stdin if stdin is not None else sys.stdin.buffer
    if stream.isatty():
        raise InputError("-: stdin is a terminal", hint="Pipe a .npy file into the command.")
    file = _whole_file(stream) or _spool(stream)
    return LocalSource(file, STREAM, state=find_state(file.fileno()))


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


class StreamFile(LocalOutput, OutputFile):
    """An output that goes to a stream such as stdout: kept in an anonymous file until `commit`."""

    name = STREAM

    def __init__(self, stream: BinaryIO | None = None) -> None:
        import tempfile

        self._stream = stream if stream is not None else sys.stdout.buffer
        with write_faults(STREAM):
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 (closed by commit or abort)
        self._fd = self._file.fileno()

    def copy_existing(self) -> None:
        raise NotImplementedError("a stream has nothing yet")

    def local_path(self) -> str:
        raise NotImplementedError("a stream has no path")

    def scratch(self) -> ScratchSpace:
        return LocalScratch(STREAM)

    def commit(self) -> int:
        """Copy everything to the stream; the number of bytes."""
        try:
            with write_faults(STREAM):
                self._file.seek(0)
                shutil.copyfileobj(self._file, self._stream, 1 << 20)
                self._stream.flush()
                return self._file.tell()
        finally:
            self._file.close()

    def abort(self) -> None:
        """Forget everything; nothing has reached the stream."""
        self._file.close()
