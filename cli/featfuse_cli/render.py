"""The shape-diff report on a terminal, in a pipe, and as JSON."""

import os
import sys
from typing import TextIO

from featfuse.report.shape_report import ShapeReport
from featfuse.report.shape_table import PLAIN_WIDTH, plain_lines, report_table

from featfuse_cli.text import fitting, fitting_json, say

__all__ = ["print_report"]


def print_report(
    report: ShapeReport, *, as_json: bool = False, to_stderr: bool = False, note: str = "", quiet: int = 0
) -> None:
    """Print the report as a table or, with `as_json`, as one object; `note` is the table's last line.

    When `quiet`, only its warnings are told, on stderr, and when more than that, nothing.
    """
    stream = sys.stderr if to_stderr else sys.stdout
    if quiet:
        for warning in report.warnings if quiet == 1 else ():
            say(fitting(sys.stderr)(f"warning: {warning}"))
        return
    if as_json:
        stream.write(fitting_json(report.to_json(), stream) + "\n")
        return
    show = fitting(stream)
    table = report_table(report, PLAIN_WIDTH, show) if report.axes else None
    if _is_plain(stream) and (table is None or table.fits):
        stream.write("".join(line + "\n" for line in plain_lines(report, table, show, note)))
        return
    from featfuse_cli.terminal import print_with_rich

    print_with_rich(report, stream, note)


def _is_plain(stream: TextIO) -> bool:
    """A pipe or a file that takes no colours: Rich, which loads as long as a small fusion takes, would
    print the same there (a test compares)."""
    asked = any(name in os.environ for name in ("FORCE_COLOR", "TTY_COMPATIBLE"))
    return not stream.isatty() and not asked
