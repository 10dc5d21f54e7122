"""A child process that asks the HDF5 library first, so that a crash in it is the file's fault, not our end.

The library parses what strangers wrote, in C. Once `enable` was called, every question about the metadata
of a file (open it, list it, find a key) is put to a forked child before it is put to the library here, and
so is every read that the library itself decodes. A child that dies of it makes an InputError that names
the file; the next question gets a new child.

Only a process without other threads is forked: the command line enables this, the library alone never does.
Reads come from threads, but the child is there by then: the file was opened through it. Should something
else have ended that child (a lack of memory, most likely), the read is refused: what ended one process
could end this one, and nothing is known about the data.

A question has a deadline by the clock, for a library may wait as well as compute. Whatever interrupts the
one who waits for the answer ends the child, and a child does not outlive its parent.
"""

import ctypes
import marshal
import math
import os
import resource
import select
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from typing import Any, NamedTuple, NoReturn

from featfuse.errors import InputError, RunError
from featfuse.wording import phrase

__all__ = ["enable", "new_token", "release", "try_in_child"]

_CRASHES = {
    getattr(signal, name)
    for name in ("SIGSEGV", "SIGBUS", "SIGABRT", "SIGFPE", "SIGILL", "SIGALRM")
    if hasattr(signal, name)
}
_SECONDS = 30
_BYTES_A_SECOND = 1 << 20  # of the file: larger ones may take the library longer
_PR_SET_PDEATHSIG = 1  # of prctl(2)

new_token = count().__next__
"""A number for each open file, so that the child can keep the latest one open too."""

Opener = Callable[[str], Any]

_LENGTH_BYTES = 8
_PART_BYTES = 1 << 20

_MOST_OPEN = 16
"""Files that the child keeps open, the latest ones: the windows of a run go round its inputs."""


class _Child(NamedTuple):
    pid: int
    questions: int
    answers: int


class _State:
    enabled = False
    child: _Child | None = None
    loss: InputError | None = None
    """What ended the last child, while there is no new one: other threads must not go on without."""
    lock = threading.Lock()


def enable() -> None:
    """Use a child process from now on, in this process (not in those it forks)."""
    _State.enabled = hasattr(os, "fork")


def try_in_child(
    opener: Opener, token: int, path: str, method: str, *arguments: Any, name: str | None = None
) -> bytes:
    """Let the child call `method` of the reader that `opener(path)` makes; "" only opens it.

    What it returns, if that is bytes; nothing where it failed, or where there is no child. Raises InputError,
    about `name`, when the child dies of that. Errors are no news here: they come again in this process. The
    arguments are what `marshal` carries: no slices.
    """
    if not _State.enabled:
        return b""
    with _State.lock:
        return _ask(opener, (token, path, method, arguments), name or path)


def release(opener: Opener, token: int, path: str) -> None:
    """Let the child close the file, which it may hold locked."""
    if _State.child is not None:
        with suppress(InputError):
            try_in_child(opener, token, path, "close")


def _ask(opener: Opener, question: tuple[int, str, str, tuple[Any, ...]], name: str) -> bytes:
    for _ in range(2):  # a child that something else has ended is replaced, once
        child = _State.child = _State.child or _start(opener)
        if child is None:
            break
        _State.loss = None
        answer = _answer(child, question)
        if answer is not None:
            return answer
        _State.child = None
        number = _bury(child)
        if number:
            _State.loss = _loss(name, number)
        if number in _CRASHES:
            break
    if _State.loss is not None:
        raise _State.loss
    return b""


def _answer(child: _Child, question: tuple[int, str, str, tuple[Any, ...]]) -> bytes | None:
    """What the child answers; None when it ends before that.

    One that does not answer in time is ended with SIGALRM. One whose answer is no longer awaited is ended,
    and forgotten.
    """
    patience = iter(range(math.ceil(_seconds(question[1]))))
    try:
        with suppress(BrokenPipeError):
            os.write(child.questions, marshal.dumps(question))
            length = _read(child, _LENGTH_BYTES, patience)
            return None if length is None else _read(child, int.from_bytes(length, "little"), patience)
    except BaseException:  # Ctrl-C
        _State.child = None
        _bury(child, end=True)
        raise
    return None


def _read(child: _Child, count: int, patience: Iterator[int]) -> bytes | None:
    """The next `count` bytes of an answer; None when the child ends before them, or is ended."""
    parts = bytearray()
    while len(parts) < count:
        if not _is_ready(child, patience):
            return None
        part = os.read(child.answers, min(count - len(parts), _PART_BYTES))
        if not part:
            return None
        parts += part
    return bytes(parts)


def _is_ready(child: _Child, patience: Iterator[int]) -> bool:
    """Wait for the child, second by second: those in which we are stopped do not count."""
    poll = select.poll()
    poll.register(child.answers, select.POLLIN)
    while not poll.poll(1000):
        if next(patience, None) is None:
            os.kill(child.pid, signal.SIGALRM)
            return False
    return True


def _send(answers: int, answer: bytes) -> None:
    rest = memoryview(len(answer).to_bytes(_LENGTH_BYTES, "little") + answer)
    while rest:
        rest = rest[os.write(answers, rest) :]


def _seconds(path: str) -> float:
    """How long a question about a file may take."""
    size = 0
    with suppress(OSError, ValueError):
        size = os.stat(path).st_size  # noqa: PTH116 (a pathlib.Path cannot hold every string)
    return _SECONDS + size / _BYTES_A_SECOND


def _loss(name: str, number: int) -> InputError:
    """The error for a child that signal `number` ended."""
    word = signal.Signals(number).name
    if number not in _CRASHES:
        return InputError(
            f"{name}: the process that reads it on trial was killed ({word})",
            hint=phrase("Perhaps for lack of memory: a smaller {memory} or fewer {threads} need less."),
        )
    what = "never came to an end" if number == signal.SIGALRM else "crashed"
    return InputError(
        f"{name}: the HDF5 library {what} on it ({word})", hint="The file is damaged, or was made to do harm."
    )


def _start(opener: Opener) -> _Child | None:
    """A new child, None where a fork would not be safe."""
    if threading.active_count() > 1:
        return None
    try:
        theirs, questions = os.pipe()
        answers, ours = os.pipe()
        with warnings.catch_warnings():
            # Python 3.12 counts the threads of libraries too, which hold none of our locks
            warnings.simplefilter("ignore")
            parent, pid = os.getpid(), os.fork()
    except OSError as error:
        raise RunError(
            f"no process can be started to try HDF5 files in: {error.strerror}",
            hint="Raise the limits of this process: `ulimit -u`, `ulimit -n`, `ulimit -v`.",
        ) from error
    if not pid:
        os.close(questions)
        os.close(answers)
        _serve(opener, theirs, ours, parent)
    os.close(theirs)
    os.close(ours)
    return _Child(pid, questions, answers)


def _bury(child: _Child, *, end: bool = False) -> int:
    """Forget a child that has ended, or that shall: the signal that ended it, or 0."""
    if end:
        os.kill(child.pid, signal.SIGKILL)
    os.close(child.questions)
    os.close(child.answers)
    status = os.waitpid(child.pid, 0)[1]
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def _die_with(parent: int) -> None:
    """Let the system end this process when its parent ends, where the system can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def _serve(opener: Opener, questions: int, answers: int, parent: int) -> NoReturn:
    """The child's life: answer until the parent has gone. It never returns into the caller's frames."""
    try:
        _State.enabled = False
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        _die_with(parent)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        readers: dict[int, Any] = {}
        with open(questions, "rb", buffering=0) as stream:
            while True:
                token, path, method, arguments = marshal.load(stream)
                result: object = None
                with suppress(Exception):  # a lack of memory, too, is met again by the parent
                    signal.setitimer(signal.ITIMER_REAL, 2 * _seconds(path))  # should the parent be gone
                    reader = readers.pop(token, None)
                    if method == "close":
                        if reader is not None:
                            reader.close()
                    else:
                        readers[token] = reader = reader or opener(path)
                        if len(readers) > _MOST_OPEN:
                            readers.pop(next(iter(readers))).close()
                        if method:
                            result = getattr(reader, method)(*arguments)
                signal.setitimer(signal.ITIMER_REAL, 0)
                _send(answers, result if isinstance(result, bytes) else b"")
    finally:
        os._exit(0)  # whatever happened: no buffers flushed twice, no handlers of the parent run
