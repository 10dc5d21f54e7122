"""What is in a file: a row for each tensor, with its statistics if these were asked for."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar, overload

from featfuse.engine.statistics import Statistics
from featfuse.text import human_bytes, json_text, printable, shape_text, shorten, side_by_side
from featfuse.version import __version__

__all__ = ["Contents", "TensorRow"]

LONGEST_NAME = 120
"""Characters of a name that a table shows; most keys are shorter, and some files have keys of 65,000."""

REPR_ROWS = 60

Value = TypeVar("Value")


class TensorRow(NamedTuple):
    """One tensor as the list shows it. `shape`, `dtype` and `bytes` are what its header says, if it does
    (None where not); `layout` is the file's own word.

    `unreadable` says why featfuse cannot compute with it (None when it can). `coordinates` are only there for
    an axis of other tensors, and taken by no glob. `stats` are there when they were asked for.
    """

    name: str
    path: str | None
    key: str | None
    format: str | None
    shape: tuple[int, ...] | None
    dtype: str | None
    layout: str | None = None
    layout_source: str | None = None
    bytes: int | None = None
    unreadable: str | None = None
    coordinates: bool = False
    stats: Statistics | None = None

    def to_dict(self) -> dict[str, object]:
        """The row as JSON says it; `stats` only where there are some."""
        fields = self._asdict()
        del fields["stats"]
        return fields if self.stats is None else {**fields, "stats": self.stats._asdict()}


class Contents(Sequence[TensorRow]):
    """The tensors of a file, in natural order: a sequence of rows, a table when printed, `to_json()`.

    `source` is the input they come from, None for several; `held` is how many things the file holds in all,
    None where only one of them was looked for.
    """

    def __init__(self, rows: Iterable[TensorRow], source: str | None = None, held: int | None = None) -> None:
        self.rows = tuple(rows)
        self.source = source
        self.held = held

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, place: int) -> TensorRow: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[TensorRow]: ...

    def __getitem__(self, place: int | slice) -> TensorRow | Sequence[TensorRow]:
        return self.rows[place]

    @property
    def bytes(self) -> int:
        """Bytes of all tensors together, uncompressed."""
        return sum(row.bytes or 0 for row in self.rows)

    def to_dict(self) -> dict[str, object]:
        """The object that `--json` prints (schema 1)."""
        return {**self._head(), "tensors": [row.to_dict() for row in self.rows]}

    def to_json(self) -> str:
        """One JSON object, a line for each tensor."""
        head = json_text(self._head()).removesuffix("\n}")
        lines = [json.dumps(row.to_dict(), ensure_ascii=False, allow_nan=False) for row in self.rows]
        rows = "\n    " + ",\n    ".join(lines) + "\n  " if lines else ""
        return printable(f'{head},\n  "tensors": [{rows}]\n}}')

    def _head(self) -> dict[str, object]:
        return {
            "schema": 1,
            "featfuse": __version__,
            "command": "inspect",
            "source": self.source,
            "held": self.held,
            "bytes": self.bytes,
        }

    def columns(self) -> list[list[str]]:
        """The table: each column with its heading, then a cell for each tensor. Those in which nothing stands
        are left out."""
        rows = self.rows
        keys = len({row.path for row in rows}) == 1 and all(row.key for row in rows)
        names = [shorten((row.key or "") if keys else row.name, LONGEST_NAME) for row in rows]
        columns = [
            ["key" if keys else "tensor", *names],
            ["shape", *_words([row.shape for row in rows], shape_text)],
            ["dtype", *_words([row.dtype for row in rows], str)],
            ["layout", *(row.layout or "" for row in rows)],
            ["bytes", *_words([row.bytes for row in rows], human_bytes)],
        ]
        if any(row.stats is not None for row in rows):
            for name in Statistics._fields:
                columns.append([name, *(_number(getattr(row.stats, name, None)) for row in rows)])
        columns.append(["note", *map(_note, rows)])
        return [column for column in columns if any(column[1:])]

    @property
    def total_line(self) -> str:
        """How many tensors there are, and their bytes."""
        count = len(self.rows)
        of = f" of {self.held}" if self.held is not None and self.held != count else ""
        unreadable = sum(row.unreadable is not None for row in self.rows)
        noted = f", {unreadable} unreadable" if unreadable else ""
        words = f"{count}{of} {'tensor' if count == 1 and not of else 'tensors'}{noted}"
        source = "" if self.source is None else f"{shorten(self.source, LONGEST_NAME)}  "
        return f"{source}{words}, {human_bytes(self.bytes)}"

    def __str__(self) -> str:
        return self._text(len(self.rows))

    def __repr__(self) -> str:
        return self._text(REPR_ROWS)

    def _text(self, most: int) -> str:
        if not self.rows:
            return self.total_line
        table = [line.rstrip() for line in side_by_side(Contents(self.rows[:most]).columns())]
        more = len(self.rows) - most
        cut = [f"... and {more:,} more, which print() shows"] if more > 0 else []
        return "\n".join([*table, *cut, "", self.total_line])


def _words(values: Sequence[Value | None], say: Callable[[Value], str]) -> list[str]:
    """Each value in words, "?" for one that is not known. There may be very many, of which few differ."""
    words = {value: "?" if value is None else say(value) for value in {*values}}
    return [words[value] for value in values]


def _number(value: float | None) -> str:
    """A statistic in a few digits; whole numbers as they are, while they are short."""
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) and abs(value) < 10**9 else f"{value:.4g}"


def _note(row: TensorRow) -> str:
    if row.unreadable is not None:
        return f"unreadable: {row.unreadable}"
    return "coordinates" if row.coordinates else ""
