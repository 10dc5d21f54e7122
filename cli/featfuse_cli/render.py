"""The shape-diff report on a terminal, in a pipe, and as JSON."""

import sys
from collections.abc import Sequence
from typing import TextIO

from featfuse.report import AxisRow, ShapeReport, cell_text, size_text
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from featfuse_cli.text import visible

__all__ = ["console_for", "plain_table", "print_report", "report_table", "shorten"]

PIPE_WIDTH = 80
SHORTEST_NAME = 12
GAP = 3  # between two columns: a space, the divider, a space


def console_for(stream: TextIO) -> Console:
    """A Rich console that prints our text as it is: no markup, no emoji codes, no guessed colours.

    On a terminal it is as wide as that; in a pipe it is 80 columns.
    """
    width = None if stream.isatty() else PIPE_WIDTH
    return Console(file=stream, width=width, markup=False, emoji=False, highlight=False)


def print_report(
    report: ShapeReport, *, as_json: bool = False, to_stderr: bool = False, note: str = ""
) -> None:
    """Print the report as a table or, with `as_json`, as one object; `note` is the table's last line."""
    stream = sys.stderr if to_stderr else sys.stdout
    if as_json:
        stream.write(report.to_json() + "\n")
        return
    console = console_for(stream)
    head = report.head_lines()
    _print_lines(console, head, style="bold")
    if report.axes:
        if head:
            console.print()
        console.print(report_table(report, console.width))
        console.print()
    for line in report.foot_lines():
        _print_lines(console, [line], style=_foot_style(report, line))
    if note:
        _print_lines(console, [note], style="yellow")


def _foot_style(report: ShapeReport, line: str) -> str:
    if line == report.problem:
        return "red"
    return "yellow" if line.startswith("warning: ") else ""


def _print_lines(console: Console, lines: Sequence[str], style: str = "") -> None:
    """Each line on one line however long it is: paths and commands stay fit to be pasted."""
    for line in lines:
        console.print(Text(visible(line, keep="\n"), style=style), soft_wrap=True)


def report_table(report: ShapeReport, width: int) -> Table:
    """One row per axis and one column per input while that fits `width`; else one row per both."""
    names = [visible(row.name) for row in report.inputs]
    lines = [_axis_cells(row) for row in report.axes]
    limit = _name_limit(names, lines, width)
    if limit is None:
        return _stacked_table(report, names)
    table = plain_table("axis", *(shorten(name, limit) for name in names), "output", wrap=False)
    for line in lines:
        table.add_row(*(Text(cell) for cell in line))
    return table


def plain_table(*headings: str, wrap: bool = True) -> Table:
    """An empty table in the style of all our tables: a rule below the headings and no frame."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(Text(heading), no_wrap=not wrap, overflow="fold")
    return table


def _axis_cells(row: AxisRow) -> list[str]:
    cells = [cell_text(size, action) for size, action in zip(row.sizes, row.actions, strict=True)]
    return [f"{row.axis} {row.meaning}", *cells, size_text(row.output)]


def _name_limit(names: Sequence[str], lines: Sequence[Sequence[str]], width: int) -> int | None:
    """To how many characters names must be cut for the table to fit `width`; None when that is too few."""
    columns = [max(cell_len(cell) for cell in column) for column in zip(*lines, strict=True)]
    first, *inner, last = columns
    room = width - max(first, len("axis")) - max(last, len("output")) - GAP * (len(columns) - 1)
    longest = max(map(cell_len, names))
    for limit in range(longest, min(longest, SHORTEST_NAME) - 1, -1):
        if (
            sum(max(cells, min(cell_len(name), limit)) for cells, name in zip(inner, names, strict=True))
            <= room
        ):
            return limit
    return None


def _stacked_table(report: ShapeReport, names: Sequence[str]) -> Table:
    """One row per axis and input; inputs that all agree on an axis share a row."""
    table = plain_table("axis", "input", "size", "action", "output")
    for row in report.axes:
        parts = list(zip(names, row.sizes, row.actions, strict=True))
        if len(parts) > 1 and len({part[1:] for part in parts}) == 1:
            parts = [(f"all {len(parts)} inputs", *parts[0][1:])]
        heading, output = f"{row.axis} {row.meaning}", size_text(row.output)
        for name, size, action in parts:
            cells = (heading, shorten(name, 36), size_text(size), action, output)
            table.add_row(*(Text(cell) for cell in cells))
            heading = output = ""
        table.add_section()
    return table


def shorten(name: str, width: int) -> str:
    """`name` in at most `width` cells, cut in the middle: both its folder and its end stay in sight."""
    if cell_len(name) <= width:
        return name
    for kept in range(min(width, len(name)) - 1, 0, -1):
        tail = kept * 2 // 3
        short = f"{name[: kept - tail]}…{name[len(name) - tail :]}"
        if cell_len(short) <= width:
            return short
    return "…"
