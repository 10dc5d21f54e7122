"""The table of formats.

A format's module is imported when a file of that format is met, so that h5py costs nothing otherwise.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, cast

import numpy as np

from featfuse.errors import UsageError
from featfuse.formats.interface import OutputTensor, Reader, Sink
from featfuse.model.dtypes import numpy_can_store
from featfuse.process.address_space import may_load_hdf5
from featfuse.storage.byte_output import OutputFile
from featfuse.storage.byte_source import ByteSource
from featfuse.storage.standard_streams import STREAM

__all__ = [
    "FORMATS",
    "STREAM_FORMAT",
    "SUFFIXES",
    "Format",
    "FormatModule",
    "Library",
    "find_format",
    "output_format",
    "unknown_suffix",
]


class FormatModule(Protocol):
    """What each format's module (or package) offers."""

    def open_reader(self, source: ByteSource) -> Reader:
        """A reader of `source`, whose first bytes or suffix spoke for this format.

        When it raises, closing the source is the caller's business.
        """
        ...

    def create_sink(
        self, output: OutputFile, tensors: Sequence[OutputTensor], provenance: Mapping[str, str]
    ) -> Sink:
        """A sink into `output`; where that has an `existing` file, the tensors join those in it."""
        ...


class Library(NamedTuple):
    """A library that a format needs: its module, what errors call it, and whether it may be loaded now."""

    module: str
    title: str
    may_load: Callable[[], bool]


class Format(NamedTuple):
    """One row of the table. `magic` are (bytes, where they stand) of which any tells such a file."""

    name: str
    suffixes: tuple[str, ...]
    magic: tuple[tuple[bytes, int], ...]
    container: bool = False
    """Whether a file holds several tensors by name."""
    grouped: bool = False
    """Whether a key is a path through groups: a slash before it says nothing, and no group is a tensor."""
    extended_floats: bool = False
    """Whether bfloat16 and 8-bit floats can be stored."""
    metadata: bool = False
    """Whether a file can say how it was made."""
    library: Library | None = None

    def load(self) -> FormatModule:
        """Import the format's module; MemoryError when there is no room for the library it needs."""
        needed = self.library
        if needed is not None and needed.module not in sys.modules and not needed.may_load():
            raise MemoryError(f"no room in the address space for {needed.title}")
        return cast(FormatModule, import_module(f"featfuse.formats.{self.name}"))

    def begins(self, head: bytes) -> bool:
        """Whether `head`, the first bytes of a file, tell this format."""
        return any(head.startswith(magic, start) for magic, start in self.magic)

    def stores(self, dtype: np.dtype[Any]) -> bool:
        """Whether a tensor of `dtype` can be written."""
        return self.extended_floats or numpy_can_store(dtype)

    def plain_key(self, key: str) -> str:
        """The key as a file of this format names it: HDF5 takes /feat for feat."""
        return key.removeprefix("/") if self.grouped else key

    def groups_of(self, key: str) -> tuple[str, ...]:
        """The groups that a tensor called `key` (a plain key) lies in: none of them can be a tensor too."""
        parts = key.split("/") if self.grouped else []
        return tuple("/".join(parts[:depth]) for depth in range(1, len(parts)))


_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"

FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        row.name: row
        for row in (
            Format("npy", (".npy",), ((b"\x93NUMPY", 0),)),
            Format("npz", (".npz",), ((b"PK\x03\x04", 0), (b"PK\x05\x06", 0)), container=True),
            Format(
                "hdf5",
                (".h5", ".hdf5", ".hdf"),
                # a preamble of 512, 1024, ... bytes is allowed (MATLAB writes one)
                tuple((_HDF5_MAGIC, start) for start in (0, 512, 1024, 2048)),
                container=True,
                grouped=True,
                metadata=True,
                library=Library("h5py", "HDF5", may_load_hdf5),
            ),
            Format(
                "safetensors",
                (".safetensors",),
                ((b"\0\0\0{", 5),),  # a header length below 1 TiB, then JSON
                container=True,
                extended_floats=True,
                metadata=True,
            ),
        )
    }
)
"""Every format by name."""

STREAM_FORMAT = FORMATS["npy"]
"""What stdin is read as, and what is written to stdout."""

SUFFIXES: Mapping[str, Format] = MappingProxyType(
    {suffix: row for row in FORMATS.values() for suffix in row.suffixes}
)
"""Every format by the suffixes that name it, in lower case."""


def find_format(path: str) -> Format | None:
    """The format that the suffix of `path` names, in any case; None when it names none.

    A batch asks for each of its files, so the suffix is cut off here, by pathlib's rule.
    """
    name = path.rstrip("/").rpartition("/")[2]
    place = name.rfind(".")
    return SUFFIXES.get(name[place:].lower()) if place > 0 else None


def output_format(path: str) -> Format | None:
    """The format that an output at `path` (`-`: stdout) has; None when its suffix names none."""
    return STREAM_FORMAT if path == STREAM else find_format(path)


def unknown_suffix(what: str, hint: str = "") -> UsageError:
    """What to say of an output `what` whose suffix names no format; the hint names those that do."""
    choices = f"Write to one of {', '.join(SUFFIXES)}."
    return UsageError(f"{what}: the suffix names no format", hint=hint or choices)
