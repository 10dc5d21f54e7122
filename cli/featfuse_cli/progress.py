"""The progress bar of one long run. Short ones never see it."""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from featfuse.text import human_bytes

from featfuse_cli.text import can_repaint

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["ItemBar", "ProgressBar"]

PATIENCE = 2.0
"""Seconds before a bar appears."""


class ProgressBar:
    """Bytes done, rate and time left, from the third second on; gone when done.

    On stderr, when that is a terminal.
    """

    def __init__(self, *, wanted: bool, patience: float = PATIENCE) -> None:
        self._wanted = wanted and can_repaint(sys.stderr)
        self._patience = patience
        self._started = time.monotonic()
        self._bar: Progress | None = None

    def update(self, done: int, total: int) -> None:
        """`done` of `total` bytes are written or, where nothing is written, read."""
        if self._bar is None:
            if not self._wanted or time.monotonic() - self._started < self._patience:
                return
            self._bar = _new_bar(done, total)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=done, total=total)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()


def _new_bar(done: int, total: int) -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TimeRemainingColumn
    from rich.text import Text

    class Bytes(ProgressColumn):
        """`206 MiB of 576 MiB, 111 MiB/s`, in the units of the report."""

        def render(self, task: Task) -> Text:
            text = f"{human_bytes(int(task.completed))} of {human_bytes(int(task.total or 0))}"
            return Text(f"{text}, {human_bytes(int(task.speed))}/s" if task.speed else text)

    bar = Progress(BarColumn(), Bytes(), TimeRemainingColumn(), console=Console(stderr=True), transient=True)
    bar.add_task("", completed=done, total=total)
    return bar


class ItemBar:
    """Items, bytes, rate and time left of a batch, on stderr when that is a terminal."""

    def __init__(self, items: int, total_bytes: int, *, wanted: bool) -> None:
        self._items = items
        self._total_bytes = total_bytes
        self._wanted = wanted and can_repaint(sys.stderr)
        self._started = time.monotonic()
        self._bar: Progress | None = None

    def update(self, items: int, done_bytes: int) -> None:
        """`items` are finished in any way, and `done_bytes` written."""
        if self._bar is not None:
            rate = items / max(time.monotonic() - self._started, 1e-3)
            text = f"{human_bytes(done_bytes)} of {human_bytes(self._total_bytes)}, {rate:.1f}/s"
            self._bar.update(self._bar.task_ids[0], completed=items, description=text)

    def __enter__(self) -> Self:
        if self._wanted:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("items, {task.description}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._bar.add_task("", total=self._items)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
