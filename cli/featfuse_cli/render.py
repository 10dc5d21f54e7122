"""The shape-diff report on a terminal, in a pipe, and as JSON."""

import os
import sys
from typing import TextIO

from featfuse.report.shape_report import ShapeReport
from featfuse.report.shape_table import PLAIN_WIDTH, plain_lines, report_table

__all__ = ["print_report"]


def print_report(
    report: ShapeReport, *, as_json: bool = False, to_stderr: bool = False, note: str = ""
) -> None:
    """Print the report as a table or, with `as_json`, as one object; `note` is the table's last line."""
    stream = sys.stderr if to_stderr else sys.stdout
    if as_json:
        stream.write(report.to_json() + "\n")
        return
    table = report_table(report, PLAIN_WIDTH) if report.axes else None
    if _is_plain(stream) and (table is None or table.fits):
        stream.write("".join(line + "\n" for line in plain_lines(report, table, note)))
        return
    from featfuse_cli.terminal import print_with_rich

    print_with_rich(report, stream, note)


def _is_plain(stream: TextIO) -> bool:
    """A pipe or a file that takes no colours: Rich, which loads as long as a small fusion takes, would
    print the same there (a test compares)."""
    asked = any(name in os.environ for name in ("FORCE_COLOR", "TTY_COMPATIBLE"))
    return not stream.isatty() and not asked and (stream.encoding or "").lower().startswith("utf")
