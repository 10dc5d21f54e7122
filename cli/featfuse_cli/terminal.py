"""What we print through Rich: reports on a terminal, and the tables that may have to break lines."""

from collections.abc import Iterable
from typing import TextIO

from featfuse.report.shape_report import ShapeReport
from featfuse.report.shape_table import PLAIN_WIDTH, ReportTable, report_table
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from featfuse_cli.text import fitting, is_ascii

__all__ = ["console_for", "plain_table", "print_with_rich"]


_ASCII_HEAD = box.Box(str(box.SIMPLE_HEAD).replace("─", "-"), ascii=True)


def console_for(stream: TextIO) -> Console:
    """A Rich console that prints our text as it is: no markup, no emoji codes, no guessed colours.

    On a terminal it is as wide as that; in a pipe it is 80 columns.
    """
    width = None if stream.isatty() else PLAIN_WIDTH
    return Console(file=stream, width=width, markup=False, emoji=False, highlight=False)


def print_with_rich(report: ShapeReport, stream: TextIO, note: str) -> None:
    """The report with its problem and its warnings in colour, as wide as the terminal."""
    console, show = console_for(stream), fitting(stream)
    head = report.head_lines()
    _print_lines(console, map(show, head), style="bold")
    if report.axes:
        if head:
            console.print()
        console.print(_rich_table(report_table(report, console.width, show), console))
        console.print()
    for line in report.foot_lines():
        _print_lines(console, [show(line)], style=_foot_style(report, line))
    if note:
        _print_lines(console, [note], style="yellow")


def _foot_style(report: ShapeReport, line: str) -> str:
    if report.problem and line in report.problem.split("\n"):
        return "red"
    return "yellow" if line.startswith("warning: ") else ""


def _print_lines(console: Console, lines: Iterable[str], style: str = "") -> None:
    """Each line on one line however long it is: paths and commands stay fit to be pasted."""
    for line in lines:
        console.print(Text(line, style=style), soft_wrap=True)


def _rich_table(cells: ReportTable, console: Console) -> Table:
    table = plain_table(console, *cells.headings, wrap=not cells.fits)
    for section in cells.sections:
        for row in section:
            table.add_row(*(Text(cell) for cell in row))
        table.add_section()
    return table


def plain_table(console: Console, *headings: str, wrap: bool = True) -> Table:
    """An empty table in the style of all our tables: a rule below the headings and no frame."""
    rule = _ASCII_HEAD if is_ascii(console.file) else box.SIMPLE_HEAD
    table = Table(box=rule, show_edge=False, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(Text(heading), no_wrap=not wrap, overflow="fold")
    return table
