"""Past one machine: the same items on an existing Dask cluster (extra `dask`)."""

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import featfuse
from featfuse.batches.work import Outcome, Task, fuse_item
from featfuse.errors import RunError, UsageError
from featfuse.formats import split_input

__all__ = ["run_on_cluster"]

WAVE = 4
"""Items in flight per worker thread: enough to keep workers busy, few enough for any scheduler."""

RETRIES = 3
"""How often an item is given to another worker when the one that had it died."""

TIMEOUT = "10s"


def run_on_cluster(tasks: Iterable[Task], address: str) -> Iterator[Outcome]:
    """The outcome of every task as it comes, computed by the workers at `address`, or on a cluster of
    this machine's cores when it is "local". RunError when the cluster cannot do it.
    """
    try:
        import distributed
    except ImportError:
        raise UsageError(
            "--dask needs Dask, which is not installed", hint="pip install 'featfuse[dask]'"
        ) from None
    todo = iter(tasks)
    first = next(todo, None)
    if first is None:
        return
    with _client(distributed, address) as client:
        _check_workers(client, first)
        capacity = WAVE * max(1, sum(client.nthreads().values()))
        yield from _submit(distributed, client, itertools.chain([first], todo), capacity)


def _client(distributed: Any, address: str) -> Any:
    if address == "local":
        return distributed.Client(processes=True, threads_per_worker=1, dashboard_address=None)
    try:
        return distributed.Client(address, timeout=TIMEOUT)
    except (OSError, ValueError) as error:
        raise RunError(
            f"--dask {address}: the scheduler cannot be reached: {error}",
            hint="Start one with `dask scheduler` and give its address, like tcp://host:8786.",
        ) from None


def _check_workers(client: Any, first: Task) -> None:
    """Every worker must run this featfuse and see the files."""
    client.wait_for_workers(1, timeout=30)
    versions = client.run(_version)
    for worker, version in versions.items():
        if version != featfuse.__version__:
            raise RunError(
                f"--dask: worker {worker} runs featfuse {version}, here it is {featfuse.__version__}",
                hint="Install the same version on every worker.",
            )
    path = str(Path(split_input(first.inputs[0])[0]).resolve())
    for worker, sees in client.run(_sees, path).items():
        if not sees:
            raise RunError(
                f"--dask: worker {worker} cannot see {path}",
                hint="Inputs and outputs must be on storage that all machines share, under the same path.",
            )


def _version() -> str:
    try:
        from featfuse import __version__
    except ImportError:
        return "(not installed)"
    return __version__


def _sees(path: str) -> bool:
    return Path(path).exists()


def _submit(distributed: Any, client: Any, todo: Iterator[Task], capacity: int) -> Iterator[Outcome]:
    """Keep `capacity` items in flight; hand on each outcome as its future finishes."""
    running: dict[Any, Task] = {}
    gathering = distributed.as_completed()

    def feed(count: int) -> None:
        for task in itertools.islice(todo, count):
            absolute = _absolute(task)
            future = client.submit(
                fuse_item, absolute, pure=False, retries=RETRIES, key=f"featfuse-{task.id}-{id(task)}"
            )
            running[future] = task
            gathering.add(future)

    feed(capacity)
    try:
        while running:
            future = next(gathering)
            task = running.pop(future)
            yield _outcome(future, task)
            future.release()
            feed(1)
    finally:
        client.cancel(list(running))


def _outcome(future: Any, task: Task) -> Outcome:
    """What the worker said, or why there is no answer, with the paths as the caller wrote them."""
    from dataclasses import replace

    if future.status == "error":
        return Outcome(task.id, "failed", task.out, f"the cluster gave up: {future.exception()}")
    if future.status == "cancelled":
        return Outcome(task.id, "failed", task.out, "the cluster lost it")
    outcome: Outcome = future.result()
    return replace(outcome, out=task.out)


def _absolute(task: Task) -> Task:
    """Workers have working directories of their own."""
    from dataclasses import replace

    return replace(task, inputs=tuple(_whole_path(name) for name in task.inputs), out=_whole_path(task.out))


def _whole_path(text: str) -> str:
    path, key = split_input(text)
    whole = str(Path(path).resolve())
    return whole if key is None else f"{whole}::{key}"
