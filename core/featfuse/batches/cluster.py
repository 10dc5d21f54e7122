"""Past one machine: the same items on an existing Dask cluster (extra `dask`)."""

import itertools
import os
import queue
import secrets
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from featfuse.batches.recipe import map_files
from featfuse.batches.work import Outcome, Task, fuse_item, make_folder
from featfuse.errors import RunError, UsageError
from featfuse.io.address import Address
from featfuse.storage.faults import write_faults
from featfuse.version import __version__
from featfuse.wording import either, phrase, worded

__all__ = ["run_on_cluster"]

WAVE = 4
"""Items in flight per worker thread: enough to keep workers busy, few enough for any scheduler."""

TIMEOUT = "10s"
"""How long the scheduler may take to answer."""

WORKERS_WITHIN = 30
"""Seconds until the first worker must be there."""


def run_on_cluster(tasks: Iterable[Task], address: str, jobs: int) -> Generator[Outcome, None, None]:
    """The outcome of every task as it comes, computed by the workers at `address`, or by `jobs`
    processes of this machine when it is "local". RunError when the cluster cannot do it.

    When a worker dies, its items are given to others, each as often as the scheduler's setting
    `distributed.scheduler.allowed-failures` says.
    """
    try:
        import distributed
    except ImportError:
        raise UsageError(
            phrase("{dask} needs Dask, which is not installed"), hint="pip install 'featfuse[dask]'"
        ) from None
    todo = iter(tasks)
    first = next(todo, None)
    if first is None:
        return
    with _client(distributed, address, jobs) as client:
        _check_workers(client, first)
        capacity = WAVE * max(1, sum(client.nthreads().values()))
        yield from _submit(client, itertools.chain([first], todo), capacity)


@contextmanager
def _client(distributed: Any, address: str, jobs: int) -> Iterator[Any]:
    """A client of the scheduler at `address`, or of one that lives as long as the batch."""
    if address == "local":
        with (
            distributed.LocalCluster(n_workers=jobs, threads_per_worker=1, dashboard_address=":0") as cluster,
            distributed.Client(cluster) as client,
        ):
            yield client
        return
    try:
        client = distributed.Client(address, timeout=TIMEOUT)
    except (OSError, ValueError, TimeoutError) as error:
        raise RunError(
            f"{worded('dask', address)}: the scheduler cannot be reached: {error}",
            hint="Start one with `dask scheduler` and give its address, like tcp://host:8786.",
        ) from None
    with client:
        yield client


def _check_workers(client: Any, first: Task) -> None:
    """Every worker must run this featfuse, and see the inputs and what is written to the outputs."""
    try:
        client.wait_for_workers(1, timeout=WORKERS_WITHIN)
    except TimeoutError:
        raise RunError(
            phrase("{dask}: the scheduler has no workers"),
            hint="Start some with `dask worker tcp://host:8786`.",
        ) from None
    for worker, version in client.run(_version).items():
        if version != __version__:
            raise RunError(
                f"{worded('dask')}: worker {worker} runs featfuse {version}, here it is {__version__}",
                hint="Install the same version on every worker.",
            )
    _check_sight(client, _whole(first.inputs[0]).path)
    make_folder(first.out)
    with _probe(Path(_whole(first.out).path).parent) as probe:
        _check_sight(client, probe)


def _check_sight(client: Any, path: str) -> None:
    for worker, sees in client.run(_sees, path).items():
        if not sees:
            raise RunError(
                f"{worded('dask')}: worker {worker} cannot see {path}",
                hint="Inputs and outputs must be on storage that all machines share, under the same path.",
            )


@contextmanager
def _probe(folder: Path) -> Iterator[str]:
    """A file that only storage shared with this machine shows; named as leftovers are, to be swept."""
    path = folder / f".probe.{os.getpid()}.{secrets.token_hex(4)}.tmp"
    with write_faults(str(folder)):
        path.touch()
    try:
        yield str(path)
    finally:
        path.unlink(missing_ok=True)


def _version() -> str:
    try:
        from featfuse.version import __version__
    except ImportError:
        return "(not installed)"
    return __version__


def _sees(path: str) -> bool:
    return Path(path).exists()


def _submit(client: Any, todo: Iterator[Task], capacity: int) -> Iterator[Outcome]:
    """Keep `capacity` items in flight; hand on each outcome as its future finishes."""
    running: dict[Any, Task] = {}
    finished: queue.SimpleQueue[Any] = queue.SimpleQueue()
    batch = secrets.token_hex(8)
    numbers = itertools.count()

    def feed(count: int) -> None:
        for task in itertools.islice(todo, count):
            key = f"featfuse-{batch}-{next(numbers)}"
            future = client.submit(fuse_item, _absolute(task), pure=False, key=key)
            running[future] = task
            future.add_done_callback(finished.put)

    try:
        feed(capacity)
        while running:
            future = _next(finished, client)
            if future.status in ("pending", "lost"):  # a worker died with the result, which is made anew
                future.add_done_callback(finished.put)
                continue
            task = running.pop(future)
            yield _outcome(future, task)
            future.release()
            feed(1)
    except OSError as error:  # distributed's own errors of communication are such
        raise _lost(str(error)) from None
    finally:
        if client.status == "running":
            client.cancel(list(running))


def _next(finished: "queue.SimpleQueue[Any]", client: Any) -> Any:
    """The next future that has finished. RunError when the client has given the scheduler up."""
    while client.status not in ("closing", "closed"):
        with suppress(queue.Empty):
            future = finished.get(timeout=1)
            if future.status in ("finished", "error") or client.status == "running":
                return future
            break
    raise _lost("it does not answer any more")


def _lost(reason: str) -> RunError:
    return RunError(
        f"{worded('dask')}: the scheduler was lost: {reason}",
        hint=f"The same {either('command', 'call')} with {worded('resume', True)} does the rest.",
    )


def _outcome(future: Any, task: Task) -> Outcome:
    """What the worker said, or why there is no answer, with the paths as the caller wrote them."""
    if future.status == "error":
        return Outcome(task.id, "failed", str(task.out), f"the cluster gave up: {future.exception()}")
    if future.status != "finished":
        return Outcome(task.id, "failed", str(task.out), "the cluster lost it")
    outcome: Outcome = future.result()
    return replace(outcome, out=str(task.out))


def _absolute(task: Task) -> Task:
    """Workers have working directories of their own. An item is done again when the worker that had
    written it died before it could say so: its output is there then, and replaced.
    """
    inputs = tuple(_whole(address) for address in task.inputs)
    options = map_files(task.options, lambda text: str(_whole(Address.parse(text))))
    return replace(task, inputs=inputs, out=_whole(task.out), options=options, force=True)


def _whole(address: Address) -> Address:
    return address._replace(path=str(Path(address.path).resolve()))
