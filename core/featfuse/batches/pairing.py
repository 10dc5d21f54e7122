"""Pairing: which inputs belong together, by the fields of patterns and the names in folders."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from featfuse.batches.container_keys import KnownKeys
from featfuse.batches.items import Item, Pairing, bad_value, real_path, wanted
from featfuse.batches.patterns import FOLDER_FIELD, Fields, Found, Pattern, parse_pattern
from featfuse.errors import InputError, UsageError
from featfuse.formats.headers import natural_key
from featfuse.formats.registry import SUFFIXES, find_format, unknown_suffix
from featfuse.io.address import Address
from featfuse.wording import either, phrase, worded

__all__ = ["output_root", "pair"]

_GLOB = frozenset("*?[")


def pair(
    patterns: Sequence[str],
    out: str,
    include: Sequence[str],
    exclude: Sequence[str],
    made: Iterable[str] = (),
) -> Pairing:
    """Items by the field values found in the first pattern; later ones are filled in or looked up.

    `made` are files that an earlier run of a batch made: where this batch would make them again, they
    are no inputs, though they lie where inputs are looked for.
    """
    first, others = _parse(patterns)
    target = _parse_output(out, first)
    found = list(first.find())
    own = _own_outputs(found, target, made)
    table = _Table(first, found, own)
    if not table.matches:
        raise InputError(f"{first.text}: nothing matches", hint="Look at the path, or quote the pattern.")
    partners = [_Partners(other, own) for other in others]
    ids = [name for name in sorted(table.matches, key=natural_key) if wanted(name, include, exclude)]
    if not ids:
        raise InputError(
            f"{first.text}: {phrase('{include} and {exclude}')} leave nothing of {len(table.matches)} items",
            hint=f"They are held against names like {min(table.matches, key=natural_key)}.",
        )
    return Pairing(tuple(_item(name, table, partners, target) for name in ids), target.root)


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


def _own_outputs(found: Iterable[Found], target: Pattern, made: Iterable[str]) -> Collection[str]:
    """The real paths of files that this batch makes and that an earlier run of it did make."""
    known = {real_path(Address.parse(name).path) for name in made}
    if not known:
        return ()
    return known & {real_path(_output(target, it.fields, it.source).path) for it in found}


def _output(target: Pattern, fields: Fields, source: Address) -> Address:
    out = target.fill(fields)
    if not target.folder:
        return out
    suffix = Path(source.path).suffix.lower()
    return Address(out.path + (suffix if suffix in SUFFIXES else ".npy"))


class _Table:
    """Matches of a pattern by id, and the ids that several files answer to."""

    def __init__(self, pattern: Pattern, found: Iterable[Found], own: Collection[str]) -> None:
        self.matches: dict[str, Found] = {}
        self.doubled: dict[str, list[Address]] = {}
        for match in found:
            if own and real_path(match.source.path) in own:
                continue
            name = "/".join(match.fields[name] for name in pattern.names)
            if name in self.matches:
                self.doubled.setdefault(name, [self.matches[name].source]).append(match.source)
            else:
                self.matches[name] = match

    def several(self, name: str) -> str | None:
        """The problem of two files for one stem."""
        twice = self.doubled.get(name)
        return f"several files for {name}: {', '.join(map(str, twice))}" if twice else None


class _Partners:
    """The second and further inputs of items, by one pattern."""

    def __init__(self, pattern: Pattern, own: Collection[str]) -> None:
        self._pattern = pattern
        self._table = _Table(pattern, pattern.find(), own) if pattern.folder else None
        self._keys = KnownKeys()

    def find(self, fields: Fields) -> tuple[Address, str | None, bool]:
        """The partner for these fields; what is wrong with it; whether it is missing."""
        partner = self._pattern.fill(fields)
        if self._table is not None:
            return self._look_up(fields, partner)
        path, key = partner
        if not Path(path).exists():
            return partner, f"no partner: {partner}", True
        if key is not None and key != self._pattern.key and not _GLOB & set(key):
            keys = self._keys.of(path)
            if keys is not None and not self._keys.holds(path, key):
                return partner, f"no partner: {path} has no {key}", True
        return partner, None, False

    def _look_up(self, fields: Fields, partner: Address) -> tuple[Address, str | None, bool]:
        assert self._table is not None
        name = fields[FOLDER_FIELD]
        match = self._table.matches.get(name)
        if match is None:
            return partner, f"no partner in {self._pattern.text}: {partner}.*", True
        return match.source, self._table.several(name), False


def _item(name: str, table: _Table, partners: Sequence[_Partners], target: Pattern) -> Item:
    match = table.matches[name]
    inputs, missing = [match.source], False
    problems = [match.problem, table.several(name)]
    if match.problem is None:
        problems += [bad_value(field, value) for field, value in match.fields.items()]
        for each in partners:
            partner, problem, gone = each.find(match.fields)
            inputs.append(partner)
            problems.append(problem)
            missing = missing or gone
    problem = next((text for text in problems if text), None)
    out = _output(target, match.fields, match.source)
    return Item(name, tuple(inputs), out, match.fields, problem, missing)
