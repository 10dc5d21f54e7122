"""The Typer app: the commands, and the rule that a first word which names none of them is an input."""

import difflib
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer
from featfuse.errors import UsageError
from typer.core import TyperGroup

from featfuse_cli.commands import MAIN, Commands
from featfuse_cli.errors import boundary, placed

__all__ = ["app"]


class MainCommandGroup(TyperGroup):
    """A group in which `fuse a.npy b.npy` means `fuse run a.npy b.npy`.

    The first word decides: a command's name or one of the group's own options goes the usual way,
    anything else belongs to the main command. A file that bears a command's name is `./inspect`.
    (Typer's contexts and parameters are `Any` here: their classes are private to Typer.)
    """

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**{**attributes, "commands": Commands()})

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the main command's name in front when the first word is none of ours."""
        if not args and not ctx.resilient_parsing:
            typer.echo(ctx.get_help())
            raise typer.Exit(UsageError.exit_code)
        if args and args[0] not in self.commands and args[0].partition("=")[0] not in self._own_options(ctx):
            if not ctx.resilient_parsing:
                self._refuse_misspelt_command(ctx, args[0])
            args = [MAIN, *args]
        with placed(ctx):
            return super().parse_args(ctx, args)

    def make_context(self, *words: Any, **settings: Any) -> Any:
        """Read our own options inside the error boundary."""
        with boundary():
            return super().make_context(*words, **settings)
        raise typer.Exit  # whoever read the help has left

    def invoke(self, ctx: Any) -> Any:
        """Run the command inside the error boundary."""
        with boundary():
            return super().invoke(ctx)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """See `help_page`, which nothing but help needs."""
        from featfuse_cli.help_page import write_page

        write_page(self, ctx, formatter)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """In first position: the commands and the files, or our options and the main command's."""
        main = self.commands[MAIN]
        with main.make_context(MAIN, [], parent=ctx, resilient_parsing=True) as main_ctx:
            if "::" in incomplete:
                (inputs,) = (param for param in main.params if param.param_type_name == "argument")
                return list(inputs.shell_complete(main_ctx, incomplete))
            items = super().shell_complete(ctx, incomplete)
            known = {item.value for item in items}
            items += [item for item in main.shell_complete(main_ctx, incomplete) if item.value not in known]
        if items and not incomplete.startswith("-"):
            # a list that is not empty keeps the shell from offering files itself
            items += [type(items[0])(name) for name in _files(incomplete)]
        return items

    def _own_options(self, ctx: Any) -> set[str]:
        return {name for param in self.get_params(ctx) for name in (*param.opts, *param.secondary_opts)}

    def _refuse_misspelt_command(self, ctx: Any, word: str) -> None:
        """`fuse inspct a.npy` is a slip of the finger, not a file called inspct."""
        near = difflib.get_close_matches(word, self.commands, n=1, cutoff=0.75)
        if near and not word.startswith("-") and not Path(word).exists():
            raise UsageError(
                f"no command and no file is called {word!r}",
                hint=f"Did you mean {ctx.command_path} {near[0]}?",
            )


def _files(incomplete: str) -> list[str]:
    """Files and folders here that begin with `incomplete`, those whose names need no quoting."""
    names = (
        entry.name + "/" if entry.is_dir() else entry.name
        for entry in Path().iterdir()
        if entry.name.startswith(incomplete or "") and (incomplete or not entry.name.startswith("."))
    )
    return sorted(name for name in names if shlex.quote(name) == name)


def _print_version(wanted: bool) -> None:
    if wanted:
        from featfuse.version import __version__

        typer.echo(f"featfuse {__version__}")
        raise typer.Exit


EPILOG = """\
Example:
  fuse a.npy b.npy --method bilinear

That is short for fuse run a.npy b.npy --method bilinear. Its options: fuse help run. A file that bears a
command's name is given as ./inspect.
"""

app = typer.Typer(
    cls=MainCommandGroup,
    subcommand_metavar="INPUT... | COMMAND [ARGS]...",
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    # a bug shows Python's own traceback
    pretty_exceptions_enable=False,
    epilog=EPILOG,
)


@app.callback()
def fuse(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", "-V", help="Show the version and exit.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Fuse feature maps whose shapes do not match.

    Reads .npy, .npz, .h5 and .safetensors, plans on the shapes alone, shows
    what happens to every axis, and streams the data in bounded memory.
    """
