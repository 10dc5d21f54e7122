"""A batch as a command to paste into a shell, or as a call of featfuse.batch for Python."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from featfuse.batches.run import BatchOptions
from featfuse.report.suggest import command_line, keywords, python_call
from featfuse.wording import flag, is_for_python, worded

__all__ = ["batch_command"]


def batch_command(patterns: Sequence[str], options: BatchOptions, fusion: Mapping[str, object]) -> str:
    """`fuse batch` with these patterns, and with every option that is not as it is anyway."""
    usual = asdict(BatchOptions())
    given = {name: value for name, value in asdict(options).items() if value != usual[name]}
    if is_for_python():
        return python_call("batch", patterns, {**given, **keywords(fusion)})
    words = ["fuse batch", *map(shlex.quote, patterns)]
    for name, value in given.items():
        if isinstance(value, bool):
            words.append(worded(name, value))
        else:
            several = value if isinstance(value, tuple) else (value,)
            words += [f"{flag(name)} {shlex.quote(str(each))}" for each in several]
    return " ".join(words) + command_line([], fusion).removeprefix("fuse")
