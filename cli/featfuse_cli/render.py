"""The shape-diff report on a terminal, in a pipe, and as JSON."""

import os
import sys
from collections.abc import Callable
from typing import TextIO

from featfuse.report.shape_report import ShapeReport
from featfuse.text import aligned
from rich.cells import cell_len

from featfuse_cli.table import GAP, ReportTable, report_table
from featfuse_cli.text import PIPE_WIDTH, fitting, fitting_json, say

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
    table = report_table(report, PIPE_WIDTH, show) if report.axes else None
    if _is_plain(stream) and (table is None or table.fits):
        stream.write(_plain_text(report, table, note, show))
        return
    from featfuse_cli.terminal import print_with_rich

    print_with_rich(report, stream, note)


def _is_plain(stream: TextIO) -> bool:
    """A pipe or a file that takes no colours: Rich, which loads as long as a small fusion takes, would
    print the same there (a test compares)."""
    asked = any(name in os.environ for name in ("FORCE_COLOR", "TTY_COMPATIBLE"))
    return not stream.isatty() and not asked


def _plain_text(report: ShapeReport, table: ReportTable | None, note: str, show: Callable[[str], str]) -> str:
    """Each line on one line however long it is: paths and commands stay fit to be pasted."""
    head = report.head_lines()
    body = [] if table is None else [*([""] if head else []), *_table_lines(table, show), ""]
    foot = [*report.foot_lines(), *([note] if note else [])]
    return "".join(show(line) + "\n" for line in (*head, *body, *foot))


def _table_lines(table: ReportTable, show: Callable[[str], str]) -> list[str]:
    """The headings, a rule, the rows: nothing needs to be broken."""
    rows = [table.headings, *(row for section in table.sections for row in section)]
    lines = aligned(rows, GAP, cell_len)
    return [lines[0], show("─") * cell_len(lines[0]), *lines[1:]]
