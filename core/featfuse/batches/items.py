"""Items: which inputs belong together, and where each result goes. Problems are found before any work."""

import csv
import fnmatch
import io
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from featfuse.batches.patterns import FOLDER_FIELD, Fields, Pattern, parse_pattern
from featfuse.errors import InputError, RunError, UsageError
from featfuse.formats import split_input
from featfuse.formats.headers import natural_key
from featfuse.formats.registry import SUFFIXES

__all__ = ["Item", "Pairing", "check_outputs", "pair", "read_pairs"]


@dataclass(frozen=True, slots=True)
class Item:
    """One fusion of a batch. `problem` says why it cannot even be tried."""

    id: str
    inputs: tuple[str, ...]
    out: str
    fields: Fields = field(default_factory=dict)
    problem: str | None = None
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Pairing:
    """All items in natural order, and the folder that their outputs stay in."""

    items: tuple[Item, ...]
    root: Path


def pair(patterns: Sequence[str], out: str, include: Sequence[str], exclude: Sequence[str]) -> Pairing:
    """Items by the field values found in the first pattern; later ones are filled in or looked up."""
    if not patterns:
        raise UsageError("batch needs a pattern", hint="fuse batch stage2/ stage3/ --out fused/")
    first, *others = [parse_pattern(text) for text in patterns]
    for other in others:
        unknown = [name for name in other.names if name not in first.names]
        if unknown:
            raise UsageError(
                f"{other.text}: field {{{unknown[0]}}} is not in {first.text}",
                hint=f"Fields there: {', '.join('{' + name + '}' for name in first.names)}. "
                f"A folder has the field {{{FOLDER_FIELD}}}.",
            )
    target = _parse_output(out, first)
    found, doubled = _table(first)
    if not found:
        raise InputError(f"{first.text}: nothing matches", hint="Look at the path, or quote the pattern.")
    tables = [_table(other) if other.folder else None for other in others]
    items = []
    for fields_id in sorted(found, key=natural_key):
        if not _wanted(fields_id, include, exclude):
            continue
        fields, source = found[fields_id]
        items.append(
            _item(fields_id, fields, source, list(zip(others, tables, strict=True)), target, doubled)
        )
    if not items:
        raise InputError(f"{first.text}: --include and --exclude leave nothing of {len(found)} items")
    return Pairing(tuple(items), target.root)


_Table = tuple[dict[str, tuple[Fields, str]], dict[str, list[str]]]


def _table(pattern: Pattern) -> _Table:
    """Matches by id, and the ids that several files answer to."""
    found: dict[str, tuple[Fields, str]] = {}
    doubled: dict[str, list[str]] = {}
    for match in pattern.find():
        name = "/".join(match.fields[name] for name in pattern.names)
        if name in found:
            doubled.setdefault(name, [found[name][1]]).append(match.source)
        else:
            found[name] = (match.fields, match.source)
    return found, doubled


def _item(
    item_id: str,
    fields: Fields,
    source: str,
    others: Sequence[tuple[Pattern, _Table | None]],
    target: Pattern,
    doubled: Mapping[str, list[str]],
) -> Item:
    inputs, problem, missing = [source], None, False
    if item_id in doubled:
        problem = f"several files for {item_id}: {', '.join(doubled[item_id])}"
    for other, table in others:
        partner = other.fill(fields)
        if table is not None:
            found, twice = table
            name = "/".join(fields[field] for field in other.names)
            if name in twice:
                problem = f"several files for {name}: {', '.join(twice[name])}"
            elif name not in found:
                problem, missing = f"no partner in {other.text}: {partner}.*", True
            else:
                partner = found[name][1]
        elif not Path(split_input(partner)[0]).exists():
            problem, missing = f"no partner: {partner}", True
        inputs.append(partner)
    out = target.fill(fields)
    if target.folder:
        path, _ = split_input(source)
        out += Path(path).suffix.lower() if Path(path).suffix.lower() in SUFFIXES else ".npy"
    return Item(item_id, tuple(inputs), out, fields, problem or _bad_fields(fields), missing)


def _bad_fields(fields: Fields) -> str | None:
    """A value that would climb out of the output's folder."""
    for name, value in fields.items():
        parts = value.split("/")
        if ".." in parts or "." in parts or value.startswith("/") or "\0" in value:
            return f"field {{{name}}} = {value!r} is not a plain name"
    return None


def _parse_output(out: str, first: Pattern) -> Pattern:
    """--out: a pattern over the first pattern's fields, or a folder."""
    path, key = split_input(out)
    pattern = Pattern(out, path, key)
    if not pattern.names:
        if key is not None or Path(path).suffix.lower() in SUFFIXES:
            raise UsageError(
                f"--out {out}: all items would be written to the same place",
                hint="Put a field into it, like 'fused/{id}.npy' or 'fused.h5::{id}'.",
            )
        inner = "/".join(f"{{{name}}}" for name in first.names)
        return Pattern(out, f"{path.rstrip('/') or '/'}/{inner}", None, folder=True)
    unknown = [name for name in pattern.names if name not in first.names]
    if unknown:
        raise UsageError(f"--out {out}: field {{{unknown[0]}}} is not in {first.text}")
    if Path(path).suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"--out {out}: the suffix names no format", hint=f"Use one of {', '.join(SUFFIXES)}."
        )
    return pattern


def _wanted(item_id: str, include: Sequence[str], exclude: Sequence[str]) -> bool:
    kept = not include or any(fnmatch.fnmatchcase(item_id, glob) for glob in include)
    return kept and not any(fnmatch.fnmatchcase(item_id, glob) for glob in exclude)


def read_pairs(source: str, root: str, include: Sequence[str], exclude: Sequence[str]) -> Pairing:
    """Items from a CSV (a header with a column `out`; all other columns are inputs) or JSON lines
    (objects with `inputs`, a list, and `out`); `-` is standard input. Outputs are relative to `root`.
    """
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--pairs {source}: cannot be read: {error}") from None
    rows = _json_rows(text, source) if text.lstrip().startswith("{") else _csv_rows(text, source)
    items = []
    for number, (inputs, out) in enumerate(rows, start=1):
        item_id = out if out else f"row {number}"
        if not _wanted(item_id, include, exclude):
            continue
        absent = [name for name in inputs if name and not Path(split_input(name)[0]).exists()]
        problem = "no inputs or no out" if not inputs or not out else None
        if absent:
            problem = f"no such file: {', '.join(absent)}"
        escaped = _bad_fields({"out": split_input(out)[0]}) if out else None
        place = str(Path(root) / out) if out else root
        items.append(Item(item_id, tuple(inputs), place, {}, problem or escaped, bool(absent)))
    if not items:
        raise InputError(f"--pairs {source}: no items in it")
    return Pairing(tuple(items), Path(root))


def _csv_rows(text: str, source: str) -> Iterator[tuple[list[str], str]]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    if not reader.fieldnames or "out" not in reader.fieldnames or len(reader.fieldnames) < 2:
        raise InputError(
            f"--pairs {source}: the first line must name the columns, one of them out",
            hint="Like: a,b,out",
        )
    for row in reader:
        inputs = [row[name] for name in reader.fieldnames if name != "out" and row[name]]
        yield inputs, row["out"] or ""


def _json_rows(text: str, source: str) -> Iterator[tuple[list[str], str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            inputs, out = [str(name) for name in row["inputs"]], str(row["out"])
        except (ValueError, TypeError, KeyError) as error:
            raise InputError(
                f"--pairs {source}: line {number} is not an item: {error}",
                hint='Like: {"inputs": ["a.npy", "b.npy"], "out": "c.npy"}',
            ) from None
        yield inputs, out


def check_outputs(pairing: Pairing) -> Pairing:
    """Items whose output would leave the root are marked; two for one place, or an output that is an
    input, are an error of the whole batch."""
    root = os.path.realpath(pairing.root)
    inputs = {os.path.realpath(split_input(name)[0]) for item in pairing.items for name in item.inputs}
    taken: dict[str, str] = {}
    items = []
    for item in pairing.items:
        path, key = split_input(item.out)
        place = os.path.realpath(path)
        if place in inputs:
            raise UsageError(
                f"{item.id}: the output {path} is one of the inputs", hint="Inputs are never written to."
            )
        where = place if key is None else f"{place}::{key}"
        if item.problem is None and where in taken:
            raise UsageError(
                f"{taken[where]} and {item.id} would both be written to {item.out}",
                hint="Put every field that tells items apart into --out.",
            )
        taken[where] = item.id
        if item.problem is None and os.path.commonpath([root, place]) != root:
            item = _marked(item, f"the output {path} leaves {pairing.root}")  # noqa: PLW2901
        items.append(item)
    return Pairing(tuple(items), pairing.root)


def _marked(item: Item, problem: str) -> Item:
    return Item(item.id, item.inputs, item.out, item.fields, problem, item.missing)


def refuse_existing(items: Iterable[Item]) -> None:
    """Without --force or --resume, outputs that exist stop the batch before any work."""
    existing = [item.out for item in items if item.problem is None and Path(item.out).exists()]
    if existing:
        raise RunError(
            f"{len(existing)} outputs exist already, the first is {existing[0]}",
            hint="--resume does what is missing or changed, --force replaces them all.",
        )
