"""Running a planned batch: fuse what is to be done, telling and recording each outcome as it comes."""

import json
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from featfuse.batches.container import STAGED, Container
from featfuse.batches.items import Item, real_path
from featfuse.batches.manifest import Manifest, input_facts
from featfuse.batches.pool import run_in_processes, start_server
from featfuse.batches.recipe import fill_recipe
from featfuse.batches.work import Outcome, Task
from featfuse.errors import RunError
from featfuse.process.limits import parse_memory, usable_cores
from featfuse.storage.atomic import flush_folder
from featfuse.storage.place import open_real_folder
from featfuse.storage.sweep import sweep
from featfuse.version import __version__
from featfuse.wording import is_for_python

__all__ = ["Batch", "BatchOptions", "facts_of", "get_ready", "task_of"]

Runner = Callable[[Iterable[Task]], Generator[Outcome, None, None]]


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
    sync: bool = True
    fail_fast: bool = False
    manifest: str | None = None
    memory: str | int = "256M"
    threads: int | None = None


@dataclass(slots=True)
class Batch:
    """A planned batch: `outcomes()` runs it. `planned` holds one outcome per item, in order.

    planned: to be done; skipped: done before; missing: no partner, and allowed; failed: cannot be done.
    `recipe` are the options as given, `resolved` as the manifest remembers them. `gone` are outputs that the
    manifest tells of, and that no item is for any more. Outputs lie in `root`, a path without links.
    """

    items: tuple[Item, ...]
    planned: list[Outcome]
    options: BatchOptions
    recipe: Mapping[str, Any]
    resolved: Mapping[str, object]
    manifest: Manifest
    gone: tuple[str, ...] = ()
    root: str | None = None
    _begun: dict[int, Mapping[str, object]] = field(default_factory=dict)

    @property
    def total_bytes(self) -> int:
        """Bytes of all results still to be computed."""
        return sum(outcome.bytes for outcome in self.planned if outcome.status == "planned")

    def outcomes(self) -> Generator[Outcome, None, None]:
        """Do the work. Items that cannot be done come first, the others as they finish.

        An item of a container comes twice: as "staged" when it is computed, and when the container is
        written. What killed processes left behind is cleared, also that of workers of this run.
        """
        self.manifest.forget(self.gone)
        folders = self._folders()
        for folder in folders:
            sweep(folder)
        try:
            for index, outcome in enumerate(self.planned):
                if outcome.status in ("failed", "missing"):
                    self._record(index, outcome)
                if outcome.status != "planned":
                    yield outcome
                if outcome.status == "failed" and self.options.fail_fast:
                    return
            yield from self._work()
        finally:
            self.manifest.close()
            for folder in folders:
                sweep(folder)
                if self.options.sync:
                    flush_folder(Path(folder))

    def _work(self) -> Iterator[Outcome]:
        todo = [index for index, outcome in enumerate(self.planned) if outcome.status == "planned"]
        index_of = {self.items[index].id: index for index in todo}
        if self.root is not None and todo:
            with suppress(OSError):  # each item will say so
                os.close(open_real_folder(self.root, make=True))
        with ExitStack() as stack:
            containers, refused = self._containers(todo, stack)
            for index in [index for index in todo if self.items[index].out.path in refused]:
                error = refused[self.items[index].out.path]
                outcome = replace(self.planned[index], status="failed", error=error)
                self._record(index, outcome)
                yield outcome
                if self.options.fail_fast:
                    return
            adopted = self._adopted(todo, containers)
            yield from adopted.values()
            left = [i for i in todo if i not in adopted and self.items[i].out.path not in refused]
            tasks = (self._task(index, containers) for index in left)
            for outcome in stack.enter_context(closing(self._runner()(tasks))):
                index = index_of[outcome.id]
                container = containers.get(self.items[index].out.path)
                if container is not None:
                    facts = self._begun[index]
                    outcome = container.add(outcome, self.items[index].out, facts)  # noqa: PLW2901
                if outcome.status != STAGED:
                    self._record(index, outcome)
                yield outcome
                if outcome.status == "failed" and self.options.fail_fast:
                    return
            words = {"featfuse.pipeline": json.dumps(self.resolved)}
            for container in containers.values():
                for outcome in container.finish(words):
                    self._record(index_of[outcome.id], outcome)
                    yield outcome

    def _adopted(self, todo: Sequence[int], containers: Mapping[str, Container]) -> dict[int, Outcome]:
        """The items that wait beside their containers already, since a batch that was killed."""
        adopted: dict[int, Outcome] = {}
        if self.options.resume:
            for index in todo:
                item = self.items[index]
                container = containers.get(item.out.path)
                if container is None:
                    continue
                facts = facts_of(item, self.resolved)
                outcome = container.adopt(self.planned[index], index, item.out, facts)
                if outcome is not None:
                    adopted[index], self._begun[index] = outcome, facts
        for container in containers.values():
            container.adopted_all()
        return adopted

    def _containers(
        self, todo: Sequence[int], stack: ExitStack
    ) -> tuple[dict[str, Container], dict[str, str]]:
        """One per output file that takes several items; and why there is none."""
        containers: dict[str, Container] = {}
        refused: dict[str, str] = {}
        replaced = self.options.force or self.options.resume
        for path in dict.fromkeys(
            out.path for index in todo if (out := self.items[index].out).key is not None
        ):
            try:
                container = Container(
                    path,
                    force=replaced,
                    resume=self.options.resume,
                    sync=self.options.sync,
                    root=self.root,
                )
            except RunError as error:
                refused[path] = str(error)
            else:
                containers[path] = stack.enter_context(container)
        return containers, refused

    def _task(self, index: int, containers: Mapping[str, Container]) -> Task:
        """The task of an item that is begun now: its inputs are what they are at this moment."""
        item = self.items[index]
        self._begun[index] = facts_of(item, self.resolved)
        task = replace(task_of(item, self.recipe, self.options), root=self.root)
        container = containers.get(item.out.path)
        return container.stage(task, index) if container is not None else task

    def _runner(self) -> Runner:
        address, jobs = self.options.dask, jobs_of(self.options)
        if address is not None:
            from featfuse.batches.cluster import run_on_cluster

            return lambda tasks: run_on_cluster(tasks, address, jobs)
        return lambda tasks: run_in_processes(tasks, jobs)

    def _record(self, index: int, outcome: Outcome) -> None:
        """A line in the manifest."""
        item = self.items[index]
        facts = self._begun.pop(index, None) or facts_of(item, self.resolved)
        self.manifest.append(
            {
                "id": item.id,
                "status": outcome.status,
                **facts,
                "shape": list(outcome.shape),
                "dtype": outcome.dtype,
                "seconds": round(outcome.seconds, 4),
                "error": outcome.error,
                "featfuse": __version__,
            }
        )

    def _folders(self) -> set[str]:
        """The folders of the outputs."""
        paths = (item.out.path for item in self.items if item.out.path)
        return {os.path.dirname(real_path(path)) for path in paths}  # noqa: PTH120


def get_ready(options: BatchOptions) -> None:
    """Begin to load what the workers need, before the batch is planned: the two take about as long."""
    if options.dask is None:
        start_server()


def facts_of(item: Item, resolved: Mapping[str, object]) -> dict[str, object]:
    """What the manifest holds an item against: its files, its recipe and its output."""
    return {
        "inputs": input_facts(item.inputs),
        "side": input_facts(item.side),
        "recipe": resolved,
        "out": str(item.out),
    }


def task_of(item: Item, recipe: Mapping[str, Any], options: BatchOptions) -> Task:
    """What a worker needs to fuse the item; memory and threads are shared out among the processes."""
    jobs = jobs_of(options)
    memory = max(1 << 20, parse_memory(options.memory) // jobs)
    threads = options.threads or max(1, usable_cores() // jobs)
    replaced = options.force or options.resume
    filled = fill_recipe(recipe, item.fields, item.own)
    how = (memory, threads, jobs, replaced, options.sync, is_for_python())
    return Task(item.id, item.inputs, item.out, filled, *how)


def jobs_of(options: BatchOptions) -> int:
    """How many processes work at a time: one per core and, where they wait for the disk, one more."""
    waiting = 1 if options.sync and options.dask is None else 0
    return options.jobs or usable_cores() + waiting
