"""The command line of featfuse: `fuse`, and the same under the name `featfuse`."""

import errno
import gc
import os
import sys

__all__ = ["INTERRUPTED", "is_shortage", "load_numpy", "main", "start_collecting"]

INTERRUPTED = 130

_SHORTAGE = b"""error: not enough memory to run
The address space is limited (ulimit -v), or the memory of this container or machine is used up.
"""
_BEARERS = (ImportError, OSError, RuntimeError, SystemError)
_SIGNS = (
    "failed to map segment",
    "cannot allocate memory",
    "unable to allocate",
    "can't start new thread",
    "without setting an exception",
)


def main() -> None:
    """The entry point: read the arguments, run the command, end the process.

    Where memory is used up even for saying so, the words are here and no function of ours is called.
    """
    try:
        _main()
    except MemoryError:
        try:
            os.write(2, _SHORTAGE)
        finally:
            os._exit(1)


def _main() -> None:
    try:
        _end_on_signals()
        _fill_closed_streams()
        for stream in (sys.stdout, sys.stderr):
            # a file name that is not valid UTF-8, or a terminal that cannot show `×`, must not end a run
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        # modules are no garbage, yet loading them makes Python look for some again and again; the command
        # calls `start_collecting` when it has what it needs
        gc.disable()
        from featfuse.process import sandbox
        from featfuse.process.blas import hold_to_one_thread

        hold_to_one_thread()
        sandbox.enable()

        from featfuse_cli.app import app

        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        if not is_shortage(error):
            raise  # a bug keeps its traceback
        raise MemoryError from None


def is_shortage(error: BaseException | None) -> bool:
    """Whether want of memory caused an error; a library that cannot be loaded says so in words alone."""
    while error is not None:
        text = str(error).lower()
        if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
            return True
        if isinstance(error, _BEARERS) and any(sign in text for sign in _SIGNS):
            return True
        error = error.__cause__ or error.__context__
    return False


def _end_on_signals() -> None:
    """SIGTERM and SIGHUP unwind like Ctrl-C, so that nothing half-written stays.

    A signal may come while Python runs a callback of the garbage collector or of a weak reference. What is
    raised there is only printed, and the program goes on: then it is raised again a little later.
    """
    import signal

    def terminated(number: int, _frame: object) -> None:
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, terminated)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:  # not under nohup
        signal.signal(signal.SIGHUP, terminated)

    def unheard(ignored: "sys.UnraisableHookArgs") -> None:
        error = ignored.exc_value
        if not isinstance(error, SystemExit | KeyboardInterrupt):
            sys.__unraisablehook__(ignored)
            return

        def again(_number: int, _frame: object) -> None:
            raise error

        signal.signal(signal.SIGALRM, again)
        signal.setitimer(signal.ITIMER_REAL, 0.01)

    if hasattr(signal, "setitimer"):
        sys.unraisablehook = unheard


def _fill_closed_streams() -> None:
    """Put something that fails where a standard stream is closed (`>&-`).

    The next file to be opened would get its number otherwise, and all that is printed. The null device,
    opened the wrong way round, refuses what is asked of it, so that lost output is told.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            wrong_way = os.O_RDONLY if name == "stdout" else os.O_RDWR
            fd = os.open(os.devnull, wrong_way)
            if fd != number:
                os.dup2(fd, number)
                os.close(fd)
            stream = open(number, "r" if name == "stdin" else "w", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)  # held to the end, like those that Python opens


def load_numpy() -> None:
    """Load NumPy here, where the stack is shallow.

    Python 3.11 maps memory for its frames 16 KB at a time, and returns it at once: a call across the end of
    such a piece costs two system calls and the faults of fresh pages. Where the imports that lead to NumPy
    end just there, each of the thousands of calls within its own pays it: 30 ms of a start of 300 were seen.
    """
    import numpy  # noqa: F401


def start_collecting() -> None:
    """Let Python collect garbage again; what is loaded by now is none."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
