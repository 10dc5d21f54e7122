"""Which items ended for the same reason: told once, for however many."""

from collections.abc import Iterable, Sequence

from featfuse.batches.items import Item
from featfuse.batches.work import Outcome

__all__ = ["alike"]


def alike(outcomes: Iterable[Outcome], items: Sequence[Item]) -> list[list[Outcome]]:
    """The outcomes in groups of one status whose reasons differ by their items' own names at most.

    Groups come in the order of their first outcomes, and so do the outcomes within each.
    """
    by_id = {item.id: item for item in items}
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in outcomes:
        reason = _without_names(outcome.error or "", by_id[outcome.id])
        groups.setdefault((outcome.status, reason), []).append(outcome)
    return list(groups.values())


def _without_names(reason: str, item: Item) -> str:
    """The reason with a mark for each of the item's own files, which says which of them it is."""
    for place, (path, key) in enumerate((*item.inputs, *item.side, item.out)):
        if key is not None:
            reason = reason.replace(f"{path}::{key}", f"\0{place}").replace(f" key {key}", f" key \0{place}")
        reason = reason.replace(path, f"\0{place}") if path else reason
        stem = path[: path.rfind(".")] if "." in path.rpartition("/")[2] else ""
        reason = reason.replace(stem, f"\0{place}") if "/" in stem else reason
    return reason
