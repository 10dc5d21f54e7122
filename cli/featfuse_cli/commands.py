"""The commands by name, each loaded and built when it is asked for.

Typer inspects every parameter of a command when it builds it, and `run`, `inspect` and `batch` have
dozens: a call pays for the one it names. Only help and completion look at all of them.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand

from featfuse_cli.completion import complete_whole_words
from featfuse_cli.errors import placed

__all__ = ["COMMANDS", "MAIN", "Command", "Commands"]

MAIN = "run"

COMMANDS = (MAIN, "inspect", "batch", "methods", "help")
"""In the order of --help. The function `name` in the module `name` is the command; its docstring, and the
module's EPILOG if it has one, are its help."""


class Command(TyperCommand):
    """A command with our page for --help, whose errors know where they arose."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments."""
        with placed(ctx):
            return super().parse_args(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """See `help_page`."""
        from featfuse_cli.help_page import write_page

        write_page(self, ctx, formatter)


class Commands(Mapping[str, Any]):
    """Typer's commands by name. (They are `Any` here: their class is private to Typer.)"""

    def __init__(self) -> None:
        self._built: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._built:
            self._built[name] = _build(name)
        return self._built[name]

    def __contains__(self, name: object) -> bool:
        return name in COMMANDS

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


def _build(name: str) -> Any:
    """One command as Typer makes it; KeyError when there is none of this name."""
    if name not in COMMANDS:
        raise KeyError(name)
    module = import_module(f"featfuse_cli.{name}")
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command(name, cls=Command, epilog=getattr(module, "EPILOG", None))(getattr(module, name))
    command = typer.main.get_command(alone)
    for param in command.params:
        complete_whole_words(param)
    return command
