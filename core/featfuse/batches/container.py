"""Containers: many items in one file. Workers write each item beside it; one writer puts them in."""

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from featfuse.batches.container_keys import conflicts, plain_key
from featfuse.batches.work import Outcome, Task
from featfuse.errors import FeatfuseError
from featfuse.formats import OutputTensor
from featfuse.io.address import Address
from featfuse.io.outputs import alone_with
from featfuse.io.readers import open_input
from featfuse.io.sinks import create_sink
from featfuse.model.tensor import Window, whole
from featfuse.steps.windows import even_lengths, windows
from featfuse.storage.faults import write_faults
from featfuse.storage.place import Place, make_folder
from featfuse.storage.sweep import STAGE_SUFFIX, hidden_prefix

__all__ = ["STAGED", "Container"]

STAGED = "staged"
"""The status of an item that is computed, but not yet in its container."""

_KEY = "fused"
_BLOCK_BYTES = 8 << 20


class Container:
    """The items of one output file `path`. It appears, or is replaced, whole at the end.

    What an existing file holds stays beside the new tensors, but for those that they replace (with `force`).
    """

    def __init__(self, path: str, *, force: bool = False, sync: bool = True, root: str | None = None) -> None:
        """The file is in `root`, a path without links, or nowhere."""
        self.path = path
        self._root = root
        self._force = force
        self._sync = sync
        self._places: dict[str, str] = {}
        self._staged: list[tuple[Outcome, OutputTensor, str]] = []
        with write_faults(path):
            make_folder(os.path.dirname(path) or ".", root)  # noqa: PTH120
            self._place = Place(path, root)
            name = f"{hidden_prefix(self._place.leaf)}{os.urandom(4).hex()}{STAGE_SUFFIX}"
            try:
                os.mkdir(name, 0o700, dir_fd=self._place.folder)
            except OSError:
                self._place.close()
                raise
        self.folder = Path(os.path.realpath(self._place.folder_path)) / name

    def stage(self, task: Task, number: int) -> Task:
        """The same task, written beside the container: it need not outlive this run, nor reach the disk."""
        out = Address(f"{self.folder / str(number)}.safetensors", _KEY)
        self._places[task.id] = out.path
        return replace(task, out=out, force=True, sync=False, root=str(self.folder))

    def add(self, outcome: Outcome, out: Address) -> Outcome:
        """Take over a staged item; the outcome as the batch tells it."""
        told = replace(outcome, out=str(out))
        if outcome.status != "done":
            return told
        place = self._places[outcome.id]
        with open_input(place) as reader:
            spec = reader.specs()[_KEY]
        key = plain_key(self.path, out.key or "")
        self._staged.append((told, OutputTensor(key, spec.shape, spec.dtype, outcome.layout), place))
        return replace(told, status=STAGED)

    def finish(self, provenance: Mapping[str, str]) -> list[Outcome]:
        """Write all staged items; their outcomes, failed when the file could not be written.

        What another run has put into the file meanwhile stays there, too.

        They are written in the order of the batch, whichever was computed first: the bytes are the same.
        """
        self._staged.sort(key=lambda staged: int(Path(staged[2]).stem))
        if not self._staged:
            return []
        with alone_with([self.path], self._root):
            try:
                refused = self._refuse_taken()
                if self._staged:
                    self._write(provenance)
            except FeatfuseError as error:
                return [_failed(outcome, str(error)) for outcome, _, _ in self._staged]
        return [outcome for outcome, _, _ in self._staged] + refused

    def _refuse_taken(self) -> list[Outcome]:
        """Take out the items whose key cannot be put into the file that is there now; their outcomes."""
        keys = [tensor.key for _, tensor, _ in self._staged]
        kept, refused = [], []
        for staged, (problem, exists) in zip(self._staged, conflicts(self.path, keys), strict=True):
            outcome, tensor, _ = staged
            if problem is not None:
                refused.append(_failed(outcome, problem))
            elif exists and not self._force:
                error = f"{self.path}: {tensor.key} exists by now\n--force replaces it."
                refused.append(_failed(outcome, error))
            else:
                kept.append(staged)
        self._staged = kept
        return refused

    def _write(self, provenance: Mapping[str, str]) -> None:
        tensors = [tensor for _, tensor, _ in self._staged]
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
            for _, tensor, place in self._staged:
                with open_input(place) as reader:
                    for window in _pieces(tensor):
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
        shutil.rmtree(self.folder.name, ignore_errors=True, dir_fd=self._place.folder)
        self._place.close()


def _failed(outcome: Outcome, error: str) -> Outcome:
    return replace(outcome, status="failed", error=error)


def _pieces(tensor: OutputTensor) -> Iterator[Window]:
    """Windows of bounded size that cover a tensor; the whole of it when it has no axes."""
    if not tensor.shape:
        return iter([whole(())])
    return windows(tensor.shape, even_lengths(tensor.shape, _BLOCK_BYTES // tensor.dtype.itemsize))
