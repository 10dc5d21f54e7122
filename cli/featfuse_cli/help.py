"""`fuse help [COMMAND]`: the page of --help."""

from typing import Annotated

import typer
from featfuse.errors import UsageError, did_you_mean
from featfuse.methods import METHODS

from featfuse_cli.commands import COMMANDS

__all__ = ["help"]


def help(
    ctx: typer.Context,
    command: Annotated[
        str | None,
        typer.Argument(
            metavar="[COMMAND]",
            help="The command whose options are wanted.",
            show_default=False,
            autocompletion=lambda incomplete: [name for name in COMMANDS if name.startswith(incomplete)],
        ),
    ] = None,
) -> None:
    """Show what there is, or how one command is used: the same as fuse COMMAND --help."""
    group = ctx.parent
    assert group is not None
    if command is None:
        typer.echo(group.get_help())
        return
    if command in METHODS:
        raise UsageError(
            f"{command} is a method, not a command",
            hint=f"{group.command_path} methods {command} tells of it.",
        )
    if command not in COMMANDS:
        raise UsageError(f"there is no command {command!r}", hint=did_you_mean(command, COMMANDS))
    found = group.command.commands[command]  # type: ignore[attr-defined]
    with found.make_context(command, [], parent=group, resilient_parsing=True) as own:
        typer.echo(own.get_help())
