"""Layouts: what each axis of a tensor means, and how that was said.

The axes of one tensor are a string of letters: N batch, C channel, D/H/W space, T time (treated as
space), L tokens. A fusion has a `Layout`, to which a stack adds an axis of its own.
"""

import string
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from featfuse.errors import ShapeError, UsageError
from featfuse.model.tensor import TensorSpec
from featfuse.wording import worded

__all__ = [
    "LETTERS",
    "SPATIAL",
    "STACKED",
    "Arrangement",
    "Layout",
    "Origin",
    "OriginKind",
    "Reading",
    "align",
    "arranged",
    "given_layouts",
    "is_anonymous",
    "own_reading",
    "parse_layouts",
    "without_names",
]

LETTERS = "NCTDHWL"
SPATIAL = "TDHW"
STACKED = "S"
"""The name of the axis along which a stack joins its inputs. No input has it."""


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


Arrangement = tuple[tuple[str, ...], ...]
"""The axes of an output, each with the letters that it holds."""


class OriginKind(Enum):
    """How a tensor's axes came to be known."""

    GIVEN = "the caller's word"
    FILE = "the file's own word"
    RANK = "the number of axes"
    INFERRED = "a rule of inference"
    TOKENS = "tokens seen on a grid"
    SAME = "every reading does the same"
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


def parse_layouts(text: str, specs: Sequence[TensorSpec]) -> list[Reading]:
    """`--layout`: one for all inputs, or a comma list, one each. A missing batch axis is understood."""
    names = layout_names(text, [len(spec.shape) for spec in specs])
    if len(names) not in (1, len(specs)):
        raise UsageError(
            f"{worded('layout', text)}: {len(names)} layouts for {len(specs)} inputs",
            hint="Give one layout for all inputs, or one for each, joined by commas.",
        )
    for name in names:
        if len(set(name)) != len(name) or set(name) - set(LETTERS):
            raise UsageError(
                f"{worded('layout', name)}: not a layout",
                hint="Use each letter once: N batch, C channel, T D H W space, L tokens; like NCHW or NHWC.",
            )
    if len(names) == 1:
        names *= len(specs)
    return [_given(name, spec, shared="," not in text) for name, spec in zip(names, specs, strict=True)]


_ALIASES = {"BCHW": "NCHW", "BHWC": "NHWC", "BLC": "NLC", "BCT": "NCT", "BTC": "NTC", "BCDHW": "NCDHW"}
"""Other names of layouts: B is what frameworks call the batch in their documentation."""

_ORDERS = {"CHANNELS_FIRST": "NC{}", "CHANNELS_LAST": "N{}C"}
"""Keras' and torch's words, for as many axes as a tensor has."""


def layout_names(text: str, ranks: Sequence[int]) -> list[str]:
    """The layouts that `--layout` lists, in capitals, other names put right; `ranks` are the tensors'."""
    names = [name.strip().upper().replace("-", "_") for name in text.split(",")]
    result = []
    for place, name in enumerate(names):
        rank = ranks[place] if len(ranks) == len(names) else max(ranks)
        order = _ORDERS.get(name)
        spatial = {3: "W", 4: "HW", 5: "DHW"}.get(rank)
        result.append(order.format(spatial) if order and spatial else _ALIASES.get(name, name))
    return result


def given_layouts(text: str | None, count: int) -> list[str | None]:
    """`--layout` by input, before it is checked; None where it says nothing that fits the count."""
    if text is None:
        return [None] * count
    names = layout_names(text, [0])
    return list(names if len(names) == count else names[:1] * count)


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
        f"{spec.name}: {worded('layout', name)} has {len(name)} axes, the tensor has {rank}: {spec.shape}",
        hint="Give each input its own layout, joined by commas, like NCHW,CHW.",
    )


def arranged(letters: str, wanted: str) -> Arrangement:
    """The axes `letters` of a result in the order of `wanted`: each axis with the letters it holds. L holds
    the spatial axes that are not named, in their order: NLC of NCHW is N, HW, C.

    UsageError when `wanted` does not name each axis once.
    """
    (name,) = layout_names(wanted, [len(letters)])
    left = [letter for letter in letters if letter in SPATIAL and letter not in name]
    groups = [tuple(left) if letter == "L" and "L" not in letters else (letter,) for letter in name]
    held = [letter for group in groups for letter in group]
    if sorted(held) != sorted(letters) or not all(groups):
        space = "".join(letter for letter in letters if letter in SPATIAL)
        last = letters.replace("C", "") + "C" * ("C" in letters)
        tokens = f", or L for {' and '.join(space)}: {last.replace(space, 'L')}" if len(space) > 1 else ""
        raise UsageError(
            f"{worded('out_layout', wanted)}: the result has the axes {' '.join(letters)}",
            hint=f"Name each of them once, like {last}{tokens}.",
        )
    return tuple(groups)


def own_reading(spec: TensorSpec) -> Reading | None:
    """What a file says of its axes, or --grid of tokens; None when neither does."""
    if spec.layout is not None and len(spec.layout) == len(spec.shape):
        return Reading(spec.layout, _own_word(spec, OriginKind.FILE))
    return None


def _own_word(spec: TensorSpec, otherwise: OriginKind) -> Origin:
    """What the header says of its axes: that they are tokens on a grid, or the file's word."""
    if spec.token_grid is not None:
        return Origin(OriginKind.TOKENS, "x".join(map(str, spec.token_grid)))
    return Origin(OriginKind.FILE, spec.layout_source) if spec.layout_source else Origin(otherwise)


def without_names(specs: Sequence[TensorSpec]) -> list[Reading]:
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
