"""The shape-diff's table: in cells, before anything decides how it looks, and as plain text."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from featfuse.report.shape_report import AxisRow, ShapeReport, cell_text, size_text
from featfuse.text import CUT, aligned, cell_len, shorten

__all__ = ["GAP", "PLAIN_WIDTH", "ReportTable", "plain_lines", "report_table"]

PLAIN_WIDTH = 80
"""Columns of what is no terminal."""

SHORTEST_NAME = 12
GAP = 3  # between two columns: a space, the divider, a space


class ReportTable(NamedTuple):
    """Rows of cells in sections; one that `fits` needs no line broken."""

    headings: tuple[str, ...]
    sections: Sequence[Sequence[tuple[str, ...]]]
    fits: bool


def report_table(report: ShapeReport, width: int, show: Callable[[str], str]) -> ReportTable:
    """One row per axis and one column per input while that fits `width`; else one row per both.

    `show` makes a text fit for the stream.
    """
    names = [show(row.name) for row in report.inputs]
    lines = [_axis_cells(row, show) for row in report.axes]
    limit = _name_limit(names, lines, width)
    if limit is None:
        return _stacked(report, names, show)
    shown = (shorten(name, limit, show(CUT)) for name in names)
    return ReportTable(("axis", *shown, "output"), [lines], fits=True)


def _axis_cells(row: AxisRow, show: Callable[[str], str]) -> tuple[str, ...]:
    cells = [show(cell_text(size, action)) for size, action in zip(row.sizes, row.actions, strict=True)]
    return (f"{row.axis} {row.meaning}", *cells, size_text(row.output))


def _name_limit(names: Sequence[str], lines: Sequence[Sequence[str]], width: int) -> int | None:
    """To how many characters names must be cut for the table to fit `width`; None when that is too few."""
    columns = [max(cell_len(cell) for cell in column) for column in zip(*lines, strict=True)]
    first, *inner, last = columns
    room = width - max(first, len("axis")) - max(last, len("output")) - GAP * (len(columns) - 1)
    lengths = [cell_len(name) for name in names]
    longest = max(lengths)
    for limit in range(min(longest, max(room, 0)), min(longest, SHORTEST_NAME) - 1, -1):
        if sum(max(cells, min(length, limit)) for cells, length in zip(inner, lengths, strict=True)) <= room:
            return limit
    return None


def _stacked(report: ShapeReport, names: Sequence[str], show: Callable[[str], str]) -> ReportTable:
    """One row per axis and input; inputs that all agree on an axis share a row."""
    sections = []
    for row in report.axes:
        parts = list(zip(names, row.sizes, row.actions, strict=True))
        if len(parts) > 1 and len({part[1:] for part in parts}) == 1:
            parts = [(f"all {len(parts)} inputs", *parts[0][1:])]
        heading, output = f"{row.axis} {row.meaning}", size_text(row.output)
        section = []
        for name, size, action in parts:
            cells = (shorten(name, 36, show(CUT)), size_text(size), show(action))
            section.append((heading, *cells, output))
            heading = output = ""
        sections.append(section)
    return ReportTable(("axis", "input", "size", "action", "output"), sections, fits=False)


def plain_lines(
    report: ShapeReport, table: ReportTable | None, show: Callable[[str], str], note: str = ""
) -> list[str]:
    """The report as text without colour. Each line stays one line however long it is: paths and commands
    stay fit to be pasted."""
    head = report.head_lines()
    body = [] if table is None else [*([""] if head else []), *_table_lines(table, show), ""]
    foot = [*report.foot_lines(), *([note] if note else [])]
    return [show(line) for line in (*head, *body, *foot)]


def _table_lines(table: ReportTable, show: Callable[[str], str]) -> list[str]:
    """The headings, a rule, the rows: nothing is broken."""
    lines = aligned([table.headings, *(row for section in table.sections for row in section)], GAP)
    return [lines[0], show("─") * cell_len(lines[0]), *lines[1:]]
