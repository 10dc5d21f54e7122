"""What the commands share beside the options of a fusion: inputs, and how the result is told."""

from typing import Annotated

import typer
from featfuse.errors import UsageError

from featfuse_cli.completion import complete_input
from featfuse_cli.text import MOST_USED

__all__ = [
    "DryRun",
    "Force",
    "Inputs",
    "Json",
    "Quiet",
    "Stats",
    "StatsMemory",
    "Sync",
    "check_report_options",
]

Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT...",
        help="PATH or PATH::KEY of a .npy, .npz, .h5 or .safetensors tensor; "
        "KEY may be a glob. - is a .npy on stdin.",
        show_default=False,
        autocompletion=complete_input,
    ),
]
Force = Annotated[
    bool, typer.Option("--force", "-f", help="Replace an existing output.", rich_help_panel=MOST_USED)
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Plan and report, write nothing.", rich_help_panel=MOST_USED)
]
Json = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print the report as JSON. Errors stay text on stderr, and stdout stays empty then.",
        rich_help_panel="Run",
    ),
]
Quiet = Annotated[
    int,
    typer.Option(
        "--quiet",
        "-q",
        count=True,
        help="Print no report. Warnings and errors stay, on stderr; -qq drops the warnings, too.",
        show_default=False,
        rich_help_panel="Run",
    ),
]
"""How often it was given."""
Sync = Annotated[
    bool,
    typer.Option(
        "--sync/--no-sync",
        help="Wait until the output has reached the disk (default). --no-sync is faster, but a power cut "
        "soon after may leave a damaged output.",
        show_default=False,
        rich_help_panel="Output",
    ),
]


Stats = Annotated[
    bool,
    typer.Option(
        "--stats",
        help="Read every tensor once: its least and greatest value, mean, deviation, and how many are "
        "NaN, inf and zero.",
        rich_help_panel="Run",
    ),
]
StatsMemory = Annotated[
    str | None,
    typer.Option(
        "--memory",
        metavar="SIZE",
        help="Working memory of --stats, like 512M. Default: 256M.",
        rich_help_panel="Run",
    ),
]


def check_report_options(*, as_json: bool, quiet: int) -> None:
    """`--json` asks for a report and `--quiet` for none."""
    if as_json and quiet:
        raise UsageError("--json and --quiet exclude each other", hint="Give one of them.")
