"""Pairing: which inputs and masks belong together, by the fields of patterns and the names in folders."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from featfuse.batches.items import Item, Pairing, bad_value, real_path
from featfuse.batches.manifest import output_key
from featfuse.batches.partners import Partners, Table
from featfuse.batches.patterns import FOLDER_FIELD, Fields, Pattern, parse_pattern
from featfuse.errors import InputError, UsageError
from featfuse.formats.headers import natural_key
from featfuse.formats.registry import SUFFIXES, find_format, unknown_suffix
from featfuse.io.address import Address
from featfuse.io.selection import is_glob
from featfuse.wording import either, phrase, worded

__all__ = ["Earlier", "Unmatched", "output_root", "pair"]


@dataclass(frozen=True, slots=True)
class Earlier:
    """What earlier runs left word of, by `output_key`: the outputs they `made`, and those that `failed`, each
    with its item's first input."""

    made: Collection[str] = ()
    failed: Sequence[tuple[str, Address]] = ()


class Unmatched(InputError):
    """Nothing of `others[lost]` belongs to any item. `sources` are what `first` found, an item each."""

    def __init__(
        self, first: Pattern, sources: Sequence[Address], others: Sequence[Partners], lost: int
    ) -> None:
        other, count = others[lost], len(sources)
        items = f"any of the {count} items" if count > 1 else "the one item"
        super().__init__(f"{other.pattern.text}: no {other.what} for {items} of {first.text}")
        self.first = first
        self.sources = sources
        self.others = others
        self.lost = lost


def pair(
    patterns: Sequence[str],
    masks: str | None,
    out: str,
    chosen: Callable[[str], bool],
    earlier: Earlier,
    *,
    allow_missing: bool = False,
) -> Pairing:
    """Items by the field values found in the first pattern; later ones are filled in or looked up.

    `masks` is a pattern, too, and gives each item its own mask. `chosen` tells which items are wanted, by
    name. What earlier runs made is no input where this batch would make it again, though it lies where inputs
    are looked for. Raises Unmatched where no item finds a partner, unless that is allowed.
    """
    first, others = _parse(patterns)
    target = _parse_output(out, first)
    found = list(first.find())
    own = _own_outputs((_output(target, it.fields, it.source) for it in found), earlier.made)
    table = Table(first, found, own)
    if not table.matches:
        raise _nothing_matches(first)
    partners = [Partners(other, own) for other in others]
    if masks is not None:
        partners.append(Partners(parse_pattern(masks), own, "mask"))
    names = [name for name in sorted(table.matches, key=natural_key) if chosen(name)]
    if not names:
        raise InputError(
            f"{first.text}: {phrase('{include} and {exclude}')} leave nothing of {len(table.matches)} items",
            hint=f"They are held against names like {min(table.matches, key=natural_key)}.",
        )
    items = tuple(_item(name, table, partners, target) for name in names)
    if not allow_missing and all(item.missing for item in items):
        _check_some_match(first, table, partners)
    return Pairing(items, target.root, tuple(_gone(first, target, table, earlier.failed)))


def output_root(patterns: Sequence[str], out: str) -> Path:
    """The folder above the first field of --out."""
    return _parse_output(out, _parse(patterns)[0]).root


def _parse(patterns: Sequence[str]) -> tuple[Pattern, list[Pattern]]:
    if not patterns:
        way = either(
            "fuse batch stage2/ stage3/ --out fused/", 'featfuse.batch("stage2/", "stage3/", out="fused/")'
        )
        raise UsageError("batch needs a pattern", hint=way)
    first, *others = [parse_pattern(text) for text in patterns]
    for other in others:
        unknown = [name for name in other.names if name not in first.names]
        if unknown:
            raise UsageError(
                f"{other.text}: field {{{unknown[0]}}} is not in {first.text}",
                hint=f"Fields there: {', '.join('{' + name + '}' for name in first.names)}. "
                f"A folder has the field {{{FOLDER_FIELD}}}.",
            )
    return first, others


def _parse_output(out: str, first: Pattern) -> Pattern:
    """--out: a pattern over the first pattern's fields, or a folder."""
    path, key = Address.parse(out)
    pattern = Pattern(out, path, key)
    if not pattern.names:
        if key is not None or find_format(path) is not None:
            raise UsageError(
                f"{worded('out', out)}: all items would be written to the same place",
                hint="Put a field into it, like 'fused/{id}.npy' or 'fused.h5::{id}'.",
            )
        inner = "/".join(f"{{{name}}}" for name in first.names)
        return Pattern(out, f"{path.rstrip('/')}/{inner}", None, folder=True)
    unknown = [name for name in pattern.names if name not in first.names]
    if unknown:
        raise UsageError(
            f"{worded('out', out)}: field {{{unknown[0]}}} is not in {first.text}",
            hint=f"Fields there: {', '.join('{' + name + '}' for name in first.names)}.",
        )
    row = find_format(path)
    if row is None:
        raise unknown_suffix(worded("out", out), f"Use one of {', '.join(SUFFIXES)}.")
    if key is not None and not row.container:
        raise UsageError(
            f"{worded('out', out)}: a {row.name} file has no keys", hint=f"Write '{path}', or a .h5."
        )
    return pattern


def _nothing_matches(first: Pattern) -> InputError:
    if is_glob(first.path):
        hint = "A pattern has fields or wildcards, not both: write a field, like {run}, for each wildcard."
        return InputError(f"{first.text}: nothing matches", hint=hint)
    way = either("Look at the path, or quote the pattern.", "Look at the path.")
    return InputError(f"{first.text}: nothing matches", hint=way)


def _own_outputs(outputs: Iterable[Address], made: Iterable[str]) -> Collection[str]:
    """The real paths of files that this batch makes and that an earlier run of it did make."""
    known = {real_path(Address.parse(name).path) for name in made}
    return known & {real_path(output.path) for output in outputs} if known else ()


def _output(target: Pattern, fields: Fields, source: Address) -> Address:
    out = target.fill(fields)
    if not target.folder:
        return out
    suffix = Path(source.path).suffix.lower()
    return Address(out.path + (suffix if suffix in SUFFIXES else ".npy"))


def _gone(
    first: Pattern, target: Pattern, table: Table, failed: Iterable[tuple[str, Address]]
) -> Iterable[str]:
    """Of the outputs that failed, those of items which this batch had once and has no more.

    A file was removed or has another suffix now; a container that could not be read can.
    """
    outputs: set[str] = set()
    for key, source in failed:
        fields = first.read(source)
        if fields is None or output_key(str(_output(target, fields, source))) != key:
            continue  # of another batch that has the same manifest
        outputs = outputs or {
            output_key(str(_output(target, it.fields, it.source))) for it in table.matches.values()
        }
        if key not in outputs:
            yield key


def _check_some_match(first: Pattern, table: Table, partners: Sequence[Partners]) -> None:
    """Raises Unmatched when a pattern has nothing for any item at all, chosen or not."""
    for place, each in enumerate(partners):
        if all(each.find(name, match).missing for name, match in table.matches.items()):
            raise Unmatched(first, table.sources, partners, place)


def _item(name: str, table: Table, partners: Sequence[Partners], target: Pattern) -> Item:
    match = table.matches[name]
    inputs, own, missing = [match.source], {}, False
    problems = [match.problem, table.several(name)]
    if match.problem is None:
        problems += [bad_value(field, value) for field, value in match.fields.items()]
        for each in partners:
            source, problem, gone = each.find(name, match)
            if each.option is not None:
                own[each.option] = str(source)
            else:
                inputs.append(source)
            problems.append(problem)
            missing = missing or gone
    problem = next((text for text in problems if text), None)
    out = _output(target, match.fields, match.source)
    return Item(name, tuple(inputs), out, match.fields, problem, missing, own=own)
