"""`fuse batch PATTERN... --out PATTERN`: many fusions in one go."""

import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, TextIO

import typer
from featfuse.request.options import FusionOptions

from featfuse_cli import INTERRUPTED, start_collecting
from featfuse_cli.flags import with_fusion_options
from featfuse_cli.options import Json, Quiet, Sync, check_report_options
from featfuse_cli.text import say, visible

if TYPE_CHECKING:
    from featfuse.batches import Batch, Outcome

__all__ = ["batch"]

SOME_FAILED = 5
STATUSES = ("done", "skipped", "missing", "failed")
MOST_ROWS = 50
"""Rows that a table of items shows; --json has them all."""

Patterns = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PATTERN...",
        help="A folder, or a path with named fields: 'a/{id}.npy', 'feats.h5::{id}/l3'.",
        show_default=False,
    ),
]


def _batch_option(name: str, help: str, metavar: str | None = None, *short: str) -> object:
    return typer.Option(f"--{name}", *short, help=help, metavar=metavar, rich_help_panel="Batch")


Out = Annotated[
    str,
    _batch_option("out", "A folder, or a pattern with the same fields.", "PATTERN", "-o"),
]
Pairs = Annotated[
    str | None,
    _batch_option("pairs", "Items from a CSV (columns: inputs..., out) or JSON lines; - is stdin.", "FILE"),
]
Include = Annotated[
    list[str] | None, _batch_option("include", "Only items that match this glob. Repeatable.", "GLOB")
]
Exclude = Annotated[
    list[str] | None, _batch_option("exclude", "No items that match this glob. Repeatable.", "GLOB")
]
AllowMissing = Annotated[
    bool, _batch_option("allow-missing", "Items without a partner are listed, but are no failure.")
]
Jobs = Annotated[
    int | None,
    _batch_option(
        "jobs", "Processes at a time. Default: one more than the cores; with --no-sync as many.", "N", "-j"
    ),
]
Dask = Annotated[
    str | None,
    _batch_option("dask", "Run on the Dask cluster at this address; local starts one here.", "ADDRESS"),
]
Resume = Annotated[
    bool, _batch_option("resume", "Do only what is missing or changed since the manifest was written.")
]
FailFast = Annotated[bool, _batch_option("fail-fast", "Stop at the first item that fails.")]
ManifestFile = Annotated[
    str | None,
    _batch_option(
        "manifest", "Where each item is told. Default: manifest.jsonl in the output folder.", "FILE"
    ),
]
Force = Annotated[
    bool, typer.Option("--force", "-f", help="Replace existing outputs.", rich_help_panel="Output")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Plan and list, write nothing.", rich_help_panel="Output")
]
Memory = Annotated[
    str,
    typer.Option(
        "--memory",
        metavar="SIZE",
        help="Working memory of all processes together. Default: 256M.",
        show_default=False,
        rich_help_panel="Run",
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        metavar="N",
        min=1,
        help="Per process. Default: the cores shared out.",
        rich_help_panel="Run",
    ),
]


@with_fusion_options
def batch(
    options: FusionOptions,
    patterns: Patterns = None,
    out: Out = "",
    pairs: Pairs = None,
    include: Include = None,
    exclude: Exclude = None,
    allow_missing: AllowMissing = False,
    jobs: Jobs = None,
    dask: Dask = None,
    resume: Resume = False,
    fail_fast: FailFast = False,
    manifest: ManifestFile = None,
    force: Force = False,
    sync: Sync = True,
    dry_run: DryRun = False,
    as_json: Json = False,
    quiet: Quiet = False,
    memory: Memory = "256M",
    threads: Threads = None,
) -> None:
    """Fuse many items: folders, patterns with fields, keys of containers. Resumable.

    Everything is planned before anything is written. A broken item does not
    stop the rest; exit code 5 when some failed.
    """
    check_report_options(as_json=as_json, quiet=quiet)

    from featfuse.batches import BatchOptions, get_ready, open_batch

    start_collecting()
    how = BatchOptions(
        out=out,
        pairs=pairs,
        include=tuple(include or ()),
        exclude=tuple(exclude or ()),
        allow_missing=allow_missing,
        jobs=jobs,
        dask=dask,
        resume=resume,
        force=force,
        sync=sync,
        fail_fast=fail_fast,
        manifest=manifest,
        memory=memory,
        threads=threads,
    )
    started = time.perf_counter()
    if not dry_run:
        get_ready(how)
    planned = open_batch(tuple(patterns or ()), how, options)
    if dry_run:
        _tell_plan(planned, as_json=as_json, quiet=quiet)
        raise typer.Exit(SOME_FAILED if any(it.status == "failed" for it in planned.planned) else 0)
    if not quiet and not as_json:
        _tell_problems(planned)
    outcomes = _run(planned, wanted=not quiet and not as_json)
    seconds = time.perf_counter() - started
    untried = len(planned.items) - len(outcomes)
    if as_json:
        from featfuse.text import json_text

        print(json_text(_summary(outcomes, untried, seconds)))
    else:
        _tell(outcomes, untried, seconds, quiet=quiet)
    if any(outcome.status == "failed" for outcome in outcomes):
        raise typer.Exit(SOME_FAILED)


def _run(planned: "Batch", *, wanted: bool) -> "list[Outcome]":
    """Every outcome, behind a progress bar; Ctrl-C says how to go on."""
    from featfuse.batches import STAGED

    from featfuse_cli.progress import ItemBar

    outcomes: list[Outcome] = []
    seen: set[str] = set()
    size = 0
    try:
        with ItemBar(len(planned.items), planned.total_bytes, wanted=wanted) as bar:
            for outcome in planned.outcomes():
                if outcome.status != STAGED:
                    outcomes.append(outcome)
                if outcome.id not in seen:  # what is staged comes again when its container is written
                    size += outcome.bytes
                    seen.add(outcome.id)
                bar.update(len(seen), size)
    except KeyboardInterrupt:
        done = sum(outcome.status == "done" for outcome in outcomes)
        say(
            f"interrupted: {done} of {len(planned.items)} items are done, and whole\n"
            "The same command with --resume does the rest."
        )
        raise typer.Exit(INTERRUPTED) from None
    return outcomes


def _summary(outcomes: "Sequence[Outcome]", untried: int, seconds: float) -> dict[str, object]:
    """The one object of --json."""
    from featfuse.version import __version__

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


def _failure(outcome: "Outcome") -> dict[str, object]:
    return {"id": outcome.id, "out": outcome.out, "error": outcome.error}


def _tell(outcomes: "Sequence[Outcome]", untried: int, seconds: float, *, quiet: bool) -> None:
    """The summary on stdout, each failure with its reason on stderr."""
    from featfuse.text import human_bytes

    counts = Counter(outcome.status for outcome in outcomes)
    if not quiet:
        parts = [f"{counts[status]} {status}" for status in STATUSES if counts[status]]
        parts += [f"{untried} not tried"] if untried else []
        size = sum(outcome.bytes for outcome in outcomes if outcome.status == "done")
        print(f"{len(outcomes) + untried} items: {', '.join(parts)}; {human_bytes(size)} in {seconds:.1f} s")
        warned = Counter(warning for outcome in outcomes for warning in outcome.warnings)
        for outcome in outcomes:
            if outcome.status == "missing":
                print(visible(f"missing: {outcome.id}: {outcome.error}"))
        if warned:
            text, _ = next(iter(warned.items()))
            print(visible(f"warnings: {sum(warned.values())}, the first: {text}"))
    sys.stdout.flush()
    for outcome in outcomes:
        if outcome.status == "failed":
            why = visible(str(outcome.error), keep="\n")
            say(f"failed: {visible(outcome.id)}: {why}")


def _tell_plan(planned: "Batch", *, as_json: bool, quiet: bool) -> None:
    """The table of items, nothing done."""
    from featfuse.text import human_bytes

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


def _tell_problems(planned: "Batch") -> None:
    """The items that planning found cannot be done, before the others are begun."""
    problems = [it for it in planned.planned if it.error]
    if problems:
        say(f"{len(problems)} of {len(planned.planned)} items cannot be fused:")
        _print_items(problems, sys.stderr)


def _print_items(items: "Sequence[Outcome]", stream: TextIO) -> None:
    """The first rows of a table of items, those with problems first."""
    from featfuse.text import shape_text
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
