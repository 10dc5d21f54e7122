"""Inputs: whatever a caller names (a path with a key, an array, a bare shape) as specs that can be read."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from featfuse.dtypes import DTYPES
from featfuse.errors import InputError, UsageError
from featfuse.formats import open_input, select, split_input
from featfuse.formats.base import Reader
from featfuse.tensor import Array, TensorSpec, Window

__all__ = ["Inputs", "Source"]

Source = str | Path | Array | tuple[int, ...]
"""`PATH[::KEY]`, an array, or (for planning only) a shape."""


class Inputs:
    """Open inputs, in order; one glob key may stand for several. Each file is opened once."""

    def __init__(self, sources: Sequence[Source]) -> None:
        if not sources:
            raise UsageError("no input given", hint="Name at least one tensor: fuse a.npy b.npy")
        self.specs: list[TensorSpec] = []
        self.texts: list[str] = []
        self._arrays: dict[int, Array] = {}
        self._readers: dict[str, Reader] = {}
        try:
            for number, source in enumerate(sources, start=1):
                self._add(source, number)
        except BaseException:
            self.close()
            raise

    def _add(self, source: Source, number: int) -> None:
        if isinstance(source, (str, Path)):
            path, key = split_input(str(source))
            if path not in self._readers:
                self._readers[path] = open_input(path)
            elif path == "-":
                raise UsageError("standard input can be read only once", hint="Name - a single time.")
            for spec in select(self._readers[path], key):
                self.specs.append(spec)
                self.texts.append(
                    spec.path + (f"::{spec.key}" if spec.key else "") if spec.path else str(source)
                )
        elif isinstance(source, tuple):
            self.specs.append(TensorSpec(f"input {number}", source, DTYPES["float32"]))
            self.texts.append(f"input{number}.npy")
        else:
            array = np.asarray(source)
            array = array.astype(array.dtype.newbyteorder("="), copy=False)
            if array.dtype not in DTYPES.values():
                raise InputError(
                    f"input {number}: dtype {array.dtype} is not supported",
                    hint=f"One of: {', '.join(DTYPES)}.",
                )
            self._arrays[len(self.specs)] = array
            self.specs.append(TensorSpec(f"input {number}", array.shape, array.dtype))
            self.texts.append(f"input{number}.npy")

    def read(self, index: int, window: Window) -> Array:
        """The block of input `index` at `window`; it must not be written to."""
        if index in self._arrays:
            return self._arrays[index][window]
        spec = self.specs[index]
        if spec.path is None:
            raise InputError(f"{spec.name} is only a shape", hint="Give an array or a path.")
        return self._readers[spec.path].read(spec.key or "", window)

    def close(self) -> None:
        """Close every file."""
        for reader in self._readers.values():
            reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> Any:
        self.close()
