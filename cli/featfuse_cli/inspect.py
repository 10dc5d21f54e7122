"""`fuse inspect INPUT...`: can these be fused, and how? Reads headers only."""

import typer
from featfuse.request.options import FusionOptions
from featfuse.request.table import OPTIONS

from featfuse_cli import load_numpy, start_collecting
from featfuse_cli.flags import with_fusion_options
from featfuse_cli.options import Inputs, Json, Quiet, check_report_options

__all__ = ["inspect"]

MISFIT = 3


@with_fusion_options
def inspect(inputs: Inputs, options: FusionOptions, as_json: Json = False, quiet: Quiet = 0) -> None:
    """Show the shapes, what would happen to every axis, and the commands that would fuse them.

    Reads headers only. Exit code 0: the inputs add as they are (as NumPy
    broadcasts) or, with --method, --combine or another reconciling option,
    that pipeline works. Exit code 3: they do not.
    """
    check_report_options(as_json=as_json, quiet=quiet)

    load_numpy()
    from featfuse.fusion import inspect_inputs

    from featfuse_cli.render import print_report

    start_collecting()
    report = inspect_inputs(inputs, options)
    print_report(report, as_json=as_json, quiet=quiet)
    asked = any(OPTIONS[name].reconciles for name in options)  # does it work, not: do they add as they are?
    fits = report.problem is None if asked else report.compatibility in ("identical", "broadcast")
    if not fits:
        raise typer.Exit(MISFIT)
