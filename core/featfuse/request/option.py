"""What a row of OPTIONS says of an option."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from featfuse.request.conditions import Condition
from featfuse.request.defaults import Default
from featfuse.request.kinds import Kind
from featfuse.wording import either, flag, phrase

__all__ = ["NEVER", "Choices", "Option"]

Choices = Mapping[str, object] | tuple[str, ...]

NEVER = -1
"""The `told` of an option that the pipeline leaves out, because the report tells it elsewhere."""


class Option(NamedTuple):
    """One row: `name` is the Python keyword; the command line has dashes for underscores, and `short`.

    What it takes: `kind`; `choices` (a table whose rows have a `summary`, words with their meaning, or bare
    words) and other words for them, `aliases`, which are kept if `as_typed`; `offers` are words that
    completion proposes and the kind checks. Whole numbers are at least `least`, numbers `above` a limit,
    and finite if `finite`. `metavar` and `values` name what is taken, in --help and in tables.

    What holds when it is not given: `default`, a value or a function of the resolved options;
    `default_text` is how it is told where the value alone says too little. Only an option that `always` has
    a value has its default in Options; of the others the planner must know that they were not given.

    What makes it used: the rows of METHODS and REDUCES that list it, if any does; and each of `when`.
    Only what `reconciles` asks `fuse inspect` whether a pipeline works.

    `first`: it is one of those that people need first, and --help shows it among them.

    `told` is its place in the resolved pipeline, which the report shows and the output keeps.
    """

    name: str
    kind: Kind
    panel: str
    help: str
    metavar: str | None = None
    short: str | None = None
    choices: Choices | Callable[[], Choices] = ()
    aliases: Mapping[str, str] = {}
    as_typed: bool = False
    offers: tuple[str, ...] = ()
    least: int | None = None
    finite: bool = False
    above: float | None = None
    values: str = ""
    default: object | Default = None
    default_text: str = ""
    always: bool = False
    when: tuple[Condition, ...] = ()
    reconciles: bool = True
    first: bool = False
    told: int = 80

    @property
    def flag(self) -> str:
        """The command-line spelling."""
        return flag(self.name)

    @property
    def words(self) -> Mapping[str, str]:
        """Every word it can be given, with its one-line meaning (or ""); empty where any value goes."""
        table = self.choices() if callable(self.choices) else self.choices
        words = dict.fromkeys(self.offers, "")
        if isinstance(table, Mapping):
            words |= {word: str(getattr(it, "summary", it)) for word, it in table.items()}
        else:
            words |= dict.fromkeys(table, "")
        return words | {alias: f"the same as {word}" for alias, word in self.aliases.items()}

    @property
    def chosen_from(self) -> tuple[str, ...]:
        """The words it must be one of, aliases resolved; empty where others go, too."""
        table: Iterable[str] = self.choices() if callable(self.choices) else self.choices
        return tuple(table)

    def aliased(self, value: object) -> object:
        """`value`, or the word it is another name of."""
        return self.aliases.get(value, value) if isinstance(value, str) else value

    @property
    def help_text(self) -> str:
        """`help` with its choices filled in, and where all methods are shown."""
        return self.told_of(", ".join(self.chosen_from))

    def told_of(self, choices: str) -> str:
        """`help` with `choices` filled in."""
        return phrase(self.help, choices=choices, methods=either("fuse methods", "featfuse.METHODS"))

    @property
    def values_text(self) -> str:
        """What it takes, for a table."""
        return ", ".join(self.chosen_from) or self.values or self.kind.values

    @property
    def default_words(self) -> str:
        """Its default, for a table."""
        if self.default_text:
            return phrase(self.default_text)
        if isinstance(self.default, bool):
            return "yes" if self.default else "no"
        return f"{self.default:g}" if isinstance(self.default, (int, float)) else str(self.default or "none")
