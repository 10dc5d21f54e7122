"""The pipeline as resolved: every option that is read, with its value or its default, in a fixed order."""

from collections.abc import Mapping

from featfuse.methods import METHODS
from featfuse.request.combining import REDUCES
from featfuse.request.option import NEVER
from featfuse.request.options import Options
from featfuse.request.table import METHOD_PLACE, OPTIONS, REDUCE_PLACE
from featfuse.request.usage import LISTED, NO_REDUCTION, is_idle, value_of

__all__ = ["resolved_pipeline"]

Entries = Mapping[str, object]


def resolved_pipeline(options: Options, facts: Mapping[str, Entries]) -> dict[str, object]:
    """What the report shows and outputs keep: each option that is read, and nothing that is ignored.

    `facts` holds, by option, the entries that stand for it where a plan knows more than the request: the
    grid that `auto` has become, a tensor's name. An option without a value and without a default is left out.
    """
    result: dict[str, object] = {}
    for name in _in_order(options):
        if name in facts:
            result |= facts[name]
            continue
        value = getattr(options, name)
        if value is None:
            default = OPTIONS[name].default
            value = default(options) if callable(default) else default
        if value is not None:
            result[name] = value
    return result


def _in_order(options: Options) -> list[str]:
    """The options that are read: the general ones by their place, those of a row as the row lists them."""
    method, reducer = METHODS[options.method], REDUCES.get(options.reduce, NO_REDUCTION)
    places = [
        (row.told, name)
        for name, row in OPTIONS.items()
        if row.told != NEVER and name not in LISTED and _is_read(name, options)
    ]
    places += [(METHOD_PLACE, name) for name in method.options if not is_idle(name, options)]
    places += [
        (REDUCE_PLACE, name)
        for name in reducer.options
        if _is_read(name, options) and (name not in reducer.needs or _is_meant(name, reducer.needs, options))
    ]
    return [name for _, name in sorted(places, key=lambda place: place[0])]


def _is_read(name: str, options: Options) -> bool:
    return all(it.holds(value_of(it, options)) for it in OPTIONS[name].when if it.hides)


def _is_meant(name: str, needs: tuple[str, ...], options: Options) -> bool:
    """Of what a reduction needs: the one that was given; the last, which the plan knows, always."""
    return getattr(options, name) is not None or name == needs[-1]
