"""Is every option that was given read by something? One that nothing reads is an error, never ignored."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from featfuse.errors import UsageError
from featfuse.methods import METHODS, Method
from featfuse.request.combining import REDUCES, Reducer
from featfuse.request.conditions import Condition
from featfuse.request.defaults import conventions_of, resizer
from featfuse.request.table import OPTIONS
from featfuse.wording import Named, phrase, worded

if TYPE_CHECKING:
    from featfuse.request.options import Options

__all__ = ["LISTED", "NO_REDUCTION", "check_used", "is_idle", "value_of"]

NO_REDUCTION = Reducer("", "")


_BY_ROWS: tuple[Method | Reducer, ...] = (*METHODS.values(), *REDUCES.values())

LISTED = frozenset(name for row in _BY_ROWS for name in row.options)
"""The options that belong to methods and reductions: one that nothing chosen lists is refused."""


_OF_INNER = frozenset(name for row in METHODS.values() if row.inner for name in row.options)


def check_used(options: "Options", given: Mapping[str, object]) -> None:
    """UsageError for the first option that nothing reads, with what would read it."""
    method, reducer = METHODS[options.method], REDUCES.get(options.reduce, NO_REDUCTION)
    _check_convention(method, options)
    for name in given:
        if name in LISTED and name not in method.options and name not in reducer.options:
            raise _unlisted(name, options)
    for name in given:
        if name in reducer.options:
            continue  # the reduction's own rules come last
        for condition in OPTIONS[name].when:
            value = given.get(condition.other) if condition.values is None else value_of(condition, options)
            if not condition.holds(value):
                raise _unread(name, condition, options)
        if name in _lost_to_resizer(method, options):
            raise UsageError(
                f"{worded(name)} is not used by {worded(method.resizes_by, resizer(options).name)}",
                hint=f"Leave it out, or choose another {method.resizes_by}.",
            )
    if reducer.options:
        _check_reducer(reducer, method, options, given)


def _check_convention(method: Method, options: "Options") -> None:
    """A framework that does not have the method cannot be followed."""
    known = conventions_of(method)
    if "convention" in method.options and options.convention is not None and options.convention not in known:
        raise UsageError(
            f"{worded('convention', options.convention)} has no {method.name}",
            hint=f"Choose one of: {', '.join(known)}.",
        )


def value_of(condition: Condition, options: "Options") -> object:
    """The value of the option that `condition` looks at; of a word also its default."""
    value = getattr(options, condition.other)
    return OPTIONS[condition.other].default if value is None and condition.values is not None else value


def is_idle(name: str, options: "Options") -> bool:
    """Whether the method lists an option that it would not read, given the others."""
    if name in REDUCES.get(options.reduce, NO_REDUCTION).options:
        return False
    unmet = (it for it in OPTIONS[name].when if it.hides and not it.holds(value_of(it, options)))
    return any(True for _ in unmet) or name in _lost_to_resizer(METHODS[options.method], options)


def _lost_to_resizer(method: Method, options: "Options") -> Collection[str]:
    """What the method lists for methods that might resize for it, and the one which does would not read."""
    return _OF_INNER.difference(resizer(options).options) if method.resizes_by else ()


def _unlisted(name: str, options: "Options") -> UsageError:
    users = [worded("method", row.name) for row in METHODS.values() if name in row.options]
    users += [worded("reduce", row.name) for row in REDUCES.values() if name in row.options]
    chosen = worded("method", options.method)
    chosen += f" or {worded('reduce', options.reduce)}" if options.reduce else ""
    return UsageError(
        f"{worded(name)} is not used by {chosen}",
        hint=f"It belongs to: {', '.join(users)}. Leave it out, or choose one of these.",
    )


def _unread(name: str, condition: Condition, options: "Options") -> UsageError:
    words = {
        "option": Named(name),
        "other": Named(condition.other),
        "value": value_of(condition, options),
        "values": ", ".join(condition.values or ()),
    }
    return UsageError(phrase(condition.message, **words), hint=phrase(condition.hint, **words))


def _check_reducer(reducer: Reducer, method: Method, options: "Options", given: Mapping[str, object]) -> None:
    """The reduction has what it needs, and reads what was given for it."""
    for name in reducer.needs:
        if name in method.options and name in given:
            raise UsageError(
                f"{worded(name)} would belong to both {worded('method', method.name)} "
                f"and {worded('reduce', reducer.name)}",
                hint="Do it in two commands, the second with - as its input.",
            )
    if reducer.needs and sum(name in given for name in reducer.needs) != 1:
        wanted = " or ".join(worded(name) for name in reducer.needs)
        either = "either " if len(reducer.needs) > 1 else ""
        hint = phrase(reducer.hint)
        raise UsageError(f"{worded('reduce', reducer.name)} needs {either}{wanted}", hint=hint)
    for name in reducer.options:
        for condition in OPTIONS[name].when if name in given else ():
            if condition.holds(value_of(condition, options)):
                continue
            if condition.wanted and reducer.alternative:
                raise UsageError(f"{worded(name)} does not go with {reducer.alternative}")
            raise _unread(name, condition, options)
