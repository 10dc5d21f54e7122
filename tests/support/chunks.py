"""HDF5 files in chunks, and whether they are read as h5py reads them."""

import itertools
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from featfuse.formats.hdf5 import direct
from featfuse.io.readers import open_input
from featfuse.model.tensor import Array, Window, whole
from featfuse.storage.local import open_source

SHAPE, CHUNKS = (5, 9, 11), (2, 4, 5)  # the chunks at the ends are partial along every axis


def create(path: Path, array: Array, **options: Any) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=array, **{"chunks": CHUNKS, **options})


def windows(shape: tuple[int, ...], *lengths: int) -> Iterator[Window]:
    cuts = [range(0, size, length) for size, length in zip(shape, lengths, strict=True)]
    for corner in itertools.product(*cuts):
        yield tuple(
            slice(first, min(first + length, size))
            for first, length, size in zip(corner, lengths, shape, strict=True)
        )


def assert_read_as_by_h5py(path: Path) -> None:
    with h5py.File(path) as file:
        expected = file["x"][()]
    rng = np.random.default_rng(3)
    with open_input(str(path)) as reader:
        for number in range(80):
            bounds = [sorted(map(int, rng.integers(0, size + 1, 2))) for size in expected.shape]
            window = tuple(slice(*bound) for bound in bounds) if number else whole(expected.shape)
            block = reader.read("x", window)
            assert block.dtype == expected.dtype.newbyteorder("=")
            np.testing.assert_array_equal(block, expected[window])
            block[...] = 1  # its own memory: later windows must not see this


def is_direct(path: Path) -> bool:
    with h5py.File(path) as file, closing(open_source(str(path))) as source:
        dataset = file["x"]
        data = direct.open_direct(dataset, dataset.dtype, source, "x", lambda window: dataset[window])
        return data is not None
