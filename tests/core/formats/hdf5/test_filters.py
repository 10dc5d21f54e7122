"""The filters of HDF5 chunks: decoded as the library does, or left to it."""

import ctypes
import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from featfuse.io.readers import open_input
from featfuse.model.tensor import whole

from tests.support.chunks import CHUNKS, SHAPE, assert_read_as_by_h5py, create, is_direct

pytestmark = pytest.mark.usefixtures("own_cache")

BY_LIBRARY: dict[str, dict[str, Any]] = {
    "lzf": {"compression": "lzf"},
    "lzf, shuffle, checksum": {"compression": "lzf", "shuffle": True, "fletcher32": True},
    "scale-offset": {"scaleoffset": 0},
    "szip": {"compression": "szip"},
}


@pytest.mark.parametrize("options", BY_LIBRARY)
def test_other_filters_are_left_to_the_library(tmp_path: Path, options: str) -> None:
    if "szip" in options and "szip" not in h5py.filters.encode:
        pytest.skip("this h5py cannot write szip")
    create(tmp_path / "x.h5", np.arange(495, dtype=np.int32).reshape(SHAPE), **BY_LIBRARY[options])
    assert_read_as_by_h5py(tmp_path / "x.h5")
    assert not is_direct(tmp_path / "x.h5")


@pytest.mark.parametrize("size", [1, 7, 8, 100_001, 600_000])  # odd sizes, and more than one run of the sums
@pytest.mark.parametrize("fill", [0, 255, None])
def test_checksums_are_those_of_the_library(tmp_path: Path, size: int, fill: int | None) -> None:
    array = np.random.default_rng(1).integers(0, 256, size).astype(np.uint8)
    if fill is not None:
        array[:] = fill
    create(tmp_path / "x.h5", array, chunks=(size,), fletcher32=True)
    with open_input(str(tmp_path / "x.h5")) as reader:
        np.testing.assert_array_equal(reader.read("x", whole((size,))), array)


@pytest.mark.parametrize("shuffle", [False, True])
def test_partial_chunks_without_the_filters_of_the_others(tmp_path: Path, shuffle: bool) -> None:
    array = np.random.default_rng(0).integers(0, 9, SHAPE).astype("<i4")
    library = ctypes.CDLL(h5py.h5p.__file__)  # h5py has no such call of its own
    library.H5Pset_chunk_opts.argtypes = [ctypes.c_int64, ctypes.c_uint]
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk(CHUNKS)
    if shuffle:
        properties.set_shuffle()
    properties.set_deflate(4)
    assert library.H5Pset_chunk_opts(properties.id, 2) == 0
    with h5py.File(tmp_path / "x.h5", "w", libver="latest") as file:
        space = h5py.h5s.create_simple(SHAPE)
        made = h5py.h5d.create(file.id, b"x", h5py.h5t.STD_I32LE, space, properties)
        h5py.Dataset(made)[...] = array
    assert_read_as_by_h5py(tmp_path / "x.h5")
    assert is_direct(tmp_path / "x.h5")


def test_filters_that_a_chunk_skipped(tmp_path: Path) -> None:
    """A bit of the chunk's mask for each filter: writers skip what does not make the chunk smaller."""
    array = np.arange(160, dtype="<i4").reshape(4, 40)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        data = file.create_dataset(
            "x", array.shape, "<i4", chunks=(1, 40), compression="gzip", shuffle=True, fletcher32=True
        )
        shuffled = np.ascontiguousarray(array[1].view(np.uint8).reshape(40, 4).T).tobytes()
        data.id.write_direct_chunk((0, 0), array[0].tobytes(), 0b111)
        data.id.write_direct_chunk((1, 0), shuffled, 0b110)
        data.id.write_direct_chunk((2, 0), zlib.compress(array[2].tobytes()), 0b101)
        data[3] = array[3]
    assert_read_as_by_h5py(tmp_path / "x.h5")
    with open_input(str(tmp_path / "x.h5")) as reader:
        np.testing.assert_array_equal(reader.read("x", whole(array.shape)), array)
