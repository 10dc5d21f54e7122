"""Preparing a batch: find, pair, check and plan every item. Nothing is written."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from featfuse.batches.container_keys import KnownKeys
from featfuse.batches.items import Item, Pairing, check_existing, check_outputs, forget_folders, wanted
from featfuse.batches.manifest import Manifest
from featfuse.batches.pairing import Earlier, Unmatched, output_root, pair
from featfuse.batches.pairs import read_pairs
from featfuse.batches.patterns import parse_pattern
from featfuse.batches.recipe import check_recipe, fill_recipe, mask_pattern, resolved_recipe, side_files
from featfuse.batches.run import Batch, BatchOptions, facts_of, task_of
from featfuse.batches.work import Outcome, plan_item
from featfuse.errors import RunError, UsageError
from featfuse.io.address import Address
from featfuse.process.limits import check_count, parse_memory
from featfuse.request.options import FusionOptions
from featfuse.wording import either, phrase, worded

__all__ = ["MANIFEST_NAME", "open_batch"]

MANIFEST_NAME = "manifest.jsonl"


def open_batch(patterns: Sequence[str], options: BatchOptions, fusion: FusionOptions) -> Batch:
    """Find, pair, check and plan all items; nothing is written. Raises what concerns the whole batch."""
    forget_folders()
    recipe = {name: value for name, value in fusion.items() if value is not None}
    listed = _listed(patterns, options)
    resolved = resolved_recipe(
        fusion, own_masks=listed is not None and any(item.own for item in listed.items)
    )
    root = output_root(patterns, options.out) if listed is None else listed.root
    if root.exists() and not root.is_dir():
        raise RunError(f"{worded('out', options.out)}: {root} is a file", hint="Choose another folder.")
    manifest = Manifest(Path(options.manifest) if options.manifest else root / MANIFEST_NAME).load()
    check_recipe(recipe, parse_pattern(patterns[0]).names if listed is None else [])
    try:
        pairing = _paired(patterns, options, recipe, manifest) if listed is None else listed
    except Unmatched as error:
        from featfuse.batches.unmatched import explained

        raise explained(error, options, recipe) from None
    top = os.path.realpath(pairing.root)
    pairing = check_outputs(_with_sides(pairing, recipe), top, manifest.path)
    items = check_existing(pairing.items, replacing=options.force or options.resume)
    keys = KnownKeys()
    planned = [_plan(item, recipe, resolved, options, manifest, keys) for item in items]
    return Batch(items, planned, options, recipe, resolved, manifest, pairing.gone, top)


def _check(patterns: Sequence[str], options: BatchOptions) -> None:
    """What is wrong with the options alone."""
    parse_memory(options.memory)
    check_count("jobs", options.jobs, "Leave it out for all cores.")
    if options.jobs is not None and options.dask not in (None, "local"):
        raise UsageError(
            phrase("{jobs} is not used by {dask:<ADDRESS>}"),
            hint="The cluster has the workers it has.",
        )
    if options.resume and options.force:
        raise UsageError(
            phrase("{resume} and {force} exclude each other"),
            hint=phrase("{force:True} does everything anew."),
        )
    if options.pairs is not None and patterns:
        raise UsageError(phrase("{pairs} takes the place of patterns"), hint="Leave the patterns out.")
    if options.pairs is None and patterns and not options.out:
        ways = either("--out fused/ or --out 'fused/{id}.npy'", 'out="fused/" or out="fused/{id}.npy"')
        raise UsageError(phrase("batch needs {out}"), hint=f"Like {ways}.")


def _listed(patterns: Sequence[str], options: BatchOptions) -> Pairing | None:
    """The items of --pairs, None where there are patterns."""
    _check(patterns, options)
    if options.pairs is None:
        return None
    return read_pairs(options.pairs, options.out or ".", options.include, options.exclude)


def _paired(
    patterns: Sequence[str], options: BatchOptions, recipe: Mapping[str, Any], manifest: Manifest
) -> Pairing:
    """The items that the patterns name."""
    return pair(
        patterns,
        mask_pattern(recipe),
        options.out,
        partial(wanted, include=options.include, exclude=options.exclude),
        Earlier(manifest.made, list(manifest.failed.items())),
        allow_missing=options.allow_missing,
    )


def _with_sides(pairing: Pairing, recipe: Mapping[str, Any]) -> Pairing:
    """Each item with the files beside its inputs."""
    if not side_files(recipe) and not any(item.own for item in pairing.items):
        return pairing
    items = []
    for item in pairing.items:
        names = side_files(fill_recipe(recipe, item.fields, item.own))
        items.append(replace(item, side=tuple(Address.parse(name) for name in names)))
    return replace(pairing, items=tuple(items))


def _plan(
    item: Item,
    recipe: Mapping[str, Any],
    resolved: Mapping[str, object],
    options: BatchOptions,
    manifest: Manifest,
    keys: KnownKeys,
) -> Outcome:
    if item.missing and options.allow_missing:
        return Outcome(item.id, "missing", str(item.out), item.problem)
    if item.problem is not None:
        return Outcome(item.id, "failed", str(item.out), item.problem)
    if options.resume and _is_there(item, keys) and manifest.is_done(facts_of(item, resolved)):
        return Outcome(item.id, "skipped", str(item.out))
    return plan_item(task_of(item, recipe, options))


def _is_there(item: Item, keys: KnownKeys) -> bool:
    path, key = item.out
    return os.path.exists(path) and (key is None or keys.holds(path, key))  # noqa: PTH110
