"""The one place where an error becomes a block of text on stderr and an exit code."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from featfuse.errors import FeatfuseError, UsageError
from featfuse.storage.written import forget_written, last_written

from featfuse_cli import INTERRUPTED, is_shortage
from featfuse_cli.text import fitting, say, takes_colours

__all__ = ["boundary", "error_text", "placed"]

_OF_THE_PROCESS = {
    errno.EMFILE: "This process may open no more: raise `ulimit -n`.",
    errno.ENFILE: "The whole machine may open no more.",
}
"""System errors that are no file's fault, and what would mend them."""


def error_text(error: FeatfuseError) -> str:
    """What is wrong, what would mend it, and the commands to paste, each on a line of its own."""
    return "error: " + "\n".join(map(fitting(sys.stderr), error.lines))


def _usage_text(error: typer.TyperException) -> str:
    """What Typer found wrong, told like all else."""
    from featfuse_cli.usage_errors import in_our_words

    return error_text(in_our_words(error))


@contextmanager
def placed(ctx: Any) -> Iterator[None]:
    """Let what Typer finds wrong tell in which command; it leaves that out of some errors."""
    try:
        yield
    except typer.TyperException as error:
        if getattr(error, "ctx", None) is None:
            error.ctx = ctx  # type: ignore[attr-defined]
        raise


@contextmanager
def boundary() -> Iterator[None]:
    """Turn what a user can cause into a message and an exit code; let a bug keep its traceback."""
    forget_written()
    try:
        yield
        sys.stdout.flush()  # so that a closed pipe shows here, not when the interpreter ends
    except FeatfuseError as error:
        if not isinstance(error.__cause__, BrokenPipeError):  # whoever read our output has left: no news
            _print_error(error_text(error))
        raise typer.Exit(error.exit_code) from None
    except typer.TyperException as error:
        _print_error(_usage_text(error))
        raise typer.Exit(UsageError.exit_code) from None
    except BrokenPipeError:  # whoever read our output has left, which is no failure: `fuse inspect | head`
        _silence_stdout()
    except OSError as error:
        if is_shortage(error):
            raise
        if error.errno in _OF_THE_PROCESS:
            _print_error(f"error: {error.strerror}\n{_OF_THE_PROCESS[error.errno]}")
        else:
            _silence_stdout()
            _print_error(f"error: {error.filename or 'standard output'}: {error.strerror}")
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        _print_error(f"interrupted: {_written()}")
        raise typer.Exit(INTERRUPTED) from None
    except MemoryError as error:
        if not str(error):  # Python's own: there may be none for words either
            raise
        _print_error(f"error: not enough memory: {error}\nA smaller --memory or fewer --threads need less.")
        raise typer.Exit(1) from None


def _silence_stdout() -> None:
    """Nothing can be printed any more, not by the interpreter's last flush either."""
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115


def _written() -> str:
    """What an interrupted run leaves: Ctrl-C may come when the output stands, and the report does not."""
    name = last_written()
    return "nothing was written" if name is None else f"{fitting(sys.stderr)(name)} was written, and is whole"


def _print_error(text: str) -> None:
    """`text` on stderr, its first word in red on a terminal."""
    if takes_colours(sys.stderr):
        word, colon, rest = text.partition(":")
        text = typer.style(word + colon, fg=typer.colors.RED, bold=True) + rest
    try:
        sys.stdout.flush()
    except OSError:  # the error at hand is the one to tell
        _silence_stdout()
    say(text)
