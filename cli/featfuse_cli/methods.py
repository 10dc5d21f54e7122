"""`fuse methods [NAME]`: the library's tables, as a table or one method in full."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from featfuse.errors import UsageError
from featfuse.methods import ALIASES, METHODS, Method, find_method
from featfuse.methods.conventions import CONVENTIONS, Convention
from featfuse.request.combining import CHANNEL_MODES, COMBINES, REDUCES
from featfuse.request.defaults import conventions_of
from featfuse.request.option import Option
from featfuse.request.table import OPTIONS
from featfuse.wording import flag

from featfuse_cli.flags import completer

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["methods"]


def methods(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="One method in full.",
            show_default=False,
            autocompletion=completer(OPTIONS["method"]),
        ),
    ] = None,
) -> None:
    """List the methods, what each does to a size, and which frameworks it equals; or one in full."""
    row = None if name is None else _find(name)

    import sys

    from featfuse_cli.terminal import console_for

    console = console_for(sys.stdout)
    if row is None:
        _print_overview(console)
    else:
        _print_method(console, row)


def _find(name: str) -> Method:
    """The method called `name`; a name from another table is told where it belongs."""
    tables = {"combine": COMBINES, "reduce": REDUCES, "channels": CHANNEL_MODES, "convention": CONVENTIONS}
    for option, table in tables.items():
        if name in table and name not in METHODS:
            raise UsageError(f"{name!r} is not a method", hint=f"It is a choice of {flag(option)}.")
    return find_method(name)


def _print_overview(console: "Console") -> None:
    _print_table(
        console,
        "--method: how spatial sizes are reconciled (target: the size that --to auto takes)",
        ("method", "target", "equals"),
        [(row.name, row.target, row.equals) for row in METHODS.values()],
    )
    aliases = ", ".join(f"{alias} = {name}" for alias, name in ALIASES.items())
    console.print(f"also: {aliases}\n")
    for option, title in (
        ("combine", "how the reconciled inputs become one"),
        ("reduce", "what may follow"),
        ("channels", "what happens when channel counts differ"),
    ):
        _print_table(console, f"{flag(option)}: {title}", (option, "result"), OPTIONS[option].words.items())
        console.print()
    _print_table(
        console,
        "--convention: what a framework means by a method (without antialias / with it)",
        ("convention", "defaults"),
        [(row.name, _convention_line(row)) for row in CONVENTIONS.values()],
    )
    console.print("\nOne method in full: fuse methods NAME")


def _print_method(console: "Console", row: Method) -> None:
    aliases = [alias for alias, name in ALIASES.items() if name == row.name]
    facts = {
        "also called": ", ".join(aliases),
        "target": "the sizes stay"
        if row.target == "none"
        else f"{row.target}, unless --to or --like says otherwise",
        "equals": row.equals,
        "dtype": "floats keep theirs, integers become float32 (float64 for 64 bits)"
        if row.weighted
        else "kept",
    }
    console.print(f"{row.name}: {row.summary}\n")
    _print_table(console, "", ("", ""), [(label, text) for label, text in facts.items() if text])
    if not row.options:
        console.print("\nIt reads no options of its own.")
        return
    console.print()
    read = [OPTIONS[name] for name in row.options]
    lines = [(option.flag, _values(row, option), _default(row, option)) for option in read]
    _print_table(console, "options", ("option", "values", "default"), lines)
    columns = tuple(name for name in _CONVENTION_COLUMNS if _reads(row, name))
    if columns:
        console.print()
        cells = [(each.name, *_convention_cells(each, columns)) for each in CONVENTIONS.values()]
        _print_table(
            console, "defaults by --convention (without antialias / with it)", ("convention", *columns), cells
        )


def _values(row: Method, option: Option) -> str:
    """Of the conventions, those that have the method."""
    return ", ".join(conventions_of(row)) if option.name == "convention" else option.values_text


def _default(row: Method, option: Option) -> str:
    """A method's convention is its own."""
    return row.convention if option.name == "convention" else option.default_words


_BY_FIELD = {"area": "fractional_area", "powers": "lp_norm", "channel order": "shuffle"}
"""The columns of methods that go by one field of a convention."""

_CONVENTION_COLUMNS = (
    *("coords", "antialias", "edge", "cubic-a", "nearest coords", "nearest rounding"),
    *_BY_FIELD,
)


def _reads(row: Method, column: str) -> bool:
    """Whether what a convention says in `column` matters to this method."""
    if column in _BY_FIELD:
        return row.by_convention == _BY_FIELD[column]
    if column.startswith("nearest"):
        return "nearest_rounding" in row.options and not row.resizes_by
    return row.weighted and column.replace("-", "_") in row.options


def _convention_cells(row: Convention, columns: Sequence[str]) -> list[str]:
    """A convention's defaults; where antialias changes one, `without / with`."""

    def pair(without: object, with_antialias: object) -> str:
        return str(without) if without == with_antialias else f"{without} / {with_antialias}"

    cells = {
        "coords": row.coords,
        "antialias": "yes" if row.antialias else "no",
        "edge": pair(row.edge, row.edge_antialias),
        "cubic-a": pair(row.cubic_a, row.cubic_a_antialias),
        "nearest coords": row.nearest_coords,
        "nearest rounding": row.nearest_rounding,
        "area": "fractional" if row.fractional_area else "whole samples",
        "powers": row.lp_norm or "none",
        "channel order": row.shuffle or "none",
    }
    return [cells[column] for column in columns]


def _convention_line(row: Convention) -> str:
    cells = zip(_CONVENTION_COLUMNS, _convention_cells(row, _CONVENTION_COLUMNS), strict=True)
    return ", ".join(f"{column} {cell}" for column, cell in cells if cell != "none")


def _print_table(
    console: "Console", title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]
) -> None:
    from rich.text import Text

    from featfuse_cli.terminal import plain_table

    if title:
        console.print(Text(title, style="bold"))
    table = plain_table(console, *headings)
    table.show_header = any(headings)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)
