"""Worker processes that may die: each item is in one process at a time, and only that item is lost.

concurrent.futures gives up on all that is pending when one of its processes is killed; here a dead worker
is replaced, its item is reported as failed, and the others go on. Where items are short, a worker has its
next one before it is done with the last: it would wait for this process about as long as it works.
"""

import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import ModuleType

from featfuse.batches.work import Outcome, Task, fuse_item
from featfuse.errors import RunError
from featfuse.process.heap import keep_freed_blocks
from featfuse.storage.atomic import flush_folders_later, remove_unfinished
from featfuse.wording import phrase

__all__ = ["run_in_processes", "start_server"]

_SHORT = 0.05
"""Seconds up to which an item is short. Of longer ones none is handed out early: it may be the last."""


def start_server() -> None:
    """Start the process that forks workers, if it does not run: it loads while this one goes on.

    Where it cannot be started, `run_in_processes` will say so.
    """
    _context()
    with suppress(OSError), _without_interrupt(), _without_main():
        forkserver.ensure_running()


def _context() -> multiprocessing.context.BaseContext:
    """Processes that are forked from a server which has loaded what they need, and has no threads."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["featfuse.batch_server"])
    return context


def run_in_processes(tasks: Iterable[Task], jobs: int) -> Generator[Outcome, None, None]:
    """The outcome of every task as it comes. Closing the iterator stops the workers at once."""
    context = _context()
    todo = iter(tasks)
    workers: list[_Worker] = []
    try:
        for _ in range(jobs):
            worker = _start(context, workers)
            if worker is None:
                break
            if not worker.give(todo):
                worker.stop()
                break
            workers.append(worker)
        while workers:
            ready = wait([worker.pipe for worker in workers])
            for worker in [worker for worker in workers if worker.pipe in ready]:
                outcome = worker.take()
                yield outcome
                if worker.dead:
                    workers.remove(worker)
                    todo = chain(worker.tasks, todo)
                    successor = _start(context, workers)
                    if successor is None:
                        continue
                    workers.append(worker := successor)
                wanted = 2 if outcome.seconds < _SHORT else 1
                while len(worker.tasks) < wanted and worker.give(todo):
                    pass
                if not worker.tasks:
                    workers.remove(worker)
                    worker.stop()
    finally:
        for worker in workers:
            worker.stop(at_once=True)


def _start(context: multiprocessing.context.BaseContext, others: Sequence["_Worker"]) -> "_Worker | None":
    """One more worker; None where there may be no more, and `others` can do the work."""
    try:
        return _Worker(context)
    except RunError:
        if not others:
            raise
        return None


class _Worker:
    """One process and the pipe to it."""

    def __init__(self, context: multiprocessing.context.BaseContext) -> None:
        self.pipe, inner = context.Pipe()
        self.process: BaseProcess = context.Process(target=_serve, args=(inner,), daemon=True)  # type: ignore[attr-defined]
        try:
            with _without_interrupt(), _without_main():
                self.process.start()
        except (OSError, EOFError) as error:  # EOFError: the server that forks workers could not
            why = f": {error.strerror}" if isinstance(error, OSError) else ""
            raise RunError(
                f"no worker process can be started{why}",
                hint=phrase("Raise `ulimit -u` or `ulimit -n`, or give fewer {jobs}."),
            ) from error
        inner.close()
        self.tasks: deque[Task] = deque()
        self.dead = False

    def give(self, todo: Iterator[Task]) -> bool:
        """Hand over the next task; False when there is none."""
        task = next(todo, None)
        if task is None:
            return False
        self.tasks.append(task)
        with suppress(OSError):  # a process that died at once is noticed when its answer is awaited
            self.pipe.send(task)
        return True

    def take(self) -> Outcome:
        """The answer to the first task, or its failure where the process died: the rest is still to do."""
        task = self.tasks.popleft()
        try:
            outcome: Outcome = self.pipe.recv()
        except (EOFError, OSError):
            self.dead = True
            self.process.join()
            return Outcome(task.id, "failed", str(task.out), f"the worker {_end(self.process.exitcode)}")
        return outcome

    def stop(self, *, at_once: bool = False) -> None:
        """Let the process end, or end it: it removes its temporary file on the way."""
        self.pipe.close()
        if at_once:
            self.process.terminate()
        self.process.join(5)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


@contextmanager
def _without_interrupt() -> Iterator[None]:
    """Hold Ctrl-C back: processes started meanwhile never see it, from their first instruction on."""
    resource_tracker.ensure_running()  # it lets SIGINT through again when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _without_main() -> Iterator[None]:
    """Workers need nothing of the caller's script, which multiprocessing would run once more in each."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _end(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        more = ", perhaps for lack of memory" if name == "SIGKILL" else ""
        return f"was killed by {name}{more}"
    return f"ended with exit code {code}"


class _Life:
    """Whether this worker is at an item: then SIGTERM unwinds it, so that no temporary file stays."""

    busy = False


def _serve(pipe: Connection) -> None:
    """A worker's life: take a task, do it, answer. Ctrl-C, which it never sees, is the parent's to handle."""
    signal.signal(signal.SIGTERM, _terminated)
    flush_folders_later()  # the batch does, once
    keep_freed_blocks()
    with suppress(EOFError, OSError):  # the parent has gone, or has enough
        while True:
            task = pipe.recv()
            try:
                _Life.busy = True
                outcome = fuse_item(task)
                _Life.busy = False
            except KeyboardInterrupt:
                break
            pipe.send(outcome)
    _Life.busy = False
    remove_unfinished()  # a worker ends without Python's own end


def _terminated(_number: int, _frame: object) -> None:
    """Unwind like Ctrl-C does while an item is made; end at once when there is nothing to clear."""
    if _Life.busy:
        raise KeyboardInterrupt
    os._exit(1)
