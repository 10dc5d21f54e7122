"""Executing a plan: window after window of the result is read, computed and written, in bounded memory."""

import math
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from contextvars import copy_context
from functools import partial
from threading import Lock, Thread

import numpy as np

from featfuse.model.cutting import windows
from featfuse.model.tensor import Array, Window
from featfuse.process.address_space import multipliers
from featfuse.process.blas import one_thread
from featfuse.process.heap import free_one_large_block
from featfuse.process.limits import Limits, TooLittleMemory, check_count, usable_cores
from featfuse.steps.base import Run, Step
from featfuse.steps.overflow import count_lost, suspects, watched
from featfuse.steps.windows import run_length, window_cost, window_lengths
from featfuse.text import human_bytes

__all__ = ["execute"]

_WINDOW_BYTES = 12 << 20
"""A window's working set stays near the caches, also when the budget would allow more, and is large enough
for the interpreter's part in it to be small: only the rest runs in parallel."""
_SCATTERED_BYTES = 48 << 20
"""The working set of windows that are cut inside an image, where a step needs all channels: the larger, the
longer the runs that are read and written. The windows, and with them every last bit, are the same for all
budgets of at least four times this."""
_MOST_HELD = 4 * _SCATTERED_BYTES
"""What the smallest window may take before it is made piece by piece, however much there is."""
_SHORT_RUN = 1 << 16
"""Bytes side by side in the output below which the calls cost as much as the copying."""


def execute(run: Run, root: Step, write: Callable[[Window, Array], None], limits: Limits) -> None:
    """Compute every window of `root` and hand it to `write`; `run` keeps what was counted.

    `run.read` is called from several threads, `write(window, block)` by one at a time. Windows are
    computed independently, so the result does not depend on `threads`.
    """
    free_one_large_block()
    budget, threads = limits.memory, limits.threads
    check_count("threads", threads)
    root, lengths, cost = _cut(root, budget)
    if cost > budget:
        raise TooLittleMemory(budget, cost, f"one window needs {human_bytes(cost)}")
    count = math.prod(-(-size // length) for size, length in zip(root.shape, lengths, strict=True) if size)
    each = cost + max(step.unpacked for step in root.walk())
    workers = max(1, min(threads or usable_cores(), budget // max(each, 1), count))
    total = root.size * root.dtype.itemsize
    multiplies = any(step.multiplies_matrices for step in root.walk())
    if multiplies:
        workers = multipliers(workers, cost)

    writing = Lock()

    def compute(window: Window) -> int:
        with watched(root, run):  # NaN and inf pass by the arithmetic
            block = root.block(window, run)
        found, size = suspects(block, run), block.nbytes
        with writing:  # the kernel would make writers of one file wait too, but spinning
            write(window, block)
        if found is not None:
            del block
            count_lost(root, window, found, run)
        return size

    def advance(done: int) -> None:
        if limits.progress is not None:
            limits.progress(done, total)

    # windows run in parallel already, and a sum must not depend on how BLAS would share it out
    with one_thread() if multiplies else nullcontext():
        with np.errstate(all="ignore"):
            root.prepare(run)
        _walk(compute, windows(root.shape, lengths), workers, advance)


def _cut(root: Step, budget: int) -> tuple[Step, tuple[int, ...], int]:
    """The step to run, its window's size per axis, and what that costs. Where the smallest window takes too
    much, it is made piece by piece, if that takes less."""
    lengths = _lengths(root, budget)
    cost = window_cost(root, lengths) if 0 not in root.shape else 0
    most = min(budget, _MOST_HELD)
    if cost > most and window_cost(root, (1,) * len(root.shape)) > most:
        twin = root.in_pieces()
        cut = _lengths(twin, budget)
        if (less := window_cost(twin, cut)) < cost:
            return twin, cut, less
    return root, lengths, cost


def _lengths(root: Step, budget: int) -> tuple[int, ...]:
    """The window's size per axis."""
    share = max(budget // 4, 1)
    lengths = window_lengths(root, min(share, _WINDOW_BYTES), budget)
    if lengths != root.shape and run_length(root.shape, lengths) * root.dtype.itemsize < _SHORT_RUN:
        lengths = window_lengths(root, min(share, _SCATTERED_BYTES), budget)
    return lengths


def _start(work: Callable[[], None], count: int) -> list[Thread]:
    """Up to `count` threads that run `work`: fewer where the process may have no more."""
    helpers: list[Thread] = []
    with suppress(RuntimeError, MemoryError):
        for _ in range(count):
            helper = Thread(target=copy_context().run, args=(work,), name="featfuse")
            helper.start()
            helpers.append(helper)
    return helpers


def _walk(
    compute: Callable[[Window], int],
    todo: Iterator[Window],
    workers: int,
    advance: Callable[[int], None],
) -> None:
    """Run `compute` over all windows in `workers` threads, this one among them; the first error ends it.

    Each thread takes the next window when it is done with one. Nothing is handed over and nobody waits
    for a result: waking a thread costs as much as copying a megabyte.
    """
    taking, counting = Lock(), Lock()
    errors: list[BaseException] = []
    done = reported = 0

    def work(*, here: bool) -> None:
        nonlocal done, reported
        try:
            while not errors:
                with taking:
                    window = next(todo, None)
                if window is None:
                    break
                count = compute(window)
                with counting:
                    done += count
                if here:
                    reported = done
                    advance(reported)
        except BaseException as error:
            errors.append(error)

    helpers = _start(partial(work, here=False), workers - 1)
    work(here=True)
    for helper in helpers:
        while helper.is_alive():  # also after Ctrl-C: nobody may write once the output is given up
            try:
                helper.join()
            except BaseException as error:
                errors.append(error)
    if errors:
        raise errors[0]
    if helpers and done != reported:
        advance(done)
