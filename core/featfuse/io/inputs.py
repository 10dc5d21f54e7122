"""Inputs: whatever a caller names (a path with a key, an array, a bare shape) as specs that can be read."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self, TypeGuard, cast

import numpy as np

from featfuse.errors import InputError, RunError, UsageError
from featfuse.formats import Reader
from featfuse.io.address import Address
from featfuse.io.foreign import ForeignArray, as_numpy, unsupported
from featfuse.io.own_inputs import Named
from featfuse.io.readers import open_input
from featfuse.io.selection import select
from featfuse.model.cutting import pieces
from featfuse.model.dtypes import DTYPES, native_dtype
from featfuse.model.tensor import Array, TensorSpec, Window, whole
from featfuse.model.tokens import TokenGrid
from featfuse.planning.token_grids import Laid
from featfuse.process.limits import TooLittleMemory
from featfuse.storage.local import find_state
from featfuse.storage.standard_streams import STREAM
from featfuse.text import human_bytes
from featfuse.wording import Blank, either, worded

__all__ = ["Inputs", "Source", "check_single", "is_place"]

Source = str | Path | Address | Array | ForeignArray | tuple[int, ...]
"""`PATH[::KEY]`, whole or taken apart, an array of any library, or (for planning only) a shape."""


Choose = Callable[[Reader, str | None], Sequence[TensorSpec]]

MOST_LOADED = 1 << 30
"""Bytes of the largest kernel or bias: these are read whole, before planning."""


def is_place(source: Source) -> TypeGuard[str | Path | Address]:
    """Whether an input is named, and not held."""
    return isinstance(source, (str, Path, Address))


def check_single(option: str, source: object, count: int) -> None:
    """UsageError where an option that takes one tensor names several."""
    if count != 1:
        told = worded(option, str(source))
        raise UsageError(f"{told}: {count} tensors match", hint="Name one tensor with ::KEY.")


class _Tensor(NamedTuple):
    """One open tensor: its header, and where its data is."""

    spec: TensorSpec
    stand_in: str = ""
    array: Array | None = None
    reader: Reader | None = None
    tokens: TokenGrid | None = None

    @property
    def text(self) -> str:
        """How a shell names it; an array, which it cannot name, has a stand-in."""
        return self.stand_in or str(Address(self.spec.path or "", self.spec.key or None))

    def read(self, window: Window) -> Array:
        """The block at `window`; it must not be written to."""
        if self.tokens is not None:
            source, rows = self.tokens.source_window(window)
            return self.tokens.fold(self._read(source), window, rows)
        return self._read(window)

    def _read(self, window: Window) -> Array:
        if self.array is not None:
            block: Array = self.array[(*window, ...)]  # type: ignore[arg-type]  # a view, 0-d ones too
            block.flags.writeable = False  # the caller's own memory
            return block
        if self.reader is None:
            raise InputError(f"{self.spec.name} is only a shape", hint="Give an array or a path.")
        return self.reader.read(self.spec.key or "", window)


class Inputs:
    """Open inputs, in order; one glob key may stand for several. Each file is opened once.

    The first `count` tensors are the inputs proper, what `add_side` opens comes behind them. With `memory`
    (bytes), tensors that cannot be read within it are refused. `choose` says which tensors of a file a key
    stands for.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        what: str = "input",
        memory: int | None = None,
        choose: Choose = select,
    ) -> None:
        if not sources:
            way = either(
                "Name at least one tensor: fuse a.npy b.npy", "Give at least one: featfuse.fuse(a, b)"
            )
            raise UsageError("no input given", hint=way)
        self._memory = memory
        self._choose = choose
        self.named: list[Named] = []  # what is read of files
        self._tensors: list[_Tensor] = []
        self._readers: dict[str, Reader] = {}
        try:
            for number, source in enumerate(sources, start=1):
                self._tensors += self._open(source, f"{what} {number}" if what == "input" else what)
        except BaseException:
            self.close()
            raise
        self.count = len(self._tensors)

    @property
    def specs(self) -> list[TensorSpec]:
        """The headers of the inputs proper."""
        return [tensor.spec for tensor in self._tensors[: self.count]]

    @property
    def texts(self) -> list[str]:
        """The inputs proper as a shell names them."""
        return [tensor.text for tensor in self._tensors[: self.count]]

    def add_side(self, source: Source, option: str) -> tuple[int, TensorSpec]:
        """Open one more tensor, which `option` names: its index for `read`, and its header."""
        opened = self._open(source, Blank(option))
        check_single(option, source, len(opened))
        self._tensors += opened
        return len(self._tensors) - 1, opened[0].spec

    def load(self, source: Source, option: str) -> tuple[str, Array]:
        """A small tensor read whole, which `option` names: its name and its data."""
        index, spec = self.add_side(source, option)
        if spec.nbytes > MOST_LOADED:
            raise InputError(
                f"{worded(option)}: {spec.name} {spec.shape} is too large for weights: {spec.nbytes} bytes",
                hint=f"At most {MOST_LOADED} bytes are read.",
            )
        return spec.name, np.array(self.read(index, whole(spec.shape)))

    def lay_tokens(self, laid: Sequence[Laid | None]) -> None:
        """See inputs that are token sequences as grids, as `planning.token_grids` tells."""
        for place, on_grid in enumerate(laid):
            if on_grid is not None:
                spec, tokens = on_grid
                self._tensors[place] = self._tensors[place]._replace(spec=spec, tokens=tokens)

    def _open(self, source: Source, name: str) -> list[_Tensor]:
        if is_place(source):
            return self._open_file(Address.of(source), name)
        word = name.replace(" ", "")
        text = Blank(f"{word}.npy", word)
        if isinstance(source, tuple):
            if not all(isinstance(size, int) and size >= 0 for size in source):
                raise UsageError(f"{name}: {source} is not a shape", hint="Sizes are whole numbers.")
            shape = cast(tuple[int, ...], source)  # an Address, a tuple as well, was opened above
            return [_Tensor(TensorSpec(name, shape, DTYPES["float32"]), text)]
        self._note_mapped(source, name)
        array = as_numpy(source, name)
        array = array.astype(array.dtype.newbyteorder("="), copy=False)
        if native_dtype(array.dtype) is None:
            raise unsupported(name, array.dtype)
        return [_Tensor(TensorSpec(name, array.shape, array.dtype), text, array=array)]

    def _note_mapped(self, array: object, role: str) -> None:
        """An array of which NumPy says that it lies in a file."""
        path = getattr(array, "filename", None) if isinstance(array, np.memmap) else None
        if path is not None:
            self.named.append(Named(role, Address(str(path)), find_state(str(path))))

    def _open_file(self, address: Address, role: str) -> list[_Tensor]:
        path = address.path
        if path not in self._readers:
            self._readers[path] = open_input(path)
        elif path == STREAM:
            raise UsageError("standard input can be read only once", hint="Name - a single time.")
        reader = self._readers[path]
        specs = self._choose(reader, address.key)
        if self._memory is not None:
            for spec in specs:
                self._check_unpacked(spec, self._memory)
        state = reader.source.first_state
        self.named += [Named(role, Address(path, spec.key or None), state) for spec in specs]
        return [_Tensor(spec, reader=reader) for spec in specs]

    @staticmethod
    def _check_unpacked(spec: TensorSpec, memory: int) -> None:
        if spec.unpacked > memory:
            chunk = f"chunks of {human_bytes(spec.unpacked)}, each of which must be unpacked whole"
            why, smaller = f"{spec.name} is packed in {chunk}", "save it in smaller chunks"
            raise TooLittleMemory(memory, spec.unpacked, why, [smaller])

    def pieces(self, index: int, elements: int) -> Iterator[Window]:
        """Windows of about `elements` for one pass over tensor `index`, as its file has them."""
        spec, reader = self._tensors[index].spec, self._tensors[index].reader
        return pieces(spec.shape, elements) if reader is None else reader.pieces(spec, elements)

    def release(self, index: int) -> None:
        """Give up what is held to read tensor `index`, which is not read again."""
        tensor = self._tensors[index]
        if tensor.reader is not None:
            tensor.reader.release(tensor.spec.key or "")

    def read(self, index: int, window: Window) -> Array:
        """The block of tensor `index` at `window`; it must not be written to."""
        return self._tensors[index].read(window)

    @contextmanager
    def held_still(self) -> Iterator[None]:
        """RunError when a file is no longer what it was when it was opened, at the end of the block.

        Also instead of an InputError that only follows from that: the file was good.
        """
        try:
            yield
        except InputError:
            self._check_states()
            raise
        self._check_states()

    def _check_states(self) -> None:
        for path, reader in self._readers.items():
            before, after = reader.source.first_state, reader.source.state()
            if after == before:
                continue
            shorter = after is not None and before is not None and after.size < before.size
            what = "was removed" if after is None else "was cut short" if shorter else "changed"
            raise RunError(
                f"{path} {what} while it was being read; nothing was written",
                hint="Run it again when no other program writes to that file.",
            )

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
    ) -> None:
        self.close()
