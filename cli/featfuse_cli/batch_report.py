"""What `fuse batch` tells: the table of items, what failed and why, the summary."""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from typing import TextIO

from featfuse.batches import Batch, Outcome
from featfuse.batches.result import STATUSES, counted, warnings_in
from featfuse.text import human_bytes, json_text, shape_text, visible
from featfuse.version import __version__

from featfuse_cli.text import say

__all__ = ["tell_end", "tell_plan", "tell_problems"]

MOST_ROWS = 50
"""Rows that a table of items shows; --json has them all."""


def tell_end(
    outcomes: Sequence[Outcome], untried: int, seconds: float, *, as_json: bool, quiet: bool
) -> None:
    """The summary of a batch that ran, `untried` of whose items were not begun."""
    if as_json:
        print(json_text(_summary(outcomes, untried, seconds)))
    else:
        _tell(outcomes, untried, seconds, quiet=quiet)


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


def _tell(outcomes: Sequence[Outcome], untried: int, seconds: float, *, quiet: bool) -> None:
    """The summary on stdout, each failure with its reason on stderr."""
    if not quiet:
        size = sum(outcome.bytes for outcome in outcomes if outcome.status == "done")
        print(f"{counted(outcomes, untried)}; {human_bytes(size)} in {seconds:.1f} s")
        for outcome in outcomes:
            if outcome.status == "missing":
                print(visible(f"missing: {outcome.id}: {outcome.error}"))
        if warned := warnings_in(outcomes):
            print(visible(warned))
    sys.stdout.flush()
    for outcome in outcomes:
        if outcome.status == "failed":
            why = visible(str(outcome.error), keep="\n")
            say(f"failed: {visible(outcome.id)}: {why}")


def tell_plan(planned: Batch, *, as_json: bool, quiet: bool) -> None:
    """The table of items, nothing done."""
    if as_json:
        rows = [
            {"id": it.id, "status": it.status, "out": it.out, "shape": list(it.shape), "error": it.error}
            for it in planned.planned
        ]
        print(json.dumps({"schema": 1, "command": "batch", "dry_run": True, "items": rows}, indent=2))
        return
    if quiet:
        return
    _print_items(planned.planned, sys.stdout)
    counts = Counter(it.status for it in planned.planned)
    parts = ", ".join(f"{count} {status}" for status, count in counts.items())
    print(f"{parts}; {human_bytes(planned.total_bytes)}. dry run: nothing was written")


def tell_problems(planned: Batch) -> None:
    """The items that planning found cannot be done, before the others are begun."""
    problems = [it for it in planned.planned if it.error]
    if problems:
        say(f"{len(problems)} of {len(planned.planned)} items cannot be fused:")
        _print_items(problems, sys.stderr)


def _print_items(items: Sequence[Outcome], stream: TextIO) -> None:
    """The first rows of a table of items, those with problems first."""
    from rich.text import Text

    from featfuse_cli.terminal import console_for, plain_table

    table = plain_table("item", "plan", "output")
    for it in sorted(items, key=lambda it: it.status == "planned")[:MOST_ROWS]:
        told = f"{it.status}: {it.error}" if it.error else f"{shape_text(it.shape)} {it.dtype}"
        if it.status == "skipped":
            told = "skipped: done before"
        table.add_row(Text(visible(it.id)), Text(visible(told, keep="\n")), Text(visible(it.out)))
    console = console_for(stream)
    console.print(table)
    if len(items) > MOST_ROWS:
        console.print(f"... and {len(items) - MOST_ROWS} more")
