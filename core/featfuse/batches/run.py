"""Running a batch: plan every item, then fuse what is to be done, telling each outcome as it comes."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from featfuse.batches.container import Container
from featfuse.batches.items import Item, Pairing, check_outputs, pair, read_pairs, refuse_existing
from featfuse.batches.manifest import Manifest, input_facts
from featfuse.batches.pool import run_in_processes
from featfuse.batches.work import Outcome, Task, plan_item
from featfuse.errors import UsageError
from featfuse.execute import parse_memory, usable_cores
from featfuse.formats import split_input
from featfuse.formats.sweep import sweep
from featfuse.options import FusionOptions, Options

__all__ = ["MANIFEST_NAME", "Batch", "BatchOptions", "open_batch"]

MANIFEST_NAME = "manifest.jsonl"

Runner = Callable[[Iterable[Task]], Iterator[Outcome]]


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """How a batch runs, beside how each item is fused."""

    out: str = ""
    pairs: str | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    allow_missing: bool = False
    jobs: int | None = None
    dask: str | None = None
    resume: bool = False
    force: bool = False
    fail_fast: bool = False
    manifest: str | None = None
    memory: str | int = "256M"
    threads: int | None = None


@dataclass(slots=True)
class Batch:
    """A planned batch: `outcomes()` runs it. `planned` holds one outcome per item, in order.

    planned: to be done; skipped: done before; missing: no partner, and allowed; failed: cannot be done.
    """

    items: tuple[Item, ...]
    planned: list[Outcome]
    options: BatchOptions
    recipe: Mapping[str, Any]
    manifest: Manifest

    @property
    def total_bytes(self) -> int:
        """Bytes of all results still to be computed."""
        return sum(outcome.bytes for outcome in self.planned if outcome.status == "planned")

    def outcomes(self) -> Iterator[Outcome]:
        """Do the work. Items that cannot be done come first, the others as they finish."""
        try:
            for item, outcome in zip(self.items, self.planned, strict=True):
                if outcome.status != "planned":
                    if outcome.status == "failed":
                        self._record(item, outcome)
                    yield outcome
                    if outcome.status == "failed" and self.options.fail_fast:
                        return
            yield from self._work()
        finally:
            self.manifest.close()

    def _work(self) -> Iterator[Outcome]:
        todo = [index for index, outcome in enumerate(self.planned) if outcome.status == "planned"]
        by_id = {self.items[index].id: index for index in todo}
        with ExitStack() as stack:
            containers = self._containers(todo, stack)
            tasks = (self._task(index, containers) for index in todo)
            runner = stack.enter_context(_closing(self._runner()(tasks)))
            for outcome in runner:
                index = by_id[outcome.id]
                item = self.items[index]
                container = containers.get(split_input(item.out)[0])
                if container is not None:
                    outcome = container.add(outcome, item.out)  # noqa: PLW2901
                    if outcome.status == "done":
                        continue
                self._record(item, outcome)
                yield outcome
                if outcome.status == "failed" and self.options.fail_fast:
                    return
            words = {"featfuse.pipeline": json.dumps(dict(self.recipe), default=str)}
            for container in containers.values():
                for outcome in container.finish(words):
                    self._record(self.items[by_id[outcome.id]], outcome)
                    yield outcome

    def _containers(self, todo: Sequence[int], stack: ExitStack) -> dict[str, Container]:
        """One per output file that takes several items."""
        containers: dict[str, Container] = {}
        for index in todo:
            path, key = split_input(self.items[index].out)
            if key is not None and path not in containers:
                keep = not self.options.force
                containers[path] = stack.enter_context(Container(path, keep=keep))
        return containers

    def _task(self, index: int, containers: Mapping[str, Container]) -> Task:
        item = self.items[index]
        task = _task_of(item, self.recipe, self.options)
        container = containers.get(split_input(item.out)[0])
        return container.stage(task, index) if container is not None else task

    def _runner(self) -> Runner:
        options = self.options
        if options.dask is not None:
            from featfuse.batches.cluster import run_on_cluster

            return lambda tasks: run_on_cluster(tasks, str(options.dask))
        jobs = _jobs(options)
        return lambda tasks: run_in_processes(tasks, jobs)

    def _record(self, item: Item, outcome: Outcome) -> None:
        """A line in the manifest."""
        self.manifest.append(
            {
                "id": item.id,
                "status": outcome.status,
                "inputs": input_facts(item.inputs),
                "recipe": dict(self.recipe),
                "out": item.out,
                "shape": list(outcome.shape),
                "dtype": outcome.dtype,
                "seconds": round(outcome.seconds, 4),
                "error": outcome.error,
            }
        )


class _closing(ExitStack):
    """Closes a generator, which ends its workers."""

    def __init__(self, iterator: Iterator[Outcome]) -> None:
        super().__init__()
        self.iterator = iterator
        close = getattr(iterator, "close", None)
        if close is not None:
            self.callback(close)

    def __enter__(self) -> Iterator[Outcome]:  # type: ignore[override]
        return self.iterator


def open_batch(patterns: Sequence[str], options: BatchOptions, fusion: FusionOptions) -> Batch:
    """Find, pair, check and plan all items; nothing is written. Raises what concerns the whole batch."""
    Options.resolve(fusion)
    if options.jobs is not None and options.jobs < 1:
        raise UsageError(f"--jobs {options.jobs}: at least 1 is needed")
    if options.resume and options.force:
        raise UsageError("--resume and --force exclude each other", hint="--force does everything anew.")
    pairing = _pairing(patterns, options)
    recipe = {name: value for name, value in fusion.items() if value is not None}
    manifest = Manifest(_manifest_path(pairing, options))
    if options.resume:
        manifest.load()
    _sweep_folders(pairing)
    planned = [_plan(item, recipe, options, manifest) for item in pairing.items]
    if not options.force and not options.resume:
        refuse_existing(pairing.items)
    return Batch(pairing.items, planned, options, recipe, manifest)


def _pairing(patterns: Sequence[str], options: BatchOptions) -> Pairing:
    if options.pairs is not None:
        if patterns:
            raise UsageError("--pairs takes the place of patterns", hint="Leave the patterns out.")
        found = read_pairs(options.pairs, options.out or ".", options.include, options.exclude)
    else:
        if not options.out:
            raise UsageError("batch needs --out", hint="Like --out fused/ or --out 'fused/{id}.npy'.")
        found = pair(patterns, options.out, options.include, options.exclude)
    return check_outputs(found)


def _manifest_path(pairing: Pairing, options: BatchOptions) -> Path:
    return Path(options.manifest) if options.manifest else pairing.root / MANIFEST_NAME


def _sweep_folders(pairing: Pairing) -> None:
    for folder in {Path(split_input(item.out)[0]).parent for item in pairing.items}:
        sweep(folder)


def _plan(item: Item, recipe: Mapping[str, Any], options: BatchOptions, manifest: Manifest) -> Outcome:
    if item.missing and options.allow_missing:
        return Outcome(item.id, "missing", item.out, item.problem)
    if item.problem is not None:
        return Outcome(item.id, "failed", item.out, item.problem)
    if options.resume and _is_done(item, recipe, manifest):
        return Outcome(item.id, "skipped", item.out)
    return plan_item(_task_of(item, recipe, options))


def _is_done(item: Item, recipe: Mapping[str, Any], manifest: Manifest) -> bool:
    if not Path(split_input(item.out)[0]).exists():
        return False
    known = json.loads(json.dumps(dict(recipe), default=str))
    return manifest.matches(item.id, item.out, input_facts(item.inputs), known)


def _task_of(item: Item, recipe: Mapping[str, Any], options: BatchOptions) -> Task:
    """The item with its own mask, weights and grid where the option names fields."""
    filled = {
        name: value.format(**item.fields)
        if name in ("mask", "weights", "like") and _has_fields(value)
        else value
        for name, value in recipe.items()
    }
    jobs = _jobs(options)
    memory = max(1 << 20, parse_memory(options.memory) // jobs)
    threads = options.threads or max(1, usable_cores() // jobs)
    replaced = options.force or options.resume
    return Task(item.id, item.inputs, item.out, filled, memory, threads, replaced)


def _has_fields(value: object) -> bool:
    return isinstance(value, str) and "{" in value


def _jobs(options: BatchOptions) -> int:
    return options.jobs or usable_cores()
