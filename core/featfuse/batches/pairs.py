"""--pairs: items from a CSV or from JSON lines."""

import csv
import io
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from featfuse.batches.items import Item, Pairing, bad_value, wanted
from featfuse.errors import InputError
from featfuse.io.address import Address
from featfuse.wording import worded

__all__ = ["read_pairs"]


class Row(NamedTuple):
    """The inputs of an item, its output, and its own mask, or nothing."""

    inputs: list[str]
    out: str
    mask: str = ""


def read_pairs(source: str, root: str, include: Sequence[str], exclude: Sequence[str]) -> Pairing:
    """Items from a CSV or from JSON lines; `-` is standard input. Outputs are relative to `root`.

    A CSV has a header with a column `out`, perhaps `mask`, and all other columns are inputs; JSON lines are
    objects with `inputs`, a list, `out`, and perhaps `mask`.
    """
    text = _read(source).removeprefix("\ufeff")  # spreadsheets begin a CSV with a byte order mark
    rows = _json_rows(text, source) if text.lstrip().startswith("{") else _csv_rows(text, source)
    items = []
    count = 0
    for row in rows:
        count += 1
        item_id = row.out or f"row {count}"
        if wanted(item_id, include, exclude):
            items.append(_item(item_id, row, root))
    if not items:
        left = (
            f"{worded('include')} and {worded('exclude')} leave nothing of {count} items"
            if count
            else "no items in it"
        )
        raise InputError(f"{worded('pairs', source)}: {left}")
    return Pairing(tuple(items), Path(root))


def _read(source: str) -> str:
    try:
        return sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{worded('pairs', source)}: no such file") from None
    except (OSError, ValueError) as error:  # ValueError: not UTF-8
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{worded('pairs', source)}: cannot be read: {reason}") from None


def _item(item_id: str, row: Row, root: str) -> Item:
    sources = tuple(Address.parse(name) for name in row.inputs)
    if not row.inputs or not row.out:
        return Item(item_id, sources, Address(""), {}, "no inputs or no out in this row")
    masks = [Address.parse(row.mask)] if row.mask not in ("", "auto") else []
    absent = [str(source) for source in (*sources, *masks) if not Path(source.path).exists()]
    parts = row.out.partition("::")[0].split("/")
    problem = bad_value("out", "/".join(part for part in parts if part != "."))
    if absent:
        problem = f"no such file: {', '.join(absent)}"
    own = {"mask": row.mask} if row.mask else {}
    return Item(item_id, sources, Address.parse(str(Path(root) / row.out)), {}, problem, bool(absent), own)


def _csv_rows(text: str, source: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        head = [name.strip() for name in next(reader, [])]
        if head.count("out") != 1 or head.count("mask") > 1 or {*head} <= {"out", "mask"}:
            raise InputError(
                f"{worded('pairs', source)}: the first line must name the columns, one of them out",
                hint="Like: a,b,out",
            )
        for row in reader:
            if not any(row):
                continue
            if len(row) != len(head):
                raise InputError(
                    f"{worded('pairs', source)}: line {reader.line_num} has {len(row)} columns, "
                    f"not {len(head)}",
                    hint="Quote a name that holds a comma.",
                )
            cells = list(zip(head, row, strict=True))
            named = dict(cells)
            inputs = [cell for name, cell in cells if cell and name not in ("out", "mask")]
            yield Row(inputs, named["out"], named.get("mask", ""))
    except csv.Error as error:
        raise InputError(f"{worded('pairs', source)}: line {reader.line_num} is no CSV: {error}") from None


def _json_rows(text: str, source: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield _json_row(line, f"{worded('pairs', source)}: line {number}")


def _json_row(line: str, place: str) -> Row:
    try:
        row = json.loads(line)
        inputs, out, mask = row["inputs"], row["out"], row.get("mask") or ""
    except (ValueError, TypeError, KeyError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise InputError(f"{place} is not an item: {reason}", hint=_JSON_HINT) from None
    if not isinstance(inputs, list) or not all(isinstance(it, str) for it in (*inputs, out, mask)):
        raise InputError(f"{place}: inputs must be a list of texts, out and mask a text", hint=_JSON_HINT)
    return Row(inputs, out, mask)


_JSON_HINT = 'Like: {"inputs": ["a.npy", "b.npy"], "out": "c.npy"}'
