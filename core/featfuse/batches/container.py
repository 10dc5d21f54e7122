"""Containers: many items in one file. Workers write each item beside it; one writer puts them in."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from featfuse.batches.container_keys import plain_key
from featfuse.batches.work import Outcome, Task
from featfuse.errors import FeatfuseError
from featfuse.formats import OutputTensor
from featfuse.io.address import Address
from featfuse.io.readers import open_input
from featfuse.io.sinks import create_sink
from featfuse.model.cutting import pieces
from featfuse.storage.faults import write_faults
from featfuse.storage.sweep import STAGE_SUFFIX, hidden_prefix

__all__ = ["STAGED", "Container"]

STAGED = "staged"
"""The status of an item that is computed, but not yet in its container."""

_KEY = "fused"
_BLOCK_BYTES = 8 << 20


class Container:
    """The items of one output file `path`. It appears, or is replaced, whole at the end.

    What an existing file holds stays beside the new tensors, but for those that they replace.
    """

    def __init__(self, path: str, *, sync: bool = True) -> None:
        self.path = path
        self._sync = sync
        self._places: dict[str, str] = {}
        self._staged: list[tuple[Outcome, OutputTensor, str]] = []
        target = Path(os.path.realpath(path))
        prefix = hidden_prefix(target.name)
        with write_faults(path):
            target.parent.mkdir(parents=True, exist_ok=True)
            self.folder = Path(tempfile.mkdtemp(prefix=prefix, suffix=STAGE_SUFFIX, dir=target.parent))

    def stage(self, task: Task, number: int) -> Task:
        """The same task, written beside the container: it need not outlive this run, nor reach the disk."""
        out = Address(f"{self.folder / str(number)}.safetensors", _KEY)
        self._places[task.id] = out.path
        return replace(task, out=out, force=True, sync=False)

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

        They are written in the order of the batch, whichever was computed first: the bytes are the same.
        """
        self._staged.sort(key=lambda staged: int(Path(staged[2]).stem))
        outcomes = [outcome for outcome, _, _ in self._staged]
        if not outcomes:
            return []
        try:
            self._write(provenance)
        except FeatfuseError as error:
            return [replace(outcome, status="failed", error=str(error)) for outcome in outcomes]
        return outcomes

    def _write(self, provenance: Mapping[str, str]) -> None:
        tensors = [tensor for _, tensor, _ in self._staged]
        key = tensors[0].key if Path(self.path).exists() else None
        sink = create_sink(self.path, tensors, provenance=provenance, key=key, force=True, sync=self._sync)
        try:
            for _, tensor, place in self._staged:
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
        shutil.rmtree(self.folder, ignore_errors=True)
