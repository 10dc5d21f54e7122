"""What `fuse batch` tells: the table of items, what failed and why, the summary."""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from typing import TextIO

from featfuse.batches import Batch, Outcome
from featfuse.batches.alike import alike
from featfuse.batches.result import STATUSES, counted, warnings_in
from featfuse.text import human_bytes, json_text, shape_text
from featfuse.version import __version__

from featfuse_cli.text import fitting, fitting_json, say

__all__ = ["tell_end", "tell_plan", "tell_problems"]

MOST_ROWS = 50
"""Rows that a table of items shows; --json has them all."""
FEW = 3
"""Names that stand for many."""


def tell_end(
    planned: Batch, outcomes: Sequence[Outcome], seconds: float, *, as_json: bool, quiet: int
) -> None:
    """The summary of a batch that ran; items without an outcome were not begun."""
    if as_json:
        text = json_text(_summary(outcomes, len(planned.items) - len(outcomes), seconds))
        print(fitting_json(text, sys.stdout))
    else:
        _tell(planned, outcomes, seconds, quiet=quiet)


def _summary(outcomes: Sequence[Outcome], untried: int, seconds: float) -> dict[str, object]:
    """The one object of --json."""
    counts = Counter(outcome.status for outcome in outcomes)
    return {
        "schema": 1,
        "featfuse": __version__,
        "command": "batch",
        "items": len(outcomes) + untried,
        **{status: counts[status] for status in STATUSES},
        "untried": untried,
        "bytes": sum(outcome.bytes for outcome in outcomes if outcome.status == "done"),
        "seconds": round(seconds, 3),
        "failures": [_failure(outcome) for outcome in outcomes if outcome.status == "failed"],
        "missing_items": [_failure(outcome) for outcome in outcomes if outcome.status == "missing"],
    }


def _failure(outcome: Outcome) -> dict[str, object]:
    return {"id": outcome.id, "out": outcome.out, "error": outcome.error}


def _tell(planned: Batch, outcomes: Sequence[Outcome], seconds: float, *, quiet: int) -> None:
    """The summary on stdout; on stderr why items failed, equal reasons once."""
    show = fitting(sys.stdout)
    untried = len(planned.items) - len(outcomes)
    groups = alike((outcome for outcome in outcomes if outcome.error), planned.items)
    if not quiet:
        size = sum(outcome.bytes for outcome in outcomes if outcome.status == "done")
        print(f"{counted(outcomes, untried)}; {human_bytes(size)} in {seconds:.1f} s")
        for group in groups:
            if group[0].status == "missing":
                print(show(f"missing: {_names(group)}: {group[0].error}"))
    _tell_warnings(outcomes, quiet=quiet)
    sys.stdout.flush()
    show = fitting(sys.stderr)
    for group in groups:
        if group[0].status == "failed":
            why = "\n".join(map(show, str(group[0].error).split("\n")))
            say(f"failed: {show(_names(group))}: {why}")


def _names(group: Sequence[Outcome]) -> str:
    """The first of a group, whose reason is told for all, how many are like it, and a few of these."""
    first, *others = (outcome.id for outcome in group)
    if not others:
        return first
    more = ", ..." if len(others) > FEW else ""
    return f"{first} and {len(others)} alike ({', '.join(others[:FEW])}{more})"


def _tell_warnings(outcomes: Sequence[Outcome], *, quiet: int) -> None:
    """How many there are, and the first of them: below a report or, where there is none, on stderr."""
    line = warnings_in(outcomes)
    if not line or quiet > 1:
        return
    if quiet:
        say(fitting(sys.stderr)(line))
    else:
        print(fitting(sys.stdout)(line))


def tell_plan(planned: Batch, *, as_json: bool, quiet: int) -> None:
    """The table of items, nothing done."""
    if as_json:
        rows = [
            {"id": it.id, "status": it.status, "out": it.out, "shape": list(it.shape), "error": it.error}
            for it in planned.planned
        ]
        print(json.dumps({"schema": 1, "command": "batch", "dry_run": True, "items": rows}, indent=2))
        return
    if not quiet:
        _print_items(planned, sys.stdout)
    _tell_warnings(planned.planned, quiet=quiet)
    if not quiet:
        counts = Counter(it.status for it in planned.planned)
        parts = ", ".join(f"{count} {status}" for status, count in counts.items())
        print(f"{parts}; {human_bytes(planned.total_bytes)}. dry run: nothing was written")


def tell_problems(planned: Batch) -> None:
    """The items that planning found cannot be done, before the others are begun."""
    problems = sum(it.error is not None for it in planned.planned)
    if problems:
        say(f"{problems} of {len(planned.planned)} items cannot be fused:")
        _print_items(planned, sys.stderr, only_problems=True)


def _print_items(planned: Batch, stream: TextIO, *, only_problems: bool = False) -> None:
    """The first rows of a table of items, those with problems first, equal ones in one row."""
    from rich.text import Text

    from featfuse_cli.terminal import console_for, plain_table

    console, show = console_for(stream), fitting(stream)
    table = plain_table(console, "item", "plan", "output")
    rows = alike((it for it in planned.planned if it.error), planned.items)
    if not only_problems:
        rest = [it for it in planned.planned if not it.error]
        rows += [[it] for it in sorted(rest, key=lambda it: it.status == "planned")]
    for row in rows[:MOST_ROWS]:
        it = row[0]
        told = f"{it.status}: {it.error}" if it.error else f"{shape_text(it.shape)} {it.dtype}"
        if it.status == "skipped":
            told = "skipped: done before"
        told = "\n".join(map(show, told.split("\n")))
        table.add_row(*map(Text, (show(_names(row)), told, show(it.out))))
    console.print(table)
    if len(rows) > MOST_ROWS:
        console.print(f"... and {sum(map(len, rows[MOST_ROWS:]))} more")
