"""Proposals: patterns that would match where no name does, found by comparing names and tried on all of them.

`0001_rgb` and `0001_depth` share 0001: where most names are built like these two, `{id}_rgb` and `{id}_depth`
match. Everything takes time in proportion to the number of names.
"""

import heapq
import random
import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from typing import NamedTuple, TypeVar

_T = TypeVar("_T")

__all__ = ["Name", "Proposal", "Template", "propose"]

_WORD = re.compile(r"\d+|[^\W\d_]+|[\W_]")
_LOOKED_AT = 24
"""Names of each pattern that are compared with others."""
_SAMPLE = 500
"""Names on which a template is tried first."""
_TRIED = 12
"""Templates that are tried, those that most names speak for."""
_ENOUGH = 3
"""Names of which so many may show where words end that no separator parts."""
_NEIGHBOURS = 6
"""Names that are looked at for each."""
_MOST_SHARED = 1000
"""Names with a word in common of which the nearest are sought."""


class Name(NamedTuple):
    """A file or key: what stands before and behind the part that tells it from others, and that part."""

    head: str
    stem: str
    tail: str

    @property
    def text(self) -> str:
        return self.head + self.stem + self.tail


class Template(NamedTuple):
    """How names are built: the fixed `texts` of the stem, with a field between each two."""

    head: str
    texts: tuple[str, ...]
    tail: str

    @property
    def stem(self) -> str:
        """With the fields written out: `{id}_rgb`, `{part1}/{id}`."""
        count = len(self.texts) - 1
        fields = [f"{{part{number}}}" for number in range(1, count)] + ["{id}"]
        return self.texts[0] + "".join(map("".join, zip(fields, self.texts[1:], strict=True)))

    @property
    def text(self) -> str:
        """The whole pattern."""
        return self.head + self.stem + self.tail

    @property
    def is_plain(self) -> bool:
        """Whether fields can be told apart, and no brace is taken for one."""
        return all(self.texts[1:-1]) and not re.search("[{}]", "".join((self.head, *self.texts, self.tail)))

    def read(self, name: Name) -> tuple[str, ...] | None:
        """The values of the fields, None where the name is not built so."""
        if (name.head, name.tail) != (self.head, self.tail):
            return None
        match = _reader(self.texts).fullmatch(name.stem)
        return match and match.groups()

    def fill(self, values: Sequence[str]) -> str:
        """The whole name with these values."""
        inner = "".join(map("".join, zip(values, self.texts[1:], strict=True)))
        return self.head + self.texts[0] + inner + self.tail


class Proposal(NamedTuple):
    """The pattern of the first names, those of the others, and how many of the first names they match."""

    first: Template
    others: tuple[Template, ...]
    matched: int


@lru_cache(maxsize=64)
def _reader(texts: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("([^/]+)".join(map(re.escape, texts)))


def propose(
    first: Sequence[Name], others: Sequence[Sequence[Name]], lost: int, given: Sequence[str]
) -> Proposal | None:
    """Patterns that match most names of the shortest list, or None.

    Those of `others` at `lost` are the ones that nothing matches now. `given` are the patterns of the
    others as they are: of several that would match as many, the one most like it is taken.
    """
    indices = [_Index(names) for names in others]
    votes: Counter[Template] = Counter()
    sample = _spread(first, _SAMPLE)
    parts_of_words = min(len(first), len(others[lost])) >= _ENOUGH
    for name in _spread(sample, _LOOKED_AT):
        for other in indices[lost].near(name.stem):
            found = _comparisons(name.stem, other.stem, parts_of_words=parts_of_words)
            votes.update(Template(name.head, texts, name.tail) for texts in found)
    likely = [template for template, _ in votes.most_common(_TRIED) if template.is_plain]
    tried = {template: _try(template, sample, indices, given) for template in likely}
    best = max(tried, key=lambda it: _merit(tried[it]), default=None)
    proposal = best and tried[best] and _try(best, first, indices, given)
    return proposal if proposal and 2 * proposal.matched > min(map(len, (first, *others))) else None


def _merit(found: Proposal | None) -> tuple[int, int]:
    """Of two that match as many names, the one with fewer letters in fields is taken."""
    return (found.matched, len("".join(found.first.texts))) if found else (0, 0)


def _spread(many: Sequence[_T], most: int) -> Sequence[_T]:
    """At most so many of them, here and there: a step of 100 would take the names that end in 00."""
    if len(many) <= most:
        return many
    return [many[place] for place in sorted(random.Random(0).sample(range(len(many)), most))]


class _Index:
    """Names by what they have in common with others."""

    def __init__(self, names: Sequence[Name]) -> None:
        self.texts = frozenset(name.text for name in names)
        self._names = names
        self._words: dict[str, list[int]] = defaultdict(list)
        for place, name in enumerate(names):
            for word in set(_WORD.findall(name.stem)):
                self._words[word].append(place)
        self._by_start = sorted((name.stem, place) for place, name in enumerate(names))
        self._by_end = sorted((name.stem[::-1], place) for place, name in enumerate(names))

    def near(self, text: str) -> Iterable[Name]:
        """Names that share most words or numbers with `text`, and those that begin or end most like it."""
        words = set(_WORD.findall(text))
        known = [self._words[word] for word in words if word in self._words]
        rarest = min(known, key=lambda places: (len(places), places), default=[])[:_MOST_SHARED]
        shared = {place: len(words.intersection(_WORD.findall(self._names[place].stem))) for place in rarest}
        places = heapq.nlargest(_NEIGHBOURS, shared, key=lambda place: shared[place])
        for ordered, stem in ((self._by_start, text), (self._by_end, text[::-1])):
            here = bisect_left(ordered, (stem, -1))
            places += [place for _, place in ordered[max(0, here - 1) : here + 1]]
        return [self._names[place] for place in dict.fromkeys(places)]


def _comparisons(one: str, other: str, *, parts_of_words: bool) -> Iterator[tuple[str, ...]]:
    """The fixed texts of `one`, where what it shares with `other` is fields: words, or letters at an end."""
    words, others = _WORD.findall(one), _WORD.findall(other)
    lengths = [len("".join(words[:place])) for place in range(len(words) + 1)]
    blocks = SequenceMatcher(
        lambda word: not word.isalnum(), words, others, autojunk=False
    ).get_matching_blocks()[:-1]
    shared = [(lengths[place], lengths[place + size]) for place, _, size in blocks]
    start, end = _common_start(one, other), _common_start(one[::-1], other[::-1])
    letters = [[(0, start)], [(len(one) - end, len(one))]] if parts_of_words else []
    for spans in (shared, *([span] for span in shared), *letters):
        texts = _fixed_texts(one, spans)
        if len(texts) > 1:
            yield texts


def _common_start(one: str, other: str) -> int:
    """How many letters the two begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (mine, its) in pairs if mine != its), min(len(one), len(other)))


def _fixed_texts(stem: str, spans: Iterable[tuple[int, int]]) -> tuple[str, ...]:
    """What stands around the fields: the parts of the spans from word to word, without slashes."""
    texts, place = [], 0
    for start, stop in spans:
        for match in re.finditer(r"[^/]+", stem[start:stop]):
            core = _uncut(stem, start + match.start(), start + match.end())
            if core:
                texts.append(stem[place : core[0]])
                place = core[1]
    return (*texts, stem[place:])


def _uncut(stem: str, start: int, stop: int) -> tuple[int, int] | None:
    """The part from `start` to `stop`, from word to word, and without parts of longer numbers."""
    while start < stop and (not stem[start].isalnum() or _cuts_number(stem, start)):
        start += 1
    while start < stop and (not stem[stop - 1].isalnum() or _cuts_number(stem, stop)):
        stop -= 1
    return (start, stop) if start < stop else None


def _cuts_number(stem: str, place: int) -> bool:
    return stem[place - 1 : place].isdecimal() and stem[place : place + 1].isdecimal()


def _try(
    template: Template, names: Sequence[Name], indices: Sequence[_Index], given: Sequence[str]
) -> Proposal | None:
    """The template and what goes with it, with how many of the names match."""
    template = _without_constants(template, _rows(template, names))
    rows = _rows(template, names)
    others: list[Template] = []
    for index, text in zip(indices, given, strict=True):
        other = _counterpart(template, rows, index, text)
        if other is None:
            return None
        others.append(other)
    pairs = list(zip(others, indices, strict=True))
    matched = sum(all(other.fill(row) in index.texts for other, index in pairs) for row in rows)
    return Proposal(template, tuple(others), matched)


def _rows(template: Template, names: Iterable[Name]) -> list[tuple[str, ...]]:
    """The values of the fields in every name that is built so."""
    return [values for name in names if (values := template.read(name)) is not None]


def _without_constants(template: Template, rows: Sequence[tuple[str, ...]]) -> Template:
    """What is the same in every row is fixed text: whole fields, but for one, and their ends."""
    columns = list(zip(*rows, strict=True))
    varied = {place for place, column in enumerate(columns) if len(set(column)) > 1}
    if not varied:
        telling = [place for place, column in enumerate(columns) if any(map(str.isdigit, column[0]))]
        varied = {(telling or range(len(columns)))[-1]}
    texts = [template.texts[0]]
    for place, (column, text) in enumerate(zip(columns, template.texts[1:], strict=True)):
        if place in varied:
            before, after = _same_ends(set(column))
            texts[-1] += before
            texts.append(after + text)
        else:
            texts[-1] += column[0] + text
    return template._replace(texts=tuple(texts))


def _same_ends(values: Collection[str]) -> tuple[str, str]:
    """What all the values begin with, up to a separator, and what they end with, from one on."""
    before, after = _same_start(values), _same_start([value[::-1] for value in values])[::-1]
    fits = len(before) + len(after) < min(map(len, values))
    return (before, after) if fits and len(values) > 1 else ("", "")


def _same_start(values: Collection[str]) -> str:
    lowest, highest = min(values), max(values)
    same = lowest[: _common_start(lowest, highest)]
    return same[: max((place + 1 for place, char in enumerate(same) if not char.isalnum()), default=0)]


def _counterpart(
    template: Template, rows: Sequence[tuple[str, ...]], index: _Index, given: str
) -> Template | None:
    """The template of other names in which most rows of values are found, as far as a sample tells."""
    rows = _spread(rows, _SAMPLE)
    votes = {
        Template(name.head, texts, name.tail): None
        for values in _spread(rows, _LOOKED_AT)
        for name in index.near("/".join(values))
        if (texts := _around(name.stem, values)) is not None
    }
    hits = {
        other: sum(other.fill(values) in index.texts for values in rows)
        for other in votes
        if other.text != template.text and other.is_plain
    }
    return max(
        hits, key=lambda it: (hits[it], SequenceMatcher(None, it.text, given).ratio(), it), default=None
    )


def _around(stem: str, values: Sequence[str]) -> tuple[str, ...] | None:
    """What stands around the values in a stem, as words of their own if they can be; None without them."""
    for whole_words in (True, False):
        pattern = "(.*?)".join(_bounded(value, whole_words=whole_words) for value in values)
        match = re.fullmatch(f"(.*?){pattern}(.*)", stem, re.DOTALL)
        if match:
            return match.groups()
    return None


def _bounded(value: str, *, whole_words: bool) -> str:
    """The value where no digit touches its digits, nor a letter its letters if words are not to be cut."""
    first, last = (
        r"\d" if end.isdecimal() else r"[^\W\d_]" if end.isalpha() and whole_words else ""
        for end in (value[0], value[-1])
    )
    return f"{first and f'(?<!{first})'}{re.escape(value)}{last and f'(?!{last})'}"
