"""What became of a batch: outcomes, while it runs and when it has run."""

from collections import Counter
from collections.abc import Iterator, Sequence

from featfuse.batches.container import STAGED
from featfuse.batches.run import Batch
from featfuse.batches.work import Outcome
from featfuse.text import visible
from featfuse.wording import for_python

__all__ = ["SOME_FAILED", "STATUSES", "BatchResult", "counted", "warnings_in"]

SOME_FAILED = 5
"""The exit code of a batch that ran, and some of whose items failed."""

STATUSES = ("done", "skipped", "missing", "failed")

MOST_SHOWN = 10


class BatchResult:
    """The outcome of each item of a batch, in the order in which they finished.

    It can be iterated as often as one likes, also while the batch runs: what is finished comes at once, and
    the iteration waits for what is not. The batch goes on while somebody waits for it.
    """

    def __init__(self, batch: Batch) -> None:
        self._count = len(batch.items)
        self._seen: list[Outcome] = []
        self._run = batch.outcomes()

    def __iter__(self) -> Iterator[Outcome]:
        place = 0
        while place < len(self._seen) or self._advance():
            yield self._seen[place]
            place += 1

    def _advance(self) -> bool:
        """Wait for the next outcome; False when all are there."""
        with for_python():
            for outcome in self._run:
                if outcome.status != STAGED:
                    self._seen.append(outcome)
                    return True
        return False

    def wait(self) -> "BatchResult":
        """Run to the end. Ctrl-C, or whatever else ends the waiting, ends the batch."""
        try:
            while self._advance():
                pass
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        """End the batch now. Items that are being made leave nothing behind; `resume=True` goes on."""
        self._run.close()

    @property
    def failed(self) -> list[Outcome]:
        """The items that failed, each with its `error`."""
        return [outcome for outcome in self._seen if outcome.status == "failed"]

    @property
    def exit_code(self) -> int:
        """What `fuse batch` would end with: 0, or 5 when some items failed."""
        return SOME_FAILED if self.failed else 0

    @property
    def complaints(self) -> list[str]:
        """What to warn of: how many items failed, and the first of them; what the others are warned of."""
        told = [warned] if (warned := warnings_in(self._seen)) else []
        if not self.failed:
            return told
        first = self.failed[0]
        why = str(first.error).partition("\n")[0]
        return [f"{len(self.failed)} of {self._count} items failed, the first: {first.id}: {why}", *told]

    def __len__(self) -> int:
        """How many items are finished, in any way."""
        return len(self._seen)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        lines = [counted(self._seen, self._count - len(self._seen))]
        told = (f"failed: {it.id}: {it.error}" for it in self.failed[:MOST_SHOWN])
        lines += [visible(line) for text in told for line in text.split("\n")]
        more = len(self.failed) - MOST_SHOWN
        return "\n".join([*lines, *([f"... and {more} more failed"] if more > 0 else [])])


def counted(outcomes: Sequence[Outcome], untried: int) -> str:
    """`5 items: 3 done, 1 failed, 1 not tried`."""
    counts = Counter(outcome.status for outcome in outcomes)
    parts = [f"{counts[status]} {status}" for status in STATUSES if counts[status]]
    parts += [f"{untried} not tried"] if untried else []
    return f"{len(outcomes) + untried} items: {', '.join(parts) or 'none'}"


def warnings_in(outcomes: Sequence[Outcome]) -> str:
    """What the items are warned of: how often, and the first of it. Empty when of nothing."""
    told = [warning for outcome in outcomes for warning in outcome.warnings]
    return f"warnings: {len(told)}, the first: {told[0]}" if told else ""
