"""`fuse batch PATTERN... --out PATTERN`: many fusions in one go."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from featfuse.errors import FeatfuseError
from featfuse.request.options import FusionOptions

from featfuse_cli import INTERRUPTED, start_collecting
from featfuse_cli.completion import complete_input
from featfuse_cli.flags import with_fusion_options
from featfuse_cli.options import DryRun, Force, Json, Quiet, Sync, check_report_options
from featfuse_cli.text import MOST_USED, say

if TYPE_CHECKING:
    from featfuse.batches import Batch, BatchOptions, Outcome

__all__ = ["batch"]

EPILOG = """\
Examples:
Two folders, files matched by name:
  fuse batch stage2/ stage3/ --out fused/ --method bilinear
Named fields, other formats:
  fuse batch 'a/{id}.npy' 'b/{id}.h5::feat' --out 'out/{id}.safetensors' -m nearest
Keys of one file into keys of another:
  fuse batch 'feats.h5::{id}/l3' 'feats.h5::{id}/l4' --out 'fused.h5::{id}' -m nearest

Exit codes:
0 all done, 5 some items failed, 1 to 4 nothing was begun, 130 interrupted
"""

Patterns = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PATTERN...",
        help="A folder, or a quoted path with named fields: 'a/{id}.npy', 'feats.h5::{id}/l3', or with "
        "wildcards: 'a/*.npy'.",
        show_default=False,
        autocompletion=complete_input,
    ),
]


def _batch_option(
    name: str, help: str, metavar: str | None = None, *short: str, panel: str = "Batch"
) -> object:
    return typer.Option(f"--{name}", *short, help=help, metavar=metavar, rich_help_panel=panel)


Out = Annotated[
    str,
    _batch_option("out", "A folder, or a pattern with the same fields.", "PATTERN", "-o", panel=MOST_USED),
]
Pairs = Annotated[
    str | None,
    _batch_option(
        "pairs", "Items from a CSV (columns: inputs..., mask, out) or JSON lines; - is stdin.", "FILE"
    ),
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
    bool,
    _batch_option(
        "resume", "Do only what is missing or changed since the manifest was written.", panel=MOST_USED
    ),
]
FailFast = Annotated[bool, _batch_option("fail-fast", "Stop at the first item that fails.")]
ManifestFile = Annotated[
    str | None,
    _batch_option(
        "manifest", "Where each item is told. Default: manifest.jsonl in the output folder.", "FILE"
    ),
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
    quiet: Quiet = 0,
    memory: Memory = "256M",
    threads: Threads = None,
) -> None:
    """Fuse many items: folders, patterns with fields, keys of containers. Resumable.

    Everything is planned before anything is written. A broken item does not
    stop the rest; exit code 5 when some failed.
    """
    check_report_options(as_json=as_json, quiet=quiet)

    from featfuse.batches import SOME_FAILED, BatchOptions

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
    start_collecting()
    told = _plan if dry_run else _run
    outcomes = told(tuple(patterns or ()), how, options, as_json=as_json, quiet=quiet)
    raise typer.Exit(SOME_FAILED if any(it.status == "failed" for it in outcomes) else 0)


def _plan(
    patterns: tuple[str, ...], how: "BatchOptions", options: FusionOptions, *, as_json: bool, quiet: int
) -> "Sequence[Outcome]":
    """Plan a batch and tell it, do nothing."""
    from featfuse.batches import open_batch

    from featfuse_cli.batch_report import tell_plan

    try:
        planned = open_batch(patterns, how, options)
    except FeatfuseError as error:  # what it offers to paste shall do nothing, either
        error.commands = tuple(f"{command} --dry-run" for command in error.commands)
        raise
    tell_plan(planned, as_json=as_json, quiet=quiet)
    return planned.planned


def _run(
    patterns: tuple[str, ...], how: "BatchOptions", options: FusionOptions, *, as_json: bool, quiet: int
) -> "Sequence[Outcome]":
    """Run a batch and tell how it went."""
    from featfuse.batches import get_ready, open_batch

    from featfuse_cli.batch_report import tell_end, tell_problems

    started = time.perf_counter()
    get_ready(how)
    planned = open_batch(patterns, how, options)
    shown = not quiet and not as_json
    if shown:
        tell_problems(planned)
    outcomes = _outcomes(planned, wanted=shown)
    tell_end(planned, outcomes, time.perf_counter() - started, as_json=as_json, quiet=quiet)
    return outcomes


def _outcomes(planned: "Batch", *, wanted: bool) -> "list[Outcome]":
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
