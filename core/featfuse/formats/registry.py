"""The table of formats.

A format's module is imported when a file of that format is met, so that h5py costs nothing otherwise.
"""

import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, cast

import numpy as np

from featfuse.formats.base import FileReader, OutputTensor, Sink
from featfuse.model.dtypes import numpy_can_store
from featfuse.process.address_space import may_load_hdf5
from featfuse.storage.atomic import AtomicFile

__all__ = ["FORMATS", "STREAM", "SUFFIXES", "Format", "FormatModule", "find_format"]

STREAM = "-"
"""The path that means a .npy stream on stdin or stdout."""


class FormatModule(Protocol):
    """What each format's module offers."""

    def open_reader(self, path: str) -> FileReader:
        """Open `path`, whose first bytes or suffix spoke for this format."""
        ...

    def create_sink(
        self,
        output: AtomicFile,
        tensors: Sequence[OutputTensor],
        provenance: Mapping[str, str],
        existing: str | None,
    ) -> Sink:
        """A sink into `output`; with `existing`, the tensors join those of that file."""
        ...


class Format(NamedTuple):
    """One row of the table: `container` files hold several tensors by name."""

    name: str
    suffixes: tuple[str, ...]
    container: bool
    extended_floats: bool
    """Whether bfloat16 and 8-bit floats can be stored."""
    metadata: bool
    """Whether a file can say how it was made."""

    def load(self) -> FormatModule:
        """Import the format's module; MemoryError when there is no room for the library it needs."""
        if self.name == "hdf5" and "h5py" not in sys.modules and not may_load_hdf5():
            raise MemoryError("no room in the address space for HDF5")
        return cast(FormatModule, import_module(f"featfuse.formats.{self.name}"))

    def stores(self, dtype: np.dtype[Any]) -> bool:
        """Whether a tensor of `dtype` can be written."""
        return self.extended_floats or numpy_can_store(dtype)


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        row.name: row
        for row in (
            Format("npy", (".npy",), container=False, extended_floats=False, metadata=False),
            Format("npz", (".npz",), container=True, extended_floats=False, metadata=False),
            Format("hdf5", (".h5", ".hdf5", ".hdf"), container=True, extended_floats=False, metadata=True),
            Format("safetensors", (".safetensors",), container=True, extended_floats=True, metadata=True),
        )
    }
)
"""Every format by name."""

SUFFIXES: Mapping[str, Format] = MappingProxyType(
    {suffix: row for row in FORMATS.values() for suffix in row.suffixes}
)
"""Every format by the suffixes that name it, in lower case."""


@lru_cache(maxsize=256)
def find_format(path: str) -> Format | None:
    """The format that the suffix of `path` names, in any case; None when it names none."""
    return SUFFIXES.get(Path(path).suffix.lower())
