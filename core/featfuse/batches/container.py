"""Containers: many items in one file. Workers write each item beside it; one writer puts them in."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from featfuse.batches.container_keys import conflicts, plain_key
from featfuse.batches.manifest import facts_digest
from featfuse.batches.stage import Stage, staged_name
from featfuse.batches.work import Outcome, Task
from featfuse.errors import FeatfuseError
from featfuse.formats import OutputTensor
from featfuse.io.address import Address
from featfuse.io.outputs import alone_with
from featfuse.io.readers import open_input
from featfuse.io.sinks import create_sink
from featfuse.model.cutting import pieces
from featfuse.storage.faults import write_faults
from featfuse.storage.place import Place, make_folder
from featfuse.wording import phrase

__all__ = ["STAGED", "Container"]

STAGED = "staged"
"""The status of an item that is computed, but not yet in its container."""

_KEY = "fused"
_BLOCK_BYTES = 8 << 20


class _Staged(NamedTuple):
    """An item that waits: its place in the batch, its outcome, and what is in which file."""

    number: int
    outcome: Outcome
    tensor: OutputTensor
    place: str


class Container:
    """The items of one output file `path`. It appears, or is replaced, whole at the end.

    What an existing file holds stays beside the new tensors, but for those that they replace (with `force`).
    """

    def __init__(
        self,
        path: str,
        *,
        force: bool = False,
        resume: bool = False,
        sync: bool = True,
        root: str | None = None,
    ) -> None:
        """The file is in `root`, a path without links, or nowhere."""
        self.path = path
        self._root = root
        self._force = force
        self._sync = sync
        self._numbers: dict[str, int] = {}
        self._staged: list[_Staged] = []
        with write_faults(path):
            make_folder(os.path.dirname(path) or ".", root)  # noqa: PTH120
            self._place = Place(path, root)
            try:
                self._stage = Stage(self._place, resume=resume)
            except OSError:
                self._place.close()
                raise

    def stage(self, task: Task, number: int) -> Task:
        """The same task, written beside the container: it need not outlive this run, nor reach the disk."""
        self._numbers[task.id] = number
        out = Address(str(self._stage.path / self._file(task.out)), _KEY)
        return replace(task, out=out, force=True, sync=False, root=str(self._stage.path))

    def _file(self, out: Address) -> str:
        return staged_name(plain_key(self.path, out.key or ""))

    def add(self, outcome: Outcome, out: Address, facts: Mapping[str, object]) -> Outcome:
        """Take in a staged item, made of what `facts` tell; the outcome as the batch tells it."""
        told = replace(outcome, out=str(out))
        if outcome.status != "done":
            return told
        self._take_in(self._numbers[outcome.id], told, out)
        self._stage.note(self._file(out), facts_digest(facts).hex(), outcome.warnings)
        return replace(told, status=STAGED)

    def adopt(
        self, planned: Outcome, number: int, out: Address, facts: Mapping[str, object]
    ) -> Outcome | None:
        """Take in the item if a batch that was killed had finished it; None where it is still to be made."""
        warnings = self._stage.take_over(self._file(out), facts_digest(facts).hex())
        if warnings is None:
            return None
        done = replace(planned, status="done", out=str(out), warnings=warnings)
        try:
            self._take_in(number, done, out)
        except (FeatfuseError, KeyError):
            self._stage.drop(self._file(out))
            return None
        return replace(done, status=STAGED)

    def adopted_all(self) -> None:
        """Nothing more will be taken over."""
        self._stage.forget_former()

    def _take_in(self, number: int, told: Outcome, out: Address) -> None:
        place = str(self._stage.path / self._file(out))
        with open_input(place) as reader:
            spec = reader.specs()[_KEY]
        key = plain_key(self.path, out.key or "")
        tensor = OutputTensor(key, spec.shape, spec.dtype, told.layout)
        self._staged.append(_Staged(number, told, tensor, place))

    def finish(self, provenance: Mapping[str, str]) -> list[Outcome]:
        """Write all staged items; their outcomes, failed when the file could not be written.

        What another run has put into the file meanwhile stays there, too.

        They are written in the order of the batch, whichever was computed first: the bytes are the same.
        """
        self._staged.sort(key=lambda staged: staged.number)
        if not self._staged:
            return []
        refused: list[Outcome] = []
        with alone_with([self.path], self._root):
            try:
                refused += self._refuse_taken()
                if self._staged:
                    self._write(provenance)
            except FeatfuseError as error:
                return [_failed(staged.outcome, str(error)) for staged in self._staged] + refused
        return [staged.outcome for staged in self._staged] + refused

    def _refuse_taken(self) -> list[Outcome]:
        """Take out the items whose key cannot be put into the file that is there now; their outcomes."""
        keys = [staged.tensor.key for staged in self._staged]
        kept, refused = [], []
        for staged, (problem, exists) in zip(self._staged, conflicts(self.path, keys), strict=True):
            if problem is not None:
                refused.append(_failed(staged.outcome, problem))
            elif exists and not self._force:
                taken = f"{self.path}: {staged.tensor.key} exists by now\n"
                error = taken + phrase("{force:True} replaces it.")
                refused.append(_failed(staged.outcome, error))
            else:
                kept.append(staged)
        self._staged = kept
        return refused

    def _write(self, provenance: Mapping[str, str]) -> None:
        tensors = [staged.tensor for staged in self._staged]
        key = tensors[0].key if Path(self.path).exists() else None
        sink = create_sink(
            self.path,
            tensors,
            provenance=provenance,
            key=key,
            force=True,
            sync=self._sync,
            root=self._root,
        )
        try:
            for _, _, tensor, place in self._staged:
                with open_input(place) as reader:
                    for window in pieces(tensor.shape, _BLOCK_BYTES // tensor.dtype.itemsize):
                        sink.write(tensor.key, window, reader.read(_KEY, window))
            sink.commit()
        except BaseException:
            sink.abort()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # whoever ends the program means to go on; whoever stops listening has enough
        ended = kind is not None and issubclass(kind, KeyboardInterrupt | SystemExit)
        self._stage.close(keep=ended and bool(self._staged))
        self._place.close()


def _failed(outcome: Outcome, error: str) -> Outcome:
    return replace(outcome, status="failed", error=error)
