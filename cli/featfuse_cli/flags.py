"""The options of a fusion as flags: each row of the library's OPTIONS becomes one, in its order.

`None` means "not given", so that the library alone decides what a default is and whether an option is used.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, cast

import typer
from featfuse.process.address_space import may_load_numpy
from featfuse.request.kinds import SWITCH
from featfuse.request.option import Option
from featfuse.request.options import FusionOptions
from featfuse.request.table import OPTIONS
from featfuse.wording import worded

from featfuse_cli.completion import complete_input
from featfuse_cli.text import MOST_USED

__all__ = ["completer", "with_fusion_options"]


def completer(row: Option) -> Callable[[str], list[tuple[str, str]]]:
    """What completes a value of an option: each word with its meaning."""

    def complete(incomplete: str) -> list[tuple[str, str]]:
        return [(word, text) for word, text in row.words.items() if word.startswith(incomplete)]

    return complete


def _completion(row: Option) -> Callable[[str], list[tuple[str, str]]] | None:
    """What completes an option; None leaves it to the shell, which offers files."""
    if row.choices or row.offers:
        return completer(row)
    return complete_input if row.kind.facts is not None else None


def _parameter(row: Option) -> inspect.Parameter:
    """A row as Typer reads it; a switch has a `--no-` twin."""
    long = f"{row.flag}/{worded(row.name, False)}" if row.kind is SWITCH else row.flag
    flag = typer.Option(
        *(long, *([row.short] if row.short else [])),
        help=row.help_text,
        metavar=row.metavar,
        rich_help_panel=MOST_USED if row.first else row.panel,
        autocompletion=_completion(row),
    )
    word: Any = row.kind.word
    return inspect.Parameter(
        row.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[word | None, flag]
    )


def with_fusion_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` every option of a fusion; it receives those given as one `options` mapping.

    Its parameter `options` is replaced, in its place, by one parameter per option.
    """
    flags = {row.name: _parameter(row) for row in OPTIONS.values()}
    own = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in inspect.signature(command).parameters.values()
    ]
    place = [parameter.name for parameter in own].index("options")

    @functools.wraps(command)
    def wrapped(**values: Any) -> None:
        if not may_load_numpy():
            raise MemoryError("no room in the address space for NumPy")
        given = {name: values.pop(name) for name in flags}
        options = {name: value for name, value in given.items() if value is not None and value != []}
        command(**values, options=cast(FusionOptions, options))

    parameters = [*own[:place], *flags.values(), *own[place + 1 :]]
    wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return wrapped
