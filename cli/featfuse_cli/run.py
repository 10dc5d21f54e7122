"""`fuse INPUT...`, the main command: reconcile, combine, write, report."""

import sys
from typing import Annotated

import typer
from featfuse.errors import UsageError
from featfuse.request.options import FusionOptions

from featfuse_cli import load_numpy, start_collecting
from featfuse_cli.flags import with_fusion_options
from featfuse_cli.options import DryRun, Force, Inputs, Json, Quiet, Sync, check_report_options
from featfuse_cli.text import MOST_USED

__all__ = ["run"]

EPILOG = """\
Examples:
Resize the smaller map, repeat its 16 channels to 32, add:
  fuse a.npy b.npy --method bilinear --channels tile
Pad the smaller map on every side by reflecting its border, add:
  fuse a.npy b.npy --method pad --pad-mode reflect -o padded.npy
Join along the channels:
  fuse a.npy b.h5::feat/l3 --combine concat -o joined.safetensors

Exit codes:
0 done, 1 the run failed, 2 wrong usage, 3 the shapes cannot be fused as
asked, 4 an input cannot be read, 130 interrupted
"""

Out = Annotated[
    str | None,
    typer.Option(
        "--out",
        "-o",
        metavar="PATH",
        help="Where to write: PATH or PATH::KEY, the format by its suffix, - for a .npy on stdout. "
        "Default: fused plus the first input's suffix, here.",
        rich_help_panel=MOST_USED,
    ),
]
Sidecar = Annotated[
    bool,
    typer.Option(
        "--sidecar",
        help="Also write PATH.json: the inputs and every option as resolved.",
        rich_help_panel="Output",
    ),
]
SaveKernel = Annotated[
    str | None,
    typer.Option(
        "--save-kernel",
        metavar="PATH",
        help="Keep the untrained kernel of --reduce conv1x1 --out-channels.",
        rich_help_panel="Output",
    ),
]
Memory = Annotated[
    str,
    typer.Option(
        "--memory",
        metavar="SIZE",
        help="Working memory, like 512M. Default: 256M.",
        show_default=False,
        rich_help_panel="Run",
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads", metavar="N", min=1, help="Default: every core there is.", rich_help_panel="Run"
    ),
]


@with_fusion_options
def run(
    inputs: Inputs,
    options: FusionOptions,
    out: Out = None,
    force: Force = False,
    sync: Sync = True,
    dry_run: DryRun = False,
    sidecar: Sidecar = False,
    save_kernel: SaveKernel = None,
    as_json: Json = False,
    quiet: Quiet = 0,
    memory: Memory = "256M",
    threads: Threads = None,
) -> None:
    """Fuse feature maps: reconcile their shapes, combine them, write the result, show the report.

    The name run may be left out: fuse a.npy b.npy --method bilinear.
    """
    check_report_options(as_json=as_json, quiet=quiet)
    if out == "-":
        _check_stream(dry_run=dry_run, sidecar=sidecar)

    load_numpy()
    from featfuse.fusion import default_output, fuse_to_file
    from featfuse.io.job import Delivery
    from featfuse.process.heap import keep_freed_blocks
    from featfuse.process.limits import Limits, parse_memory

    from featfuse_cli.progress import ProgressBar
    from featfuse_cli.render import print_report

    start_collecting()
    keep_freed_blocks()
    target = default_output(inputs) if out is None else out
    with ProgressBar(wanted=not quiet) as bar:
        delivery = Delivery(target, force, sync, dry_run, sidecar, save_kernel)
        limits = Limits(parse_memory(memory), threads, bar.update)
        report = fuse_to_file(inputs, options, delivery, limits)
    note = "dry run: nothing was written" if dry_run else ""
    print_report(report, as_json=as_json, to_stderr=target == "-", note=note, quiet=quiet)


def _check_stream(*, dry_run: bool, sidecar: bool) -> None:
    """`--out -` needs a reader that is no terminal, and has no place for a second file."""
    if not dry_run and sys.stdout.isatty():
        raise UsageError(
            "--out - would write binary data to the terminal",
            hint="Send it into a file or a pipe, or name a file.",
        )
    if sidecar:
        raise UsageError("--sidecar needs a file to stand beside", hint="Name one with --out.")
