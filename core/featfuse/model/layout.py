"""Layouts: what each axis of a tensor means, and how that is found out when nobody said.

The axes of one tensor are a string of letters: N batch, C channel, D/H/W space, T time (treated as
space), L tokens. A fusion has a `Layout`, to which a stack adds an axis of its own.
"""

import string
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from featfuse.errors import ShapeError, UsageError
from featfuse.model.tensor import TensorSpec
from featfuse.model.tokens import layout_to_give

__all__ = [
    "LETTERS",
    "SPATIAL",
    "STACKED",
    "Layout",
    "Origin",
    "OriginKind",
    "Reading",
    "align",
    "common_layouts",
    "is_anonymous",
    "parse_layouts",
    "resolve_layouts",
]

LETTERS = "NCTDHWL"
SPATIAL = "TDHW"
STACKED = "S"
"""The name of the axis along which a stack joins its inputs. No input has it."""

_READINGS = {
    "channels-first": {3: "CHW", 4: "NCHW", 5: "NCDHW"},
    "channels-last": {3: "HWC", 4: "NHWC", 5: "NDHWC"},
}
_BY_RANK = {0: "", 1: "W", 2: "HW"}


class Layout(NamedTuple):
    """The axes of a fusion: those of its inputs, aligned, behind the one that a stack adds."""

    letters: str
    stacked: bool = False

    @property
    def axes(self) -> str:
        """Every axis in order, a letter each."""
        return STACKED + self.letters if self.stacked else self.letters

    @property
    def space(self) -> tuple[str, ...]:
        """The spatial axes in order."""
        return tuple(letter for letter in self.letters if letter in SPATIAL)

    def place(self, letter: str) -> int:
        """Where in `axes` an axis is."""
        return self.axes.index(letter)


class OriginKind(Enum):
    """How a tensor's axes came to be known."""

    GIVEN = "--layout"
    FILE = "the file's own word"
    RANK = "the number of axes"
    INFERRED = "a rule of inference"
    TOKENS = "tokens seen on a grid"
    NUMBERED = "nothing depends on it"


class Origin(NamedTuple):
    """How a tensor's axes came to be known; `detail` names the rule, the file's word, or the grid."""

    kind: OriginKind
    detail: str = ""


class Reading(NamedTuple):
    """One tensor's axes, and how they came to be known."""

    layout: str
    origin: Origin

    def sizes(self, shape: Sequence[int]) -> dict[str, int]:
        """Size by axis letter."""
        return dict(zip(self.layout, shape, strict=True))


_UNDECIDED = Origin(OriginKind.INFERRED)


def parse_layouts(text: str, specs: Sequence[TensorSpec]) -> list[Reading]:
    """`--layout`: one for all inputs, or a comma list, one each. A missing batch axis is understood."""
    names = [name.strip().upper() for name in text.split(",")]
    if len(names) not in (1, len(specs)):
        raise UsageError(
            f"--layout {text}: {len(names)} layouts for {len(specs)} inputs",
            hint="Give one layout for all inputs, or one for each, joined by commas.",
        )
    for name in names:
        if len(set(name)) != len(name) or set(name) - set(LETTERS):
            raise UsageError(
                f"--layout {name}: not a layout",
                hint="Use each letter once: N batch, C channel, T D H W space, L tokens; like NCHW or NHWC.",
            )
    if len(names) == 1:
        names *= len(specs)
    return [_given(name, spec, shared="," not in text) for name, spec in zip(names, specs, strict=True)]


def _given(name: str, spec: TensorSpec, *, shared: bool) -> Reading:
    """One layout for all may name axes that a smaller tensor lacks: the batch, then the channels."""
    rank = len(spec.shape)
    if "L" in name and spec.layout == name.replace("L", "HW"):
        return Reading(spec.layout, _own_word(spec, OriginKind.GIVEN))  # tokens, seen as a grid by now
    readings = [name]
    if shared:
        readings += [name.replace("N", ""), name.replace("C", ""), name.replace("N", "").replace("C", "")]
    for layout in readings:
        if len(layout) == rank:
            return Reading(layout, Origin(OriginKind.GIVEN))
    raise ShapeError(
        f"{spec.name}: --layout {name} has {len(name)} axes, the tensor has {rank}: {spec.shape}",
        hint="Give each input its own layout, joined by commas, like NCHW,CHW.",
    )


def resolve_layouts(specs: Sequence[TensorSpec], given: str | None, *, needed: bool) -> list[Reading]:
    """The layout of every tensor: `--layout`, the file's own word, the rank, or inference.

    When nothing decides and nothing depends on it (`needed` False, equal ranks), the axes stay
    anonymous, numbered from 0. ShapeError with both readings when something does.
    """
    if given is not None:
        return parse_layouts(given, specs)
    known = [_known(spec) for spec in specs]
    if None not in known:
        return [reading for reading in known if reading is not None]
    for spec, reading in zip(specs, known, strict=True):
        if reading is None and len(spec.shape) > 5:
            if not needed:
                return _anonymous(specs)
            raise ShapeError(
                f"{spec.name}: {len(spec.shape)} axes and no layout: {spec.shape}",
                hint="Say which axis is which with --layout.",
            )
    candidates = {
        name: [
            reading or Reading(by_rank[len(spec.shape)], _UNDECIDED)
            for spec, reading in zip(specs, known, strict=True)
        ]
        for name, by_rank in _READINGS.items()
    }
    undecided = [index for index, reading in enumerate(known) if reading is None]
    rules = {
        "square maps": [name for name, it in candidates.items() if _square(it, specs, undecided)],
        "matching sizes": [name for name, it in candidates.items() if _matching(it, specs)],
    }
    for rule, names in rules.items():
        fitting = [candidates[name] for name in names]
        if len(fitting) == 1:
            inferred = Origin(OriginKind.INFERRED, rule)
            return [
                reading._replace(origin=inferred) if reading.origin == _UNDECIDED else reading
                for reading in fitting[0]
            ]
    if not needed:
        return _anonymous(specs)
    raise _ambiguous(specs, candidates)


def common_layouts(specs: Sequence[TensorSpec]) -> list[str]:
    """The `--layout` values to offer when nothing decides: a list, where each tensor by itself is a square
    map in one reading only (Keras beside torch), then both readings."""
    shared = [_offer(specs, by_rank) for by_rank in _READINGS.values() if _readable(specs, by_rank)]
    own = [_own_square(spec) for spec in specs]
    known = [layout for layout in own if layout is not None]
    mixed = [",".join(known)] if len(known) == len(own) and len(set(known)) > 1 else []
    return list(dict.fromkeys([*mixed, *shared]))


def _readable(specs: Sequence[TensorSpec], by_rank: Mapping[int, str]) -> bool:
    return all(_known(spec) is not None or len(spec.shape) in by_rank for spec in specs)


def _offer(specs: Sequence[TensorSpec], by_rank: Mapping[int, str]) -> str:
    """One layout for all tensors where it says no other than what is known of some; else one for each."""
    known = [_known(spec) for spec in specs]
    layouts = [
        reading.layout if reading else by_rank[len(spec.shape)]
        for spec, reading in zip(specs, known, strict=True)
    ]
    each = [
        (layout_to_give(spec) if spec.layout == layout else None) or layout
        for spec, layout in zip(specs, layouts, strict=True)
    ]
    asked = [layout for layout, reading in zip(layouts, known, strict=True) if reading is None]
    common = max(asked or layouts, key=len)
    try:
        if [reading.layout for reading in parse_layouts(common, specs)] == each:
            return common
    except ShapeError:
        pass
    return ",".join(each)


def _own_square(spec: TensorSpec) -> str | None:
    """The only reading in which this tensor by itself is a square map."""
    known = _known(spec)
    if known is not None:
        return known.layout
    rank = len(spec.shape)
    readings = [Reading(by_rank[rank], _UNDECIDED) for by_rank in _READINGS.values() if rank in by_rank]
    square = [it.layout for it in readings if it.sizes(spec.shape)["H"] == it.sizes(spec.shape)["W"]]
    return square[0] if len(square) == 1 else None


def _known(spec: TensorSpec) -> Reading | None:
    if spec.layout is not None and len(spec.layout) == len(spec.shape):
        return Reading(spec.layout, _own_word(spec, OriginKind.FILE))
    if len(spec.shape) in _BY_RANK:
        return Reading(_BY_RANK[len(spec.shape)], Origin(OriginKind.RANK))
    return None


def _own_word(spec: TensorSpec, otherwise: OriginKind) -> Origin:
    """What the header says of its axes: that they are tokens on a grid, or the file's word."""
    if spec.token_grid is not None:
        return Origin(OriginKind.TOKENS, "x".join(map(str, spec.token_grid)))
    return Origin(OriginKind.FILE, spec.layout_source) if spec.layout_source else Origin(otherwise)


def _square(readings: Sequence[Reading], specs: Sequence[TensorSpec], undecided: Sequence[int]) -> bool:
    """Every undecided tensor's last two spatial axes are equal."""
    sizes = [readings[index].sizes(specs[index].shape) for index in undecided]
    return all(axes["H"] == axes["W"] for axes in sizes)


def _matching(readings: Sequence[Reading], specs: Sequence[TensorSpec]) -> bool:
    """Equal spatial sizes and differing channels, or equal channels and every spatial size differing."""
    if len(specs) < 2:
        return False
    sizes = [reading.sizes(spec.shape) for reading, spec in zip(readings, specs, strict=True)]
    channels = {axes.get("C") for axes in sizes}
    spaces = [
        {axes[letter] for axes in sizes if letter in axes}
        for letter in SPATIAL
        if sum(letter in axes for axes in sizes) > 1
    ]
    same_space = all(len(space) == 1 for space in spaces)
    all_space_differs = all(len(space) > 1 for space in spaces)
    return (same_space and len(channels) > 1) or (len(channels) == 1 and all_space_differs)


def _anonymous(specs: Sequence[TensorSpec]) -> list[Reading]:
    """Axes by number, aligned from the last one, as NumPy does."""
    most = max(len(spec.shape) for spec in specs)
    digits = (string.digits + string.ascii_lowercase)[:most]
    if len(digits) < most:
        raise ShapeError(f"{most} axes are more than featfuse can name", hint="Merge some of them.")
    numbered = Origin(OriginKind.NUMBERED)
    return [Reading(digits[most - len(spec.shape) :], numbered) for spec in specs]


def is_anonymous(layout: str) -> bool:
    """Whether the axes have numbers instead of meanings."""
    return bool(layout) and layout[-1] not in LETTERS


def _ambiguous(specs: Sequence[TensorSpec], candidates: dict[str, list[Reading]]) -> ShapeError:
    lines = []
    names = []
    for readings in candidates.values():
        names.append(max((it.layout for it in readings if it.origin == _UNDECIDED), key=len))
        parts = [
            f"{spec.name} "
            + " ".join(f"{letter}={size}" for letter, size in reading.sizes(spec.shape).items())
            for spec, reading in zip(specs, readings, strict=True)
        ]
        lines.append(f"  read as {names[-1]}: " + "; ".join(parts))
    offers = " or ".join(f"--layout {layout}" for layout in common_layouts(specs))
    return ShapeError(
        "the layout is ambiguous, and the result depends on it:", details=lines, hint=f"Say which: {offers}."
    )


def align(layouts: Sequence[str]) -> str:
    """The output's layout: the first input's, with the axes it lacks put where the others have them."""
    result = layouts[0]
    for layout in layouts[1:]:
        for letter in layout:
            if letter not in result:
                result = _insert(result, letter, layout)
    return result


def _insert(result: str, letter: str, layout: str) -> str:
    """Put `letter` of `layout` into `result`: N first, a spatial axis by its order, C as in `layout`."""
    if letter == "N":
        return letter + result
    if letter in SPATIAL:
        later = [other for other in _later_space(letter) if other in result]
        if later:
            place = min(result.index(other) for other in later)
            return result[:place] + letter + result[place:]
    following = [other for other in _after(letter, layout) if other in result]
    place = min((result.index(other) for other in following), default=len(result))
    return result[:place] + letter + result[place:]


def _later_space(letter: str) -> str:
    return SPATIAL[SPATIAL.index(letter) + 1 :]


def _after(letter: str, layout: str) -> Iterator[str]:
    return iter(layout[layout.index(letter) + 1 :])
