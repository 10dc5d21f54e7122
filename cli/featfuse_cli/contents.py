"""What is in a file, on a terminal, in a pipe, and as JSON."""

import shutil
import sys
from collections.abc import Sequence
from typing import TextIO

import typer
from featfuse.engine.statistics import Statistics
from featfuse.report.contents import Contents
from featfuse.report.shape_table import GAP
from featfuse.text import cell_len, side_by_side

from featfuse_cli.text import fitting, fitting_json, takes_colours

__all__ = ["print_contents"]


def print_contents(contents: Contents, *, as_json: bool = False) -> None:
    """Print a row for each tensor and how many they are or, with `as_json`, one object.

    In a pipe every tensor is one line, however long. On a terminal that is too narrow for the table, a
    tensor's name has a line of its own, and what is known of it stands below. (No Rich here: it would take
    minutes for the keys of a large checkpoint.)
    """
    stream = sys.stdout
    if as_json:
        stream.write(fitting_json(contents.to_json(), stream) + "\n")
        return
    stream.write("".join(f"{line}\n" for line in _lines(contents, stream)))


def _lines(contents: Contents, stream: TextIO) -> list[str]:
    show = fitting(stream)
    total = show(contents.total_line)
    if not contents:
        return [total]
    columns = [[show(cell) for cell in column] for column in contents.columns()]
    heading, *rows = side_by_side(columns, GAP)
    if stream.isatty() and cell_len(heading) > shutil.get_terminal_size().columns:
        return [*_stacked(columns), "", total]
    bold = takes_colours(stream)
    rule = show("─") * cell_len(heading)
    rows = [row.rstrip() for row in rows]
    return [typer.style(heading, bold=True) if bold else heading.rstrip(), rule, *rows, "", total]


def _stacked(columns: Sequence[Sequence[str]]) -> list[str]:
    """A few lines for each tensor: its name, what its header says, and its statistics, each named."""
    (_, *headings), *rows = zip(*columns, strict=True)
    lines = []
    for name, *facts in rows:
        known = [(heading, fact) for heading, fact in zip(headings, facts, strict=True) if fact]
        stats = [f"{heading} {fact}" for heading, fact in known if heading in Statistics._fields]
        plain = [fact for heading, fact in known if heading not in Statistics._fields]
        lines += [name, f"  {', '.join(plain)}", *([f"  {', '.join(stats)}"] if stats else [])]
    return lines
