"""A batch as a command to paste into a shell."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from featfuse.batches.run import BatchOptions
from featfuse.report.suggest import command_line
from featfuse.request.parsing import flag, switch

__all__ = ["batch_command"]


def batch_command(patterns: Sequence[str], options: BatchOptions, fusion: Mapping[str, object]) -> str:
    """`fuse batch` with these patterns, and with every option that is not as it is anyway."""
    words = ["fuse batch", *map(shlex.quote, patterns)]
    usual = asdict(BatchOptions())
    for name, value in asdict(options).items():
        if value == usual[name]:
            continue
        if isinstance(value, bool):
            words.append(switch(name, on=value))
        else:
            several = value if isinstance(value, tuple) else (value,)
            words += [f"{flag(name)} {shlex.quote(str(each))}" for each in several]
    return " ".join(words) + command_line([], fusion).removeprefix("fuse")
