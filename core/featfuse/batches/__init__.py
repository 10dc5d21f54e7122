"""Batches: many fusions in one go, over folders, patterns and containers; resumable."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Unpack

from featfuse.batches.container import STAGED
from featfuse.batches.prepare import open_batch
from featfuse.batches.run import Batch, BatchOptions, get_ready
from featfuse.batches.work import Outcome
from featfuse.request.options import FusionOptions

__all__ = ["STAGED", "Batch", "BatchOptions", "Outcome", "batch", "get_ready", "open_batch"]


def batch(
    *patterns: str,
    out: str = "",
    pairs: str | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    allow_missing: bool = False,
    jobs: int | None = None,
    dask: str | None = None,
    resume: bool = False,
    force: bool = False,
    sync: bool = True,
    fail_fast: bool = False,
    manifest: str | None = None,
    memory: str | int = "256M",
    threads: int | None = None,
    **options: Unpack[FusionOptions],
) -> Iterator[Outcome]:
    """Fuse every item that the patterns name, and yield what became of each as it finishes.

    Patterns are folders, or paths with named fields (`a/{id}.npy`, `feats.h5::{id}/l3`); items are the
    field values found in the first. `jobs` processes work at a time (default: one per core and, with
    `sync`, one more). A broken item fails by itself: its outcome's `status` is "failed" and `error` says
    why. Everything is planned before anything is written. With `dask="local"` call it under
    `if __name__ == "__main__":`, as Dask demands.

    Raises UsageError, InputError and RunError for what concerns the batch as a whole.

    >>> [o.status for o in featfuse.batch("a/{id}.npy", "b/{id}.npy", out="f/{id}.npy", method="bilinear")]
    """
    how = BatchOptions(
        out=out,
        pairs=pairs,
        include=tuple(include),
        exclude=tuple(exclude),
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
    get_ready(how)
    outcomes = open_batch(patterns, how, options).outcomes()
    with closing(outcomes):
        yield from (outcome for outcome in outcomes if outcome.status != STAGED)
