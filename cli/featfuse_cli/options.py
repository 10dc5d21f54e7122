"""What the commands share beside the options of a fusion: inputs, and how the result is told."""

from typing import Annotated

import typer
from featfuse.errors import UsageError

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
    ),
]
Force = Annotated[
    bool, typer.Option("--force", "-f", help="Replace an existing output.", rich_help_panel="Output")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Plan and report, write nothing.", rich_help_panel="Output")
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
    bool, typer.Option("--quiet", "-q", help="Print no report, errors only.", rich_help_panel="Run")
]
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


def check_report_options(*, as_json: bool, quiet: bool) -> None:
    """`--json` asks for a report and `--quiet` for none."""
    if as_json and quiet:
        raise UsageError("--json and --quiet exclude each other", hint="Give one of them.")
