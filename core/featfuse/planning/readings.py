"""Readings: which axis of each input is which where nobody said, or a question when sizes cannot tell.

Every reading that the table has for the inputs' ranks is a candidate. Evidence narrows them, rule by rule.
What is left is one answer when all of it does the same arithmetic; otherwise AmbiguousLayout has the answers.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any, Protocol

from featfuse.errors import FeatfuseError, ShapeError
from featfuse.methods import METHODS
from featfuse.model.layout import (
    SPATIAL,
    Origin,
    OriginKind,
    Reading,
    own_reading,
    parse_layouts,
    without_names,
)
from featfuse.model.tensor import TensorSpec
from featfuse.model.tokens import as_grid, layout_to_give, square_grid
from featfuse.model.value import Value
from featfuse.planning.arithmetic import arithmetic, refusal
from featfuse.planning.checks import needs_layout
from featfuse.planning.evidence import RULES, Seen
from featfuse.planning.extras import Extras
from featfuse.planning.plan import FusionPlan, Member
from featfuse.request.combining import COMBINES
from featfuse.request.options import Options
from featfuse.wording import phrase, together

__all__ = ["READINGS", "AmbiguousLayout", "Answer", "find_readings", "infer", "joint_readings"]


READINGS: Mapping[int, tuple[str, ...]] = {
    0: ("",),
    1: ("W", "C"),
    2: ("HW", "NC", "LC"),
    3: ("CHW", "HWC", "NCW", "NWC", "NLC"),
    4: ("NCHW", "NHWC"),
    5: ("NCDHW", "NDHWC", "NTCHW"),
}
"""The plausible readings by rank. Of one or two axes the first holds where nothing speaks for another."""

GUESSED = 2
"""The highest rank of which a reading is taken without evidence."""

LEADING = (0, 1, 2, 4, 5)
"""How many tokens stand before those of the grid: none, a class, with a distillation token, registers."""

LEAST_FEATURES = 32
"""Tokens have so many features and more; what has fewer is a map, if it has two axes."""

_UNDECIDED = Origin(OriginKind.INFERRED)

Joint = list[Reading]
Trial = Callable[[Sequence[TensorSpec], Sequence[Reading]], FusionPlan]
"""Plans tensors as they are read; FeatfuseError when that cannot be fused as asked."""


class Wishes(Value):
    """What of a request bears on the reading, see `evidence.Seen`; unless it `asks` nothing depends on it."""

    asks: bool
    wanted: tuple[int, ...] | None = None
    free: bool = False
    margins: bool = False
    strict: bool = False
    joins: bool = False


class Answer(Value):
    """One way to read the inputs: the options that say so, and the plan that follows or why there is none."""

    given: tuple[tuple[str, str | int], ...]
    readings: tuple[Reading, ...]
    outcome: FusionPlan | FeatfuseError

    @property
    def words(self) -> str:
        """`--layout NCHW`, `--grid 14x14 --skip-tokens 1`."""
        return together(dict(self.given))


class AmbiguousLayout(ShapeError):
    """The sizes speak for several readings, and the result depends on it."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        super().__init__(
            "the layout is ambiguous, and the result depends on it",
            hint=f"Say which: {' or '.join(it.words for it in answers)}.",
        )
        self.answers = tuple(answers)

    def of_the_first(self, count: int) -> "AmbiguousLayout":
        """The same about the first tensors alone: --layout does not speak of that of --like."""
        answers: dict[tuple[tuple[str, str | int], ...], Answer] = {}
        for it in self.answers:
            given = tuple((name, _first(value, count)) for name, value in it.given)
            answers.setdefault(given, it._replace(given=given))
        return AmbiguousLayout(list(answers.values()))


def _first(value: str | int, count: int) -> str | int:
    """Of a list with commas, its first words."""
    return ",".join(value.split(",")[:count]) if isinstance(value, str) else value


class _PlanAs(Protocol):
    """Plans tensors as they are read, with the tensor of --like."""

    def __call__(
        self, specs: Sequence[TensorSpec], readings: Sequence[Reading], template: Member | None
    ) -> FusionPlan: ...


def find_readings(
    specs: Sequence[TensorSpec], options: Options, extras: Extras, plan_as: _PlanAs
) -> tuple[Joint, Member | None]:
    """How the inputs are read, and the tensor of --like: by --layout, what files say, or the sizes.

    `plan_as` plans them under a reading. AmbiguousLayout when several do different things.
    """
    like, given = _template(extras), options.layout
    if like is None and given is not None:
        return parse_layouts(given, specs), None
    wishes = reading_wishes(specs, options, extras)
    if like is None:
        return infer(specs, wishes, lambda seen, readings: plan_as(seen, readings, None)), None

    def trial(seen: Sequence[TensorSpec], readings: Sequence[Reading]) -> FusionPlan:
        return plan_as(seen[:-1], readings[:-1], Member(seen[-1], readings[-1]))

    if given is None or "," not in given:
        everything = [*specs, like]
        try:
            all_read = parse_layouts(given, everything) if given else infer(everything, wishes, trial)
        except AmbiguousLayout as asked:
            raise asked.of_the_first(len(specs)) from None
        return all_read[:-1], Member(like, all_read[-1])
    # A list speaks of the inputs only: the tensor of --like is read as the first of its rank.
    readings = parse_layouts(given, specs)
    same_rank = [reading for reading in readings if len(reading.layout) == len(like.shape)]
    if own := own_reading(like):
        return readings, Member(like, own)
    if same_rank:
        return readings, Member(like, parse_layouts(same_rank[0].layout, [like])[0])
    spoken = [spec._replace(layout=it.layout) for spec, it in zip(specs, readings, strict=True)]
    return readings, Member(like, infer([*spoken, like], wishes, trial)[-1])


def _template(extras: Extras) -> TensorSpec | None:
    """The tensor of --like. Of one or two axes, it is nothing but a grid."""
    like = extras.like
    if like is None or len(like.shape) > GUESSED or own_reading(like) is not None:
        return like
    return like._replace(layout=READINGS[len(like.shape)][0])


def reading_wishes(specs: Sequence[TensorSpec], options: Options, extras: Extras) -> Wishes:
    """What of the request bears on how the inputs are read."""
    row, joins = METHODS[options.method], COMBINES[options.combine].joins == "C"
    return Wishes(
        asks=needs_layout(specs, options, extras),
        wanted=tuple(options.to) if isinstance(options.to, tuple) else None,
        free=options.channels != "strict" or joins or bool(options.project) or bool(row.shuffles),
        margins=row.margins,
        strict=not row.changes_sizes,
        joins=joins,
    )


def infer(specs: Sequence[TensorSpec], wishes: Wishes, trial: Trial) -> Joint:
    """How each tensor is read: as its file says, or as the sizes tell. AmbiguousLayout when they do not."""
    unknown = [spec for spec in specs if own_reading(spec) is None]
    if not unknown:
        return [reading for spec in specs if (reading := own_reading(spec)) is not None]
    if not wishes.asks and max(len(spec.shape) for spec in unknown) > GUESSED:
        return without_names(specs)
    for spec in unknown:
        if len(spec.shape) not in READINGS:
            raise ShapeError(
                f"{spec.name}: {len(spec.shape)} axes and no layout: {spec.shape}",
                hint=phrase("Say which axis is which with {layout}."),
            )
    return _Inference(specs, wishes, trial).decide()


def joint_readings(specs: Sequence[TensorSpec]) -> list[Joint]:
    """Every way to read the tensors together; those of one rank share a reading unless their files speak."""
    own = [own_reading(spec) for spec in specs]
    ranks = sorted({len(spec.shape) for spec, reading in zip(specs, own, strict=True) if reading is None})
    return [
        [
            reading or Reading(chosen[ranks.index(len(spec.shape))], _UNDECIDED)
            for spec, reading in zip(specs, own, strict=True)
        ]
        for chosen in product(*(READINGS[rank] for rank in ranks))
    ]


class _Inference:
    """One inference: its candidates, and what trials have told of them."""

    def __init__(self, specs: Sequence[TensorSpec], wishes: Wishes, trial: Trial) -> None:
        self.specs, self.wishes, self.trial = specs, wishes, trial
        self.left = joint_readings(specs)
        self.rule = ""
        self._tried: dict[str, tuple[FusionPlan | FeatfuseError, Any]] = {}

    def decide(self) -> Joint:
        """The reading that evidence leaves; AmbiguousLayout when it leaves several answers."""
        serving = [it for it in self.left if self._serves(it)]
        if not self.wishes.joins or any(isinstance(self._try(it)[0], FusionPlan) for it in serving):
            self._narrow("", serving)
        for rule in RULES:
            fitting = [it for it in self.left if rule.fits(self._seen(it))]
            if fitting:
                self._narrow(rule.told(self._seen(fitting[0])), fitting)
            if len(self.left) == 1 or (fitting and rule.kinds):
                break  # of readings that fit one kind each, no later rule is asked
        tokens = self._as_tokens() if self._could_be_tokens() else []
        if self.wishes.strict and self._answers() > 1:
            self._narrow("the only one that broadcasts", self._broadcasting())
        if not tokens and self._answers() > 1:
            self._take_first()
        if tokens or self._answers() > 1:
            raise AmbiguousLayout([*tokens, *self._offers()])
        return self._decided()

    def _serves(self, readings: Sequence[Reading]) -> bool:
        """Whether a reading has the spatial axes of a size that was asked for, and channels to be joined."""
        letters = {letter for it in readings for letter in it.layout}
        wanted = self.wishes.wanted
        spans = wanted is None or len(letters & set(SPATIAL)) == len(wanted)
        return spans and ("C" in letters or not self.wishes.joins)

    def _could_be_tokens(self) -> bool:
        """Whether what is left may be tokens: they were not seen to be maps, and would go together so."""
        if len(self.left) > 1 and self._answers() > 1:
            return True
        spaces = self._seen(self.left[0]).spaces
        unlike = any(len(space) < 2 for space in spaces) and any(len(spec.shape) > 1 for spec in self.specs)
        ends = {spec.shape[-1] for spec in self.specs if len(spec.shape) in (2, 3)}
        return unlike and not self.wishes.strict and (len(ends) == 1 or self.wishes.free)

    def _narrow(self, rule: str, fitting: Sequence[Joint]) -> None:
        if fitting and len(fitting) < len(self.left):
            self.left, self.rule = list(fitting), rule

    def _seen(self, readings: Sequence[Reading]) -> Seen:
        sizes = [reading.sizes(spec.shape) for reading, spec in zip(readings, self.specs, strict=True)]
        spaces = tuple(tuple(size for letter, size in it.items() if letter in SPATIAL) for it in sizes)
        wishes = self.wishes
        return Seen(
            spaces=spaces,
            channels=tuple(it.get("C") for it in sizes),
            batches=tuple(it.get("N") for it in sizes),
            wanted=wishes.wanted,
            free=wishes.free,
            margins=wishes.margins,
            timed=any(len(it) != 4 for it in sizes),
        )

    def _try(self, readings: Sequence[Reading]) -> tuple[FusionPlan | FeatfuseError, Any]:
        """What comes of a reading, and what must be equal for it to be the same answer as another."""
        key = ",".join(reading.layout for reading in readings)
        if key not in self._tried:
            try:
                plan = self.trial(self.specs, readings)
                self._tried[key] = plan, arithmetic(plan)
            except FeatfuseError as error:
                self._tried[key] = error, refusal(error, readings)
        return self._tried[key]

    def _answers(self) -> int:
        return 1 if len(self.left) == 1 else len({self._try(it)[1] for it in self.left})

    def _decided(self) -> Joint:
        """The first of what is left, which all does the same."""
        if not self.rule and all(len(spec.shape) <= GUESSED for spec in self.specs):
            origin = Origin(OriginKind.RANK)
        elif len(self.left) > 1:
            origin = Origin(OriginKind.SAME)
        else:
            origin = Origin(OriginKind.INFERRED, self.rule)
        return [it._replace(origin=origin) if it.origin == _UNDECIDED else it for it in self.left[0]]

    def _take_first(self) -> None:
        """Of tensors that all have one axis, or all two: the first reading of the table that is left."""
        ranks = {len(spec.shape) for spec in self.specs}
        if len(ranks) == 1 and max(ranks) <= GUESSED:
            del self.left[1:]

    def _broadcasting(self) -> list[Joint]:
        """With a vector among them: the readings under which they add as they are."""
        if all(len(spec.shape) != 1 for spec in self.specs):
            return []
        return [it for it in self.left if isinstance(self._try(it)[0], FusionPlan)]

    def _as_tokens(self) -> list[Answer]:
        """The inputs that could be tokens of square grids, seen on them; nothing when none could."""
        for skip in LEADING:
            grids = [self._square(spec, skip) for spec in self.specs]
            ranks = {len(spec.shape) for spec, grid in zip(self.specs, grids, strict=True) if grid}
            alike = [grid for spec, grid in zip(self.specs, grids, strict=True) if len(spec.shape) in ranks]
            if alike and all(alike):
                return [self._token_answer(grids, skip)]
        return []

    def _square(self, spec: TensorSpec, skip: int) -> tuple[int, int] | None:
        rank = len(spec.shape)
        could = rank == 3 or (rank == 2 and spec.shape[-1] >= LEAST_FEATURES)
        return square_grid(spec.shape[-2] - skip) if could and own_reading(spec) is None else None

    def _token_answer(self, grids: Sequence[tuple[int, int] | None], skip: int) -> Answer:
        specs = [
            as_grid(spec, None, grid, skip)[0] if grid else spec
            for spec, grid in zip(self.specs, grids, strict=True)
        ]
        words = ["x".join(map(str, grid)) for grid in grids if grid]
        given: dict[str, str | int] = {"grid": words[0] if len(set(words)) == 1 else ",".join(words)}
        if skip:
            given["skip_tokens"] = skip
        try:
            readings = infer(specs, self.wishes, self.trial)
            return Answer(tuple(given.items()), tuple(readings), self.trial(specs, readings))
        except FeatfuseError as error:
            return Answer(tuple(given.items()), (), error)

    def _offers(self) -> list[Answer]:
        """An answer for each reading that does something of its own, and for maps that differ in theirs."""
        offers: dict[Any, Answer] = {}
        for readings in [*self._mixed(), *self.left]:
            outcome, key = self._try(readings)
            if key not in offers:
                given = (("layout", _to_give(self.specs, readings)),)
                offers[key] = Answer(given, tuple(readings), outcome)
        return list(offers.values())

    def _mixed(self) -> list[Joint]:
        """Where each tensor by itself is a square map in one reading only, and not in the same one: those."""
        own = [self._own_square(spec) for spec in self.specs]
        known = [reading for reading in own if reading is not None]
        layouts = {it.layout for it in known}
        mixed = len(known) == len(own) and len(layouts) > len(set(map(len, layouts)))
        return [known] if mixed else []

    def _own_square(self, spec: TensorSpec) -> Reading | None:
        own = own_reading(spec)
        if own is not None:
            return own
        squares = []
        for layout in READINGS[len(spec.shape)][:2]:
            sizes = dict(zip(layout, spec.shape, strict=True))
            if "H" in sizes and sizes["H"] == sizes.get("W"):
                squares.append(Reading(layout, _UNDECIDED))
        return squares[0] if len(squares) == 1 else None


def _to_give(specs: Sequence[TensorSpec], readings: Sequence[Reading]) -> str:
    """What to write behind --layout: one for all where it says as much, else a list."""
    each = [
        (layout_to_give(spec) if spec.layout == it.layout else None) or it.layout
        for spec, it in zip(specs, readings, strict=True)
    ]
    asked = [it.layout for it in readings if it.origin == _UNDECIDED]
    common = max(asked, key=len)
    try:
        if [it.layout for it in parse_layouts(common, specs)] == each:
            return common
    except ShapeError:
        pass
    return ",".join(each)
