"""The protocol every file format fulfils: a reader and a sink, both working on windows."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

import numpy as np

from featfuse.errors import InputError
from featfuse.model.tensor import Array, TensorSpec, Window, window_shape

__all__ = ["FileReader", "OutputFile", "OutputTensor", "Reader", "Sink", "check_block"]


class OutputTensor(NamedTuple):
    """One tensor of an output file, known whole before the first byte is written."""

    key: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    layout: str | None = None


class Reader(Protocol):
    """An open input file. Opening and `specs` read headers only; `read` may be called from threads."""

    path: str
    format: str

    def specs(self) -> Mapping[str, TensorSpec]:
        """Every tensor of the file by key, in the file's natural order. A bare tensor's key is ""."""
        ...

    def read(self, key: str, window: Window) -> Array:
        """The block of tensor `key` that `window` names: native byte order, its own memory."""
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Sink(Protocol):
    """An output being written, beside its final place. Nothing is visible before `commit`."""

    def write(self, key: str, window: Window, block: Array) -> None:
        """Store `block` (already of the output's dtype) at `window` of `key`. May be called from threads."""
        ...

    def commit(self) -> int:
        """Flush, rename over the target, and return the size of the file in bytes."""
        ...

    def abort(self) -> None:
        """Remove what was written. Safe to call at any time, also after `commit`."""
        ...


class FileReader(ABC):
    """What the readers of this package share: a Reader that can also look a single key up."""

    path: str
    format: str

    @abstractmethod
    def specs(self) -> Mapping[str, TensorSpec]: ...

    @abstractmethod
    def read(self, key: str, window: Window) -> Array: ...

    @abstractmethod
    def close(self) -> None: ...

    def find(self, key: str) -> TensorSpec | None:
        """The tensor called exactly `key`, None when nothing is.

        Raises InputError when something bears that name but cannot be read as a tensor (`specs` leaves
        such things out, so that they do not disturb the rest of the file).
        """
        return self.specs().get(key)

    def refusal(self) -> InputError | None:
        """Why something in the file is no tensor: the first reason there is, for a file without tensors."""
        return None

    def conflict(self, key: str, *, force: bool) -> str | None:
        """Why a new tensor `key` cannot be added to this file, None when it can.

        `force` allows a tensor of that name to be replaced.
        """
        try:
            taken = self.find(key) is not None
        except InputError:
            taken = True
        return f"{key} exists already" if taken and not force else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class OutputFile(Protocol):
    """Bytes on their way to an output: a seekable file that becomes visible at `commit`."""

    name: str
    """What errors call the output."""

    fd: int

    def reserve(self, size: int) -> None:
        """Make the file `size` bytes long and take the room for them; RunError when there is none."""
        ...

    def commit(self) -> int:
        """Make the bytes visible under the output's name; their number."""
        ...

    def abort(self) -> None:
        """Forget the bytes. Safe to call at any time, also after `commit`."""
        ...


def check_block(block: Array, dtype: np.dtype[Any], window: Window) -> None:
    """ValueError, a bug of the caller, when `block` is not exactly what `window` of the output holds."""
    if block.shape != window_shape(window) or block.dtype != dtype:
        raise ValueError(f"{block.dtype} block of {block.shape} for a {dtype} window {window}")
