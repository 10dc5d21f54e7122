"""What every file format offers: a reader and a sink, both working on windows."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from featfuse.errors import InputError
from featfuse.model.cutting import pieces
from featfuse.model.tensor import Array, TensorSpec, Window, window_shape
from featfuse.storage.byte_output import OutputFile
from featfuse.storage.byte_source import ByteSource

__all__ = ["Conflict", "NoTensor", "OutputTensor", "Reader", "Sink", "check_block"]


class OutputTensor(NamedTuple):
    """One tensor of an output file, known whole before the first byte is written."""

    key: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    layout: str | None = None


class Conflict(NamedTuple):
    """Why a new tensor cannot simply be put into a file, and whether it may replace what is there."""

    reason: str
    replaceable: bool = False


class NoTensor(InputError):
    """Why something in a file is no tensor that can be computed with, and what its header tells all the same:
    shape, element type in the file's own words, bytes (None, "" and None where it does not)."""

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        shape: tuple[int, ...] | None = None,
        dtype: str = "",
        nbytes: int | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.shape, self.dtype, self.nbytes = shape, dtype, nbytes


class Reader(ABC):
    """An open input. Opening and `specs` read headers only; `read` may be called from threads.

    It closes the `source` that it was opened on.
    """

    format: ClassVar[str]

    def __init__(self, source: ByteSource) -> None:
        self.source = source
        self.path = source.name

    @abstractmethod
    def specs(self) -> Mapping[str, TensorSpec]:
        """Every tensor of the file by key, in the file's natural order. A bare tensor's key is ""."""

    @abstractmethod
    def read(self, key: str, window: Window) -> Array:
        """The block of tensor `key` that `window` names: native byte order, its own memory."""

    def pieces(self, spec: TensorSpec, elements: int) -> Iterator[Window]:
        """Windows of about `elements` that cover a tensor, for one pass over it: none is read twice, and they
        come as the file has them."""
        return pieces(spec.shape, elements, spec.chunks)

    def find(self, key: str) -> TensorSpec | None:
        """The tensor called exactly `key`, None when nothing is.

        Raises InputError when something bears that name but cannot be read as a tensor (`specs` leaves
        such things out, so that they do not disturb the rest of the file).
        """
        return self.specs().get(key)

    def aside(self) -> Mapping[str, TensorSpec]:
        """Tensors that only their own key takes, no glob: coordinates of an axis of others."""
        return {}

    def refusals(self) -> Mapping[str, NoTensor]:
        """Why each thing in the file that is no tensor is none, by its key."""
        return {}

    def release(self, key: str) -> None:  # noqa: B027 (most formats hold nothing)
        """Give up what is held to `read` tensor `key`, which nobody is reading any more."""

    def conflict(self, key: str) -> Conflict | None:
        """What is in the way of a new tensor `key` in this file, None when nothing is."""
        try:
            taken = self.find(key) is not None
        except InputError:
            taken = True
        return Conflict(f"{key} exists already", replaceable=True) if taken else None

    def close(self) -> None:
        """Close the file."""
        self.source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Sink(ABC):
    """An output being written, beside its final place. Nothing is visible before `commit`."""

    def __init__(self, output: OutputFile) -> None:
        self._output = output

    @abstractmethod
    def write(self, key: str, window: Window, block: Array) -> None:
        """Store `block` (already of the output's dtype) at `window` of `key`. May be called from threads."""

    def _finish(self) -> None:  # noqa: B027 (most formats have nothing left to do)
        """Write what can only be written when all blocks are there."""

    def _release(self) -> None:  # noqa: B027 (most formats hold nothing else)
        """Give up what is held beside the output. Called once or more."""

    def commit(self) -> int:
        """Put the output in its place; its size in bytes. When that fails, nothing of it is left."""
        try:
            self._finish()
            return self._output.commit()
        except BaseException:
            self._output.abort()
            raise
        finally:
            self._release()

    def abort(self) -> None:
        """Remove what was written. Safe to call at any time, also after `commit`."""
        self._release()
        self._output.abort()


def check_block(block: Array, dtype: np.dtype[Any], window: Window) -> None:
    """ValueError, a bug of the caller, when `block` is not exactly what `window` of the output holds."""
    if block.shape != window_shape(window) or block.dtype != dtype:
        raise ValueError(f"{block.dtype} block of {block.shape} for a {dtype} window {window}")
