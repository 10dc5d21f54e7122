"""`fuse inspect INPUT...`: can these be fused, and how? Or: what is in this file?"""

from typing import TYPE_CHECKING

import typer
from featfuse.request.options import FusionOptions
from featfuse.request.table import OPTIONS

from featfuse_cli import load_numpy, start_collecting
from featfuse_cli.flags import with_fusion_options
from featfuse_cli.options import Inputs, Json, Quiet, Stats, StatsMemory, check_report_options

if TYPE_CHECKING:
    from featfuse.report.shape_report import ShapeReport

__all__ = ["inspect"]

MISFIT = 3

EPILOG = """\
Examples:
Do these fit, and which commands would fuse them?
  fuse inspect a.npy b.npy
What is in a file, or in some of its layers?
  fuse inspect checkpoint.safetensors
  fuse inspect 'feats.h5::block3/*'
What do the tensors hold?
  fuse inspect feats.h5 --stats
"""


@with_fusion_options
def inspect(
    inputs: Inputs,
    options: FusionOptions,
    stats: Stats = False,
    as_json: Json = False,
    quiet: Quiet = 0,
    memory: StatsMemory = None,
) -> None:
    """Show the shapes, what would happen to every axis, and the commands that would fuse them.

    Reads headers only. Exit code 0: the inputs add as they are (as NumPy
    broadcasts) or, with --method, --combine or another reconciling option,
    that pipeline works. Exit code 3: they do not.

    One INPUT without any option of a fusion is listed instead: every tensor of
    the file, or those that a glob takes. Exit code 0.
    """
    check_report_options(as_json=as_json, quiet=quiet)

    load_numpy()
    from featfuse.fusion import inspect_inputs
    from featfuse.report.shape_report import ShapeReport

    from featfuse_cli.progress import ProgressBar

    if stats or options or len(inputs) > 1:  # a list of headers makes no garbage, and they can be very many
        start_collecting()
    with ProgressBar(wanted=not quiet) as bar:
        report = inspect_inputs(inputs, options, stats=stats, memory=memory, progress=bar.update)
    if isinstance(report, ShapeReport):
        _tell(report, options, as_json=as_json, quiet=quiet)
    elif not quiet:
        from featfuse_cli.contents import print_contents

        print_contents(report, as_json=as_json)


def _tell(report: "ShapeReport", options: FusionOptions, *, as_json: bool, quiet: int) -> None:
    """Print the report; exit code 3 when the inputs do not fit."""
    from featfuse_cli.render import print_report

    print_report(report, as_json=as_json, quiet=quiet)
    asked = any(OPTIONS[name].reconciles for name in options)  # does it work, not: do they add as they are?
    fits = report.problem is None if asked else report.compatibility in ("identical", "broadcast")
    if not fits:
        raise typer.Exit(MISFIT)
