"""HDF5 chunks: decoded outside the library, once each, equal to the library's own reading, or refused."""

import tracemalloc
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from featfuse.errors import InputError
from featfuse.formats.hdf5.direct import _Walk
from featfuse.io.readers import open_input
from featfuse.model.tensor import whole

from tests.support.amounts import slow_but
from tests.support.chunks import CHUNKS, SHAPE, assert_read_as_by_h5py, create, is_direct, windows

pytestmark = pytest.mark.usefixtures("own_cache")

DIRECT: dict[str, dict[str, Any]] = {
    "contiguous": {"chunks": None},
    "chunks alone": {},
    "gzip": {"compression": "gzip"},
    "gzip level 0": {"compression": "gzip", "compression_opts": 0},
    "shuffle": {"shuffle": True},
    "checksum": {"fletcher32": True},
    "gzip, shuffle": {"compression": "gzip", "shuffle": True},
    "gzip, shuffle, checksum": {"compression": "gzip", "shuffle": True, "fletcher32": True},
}


@pytest.mark.parametrize("options", DIRECT)
@pytest.mark.parametrize("dtype", slow_but(["<f4", ">f4", "<f2", ">i8", "?", "u1"], "<f4", ">i8", "?"))
def test_any_window_of_any_storage(tmp_path: Path, options: str, dtype: str) -> None:
    array = np.random.default_rng(0).integers(0, 99, SHAPE).astype(dtype)
    create(tmp_path / "x.h5", array, **DIRECT[options])
    assert_read_as_by_h5py(tmp_path / "x.h5")
    assert is_direct(tmp_path / "x.h5")


@pytest.mark.parametrize("kind", ["20 of 32 bits", "bool as 32-bit enum", "other order", "compact"])
def test_what_needs_converting_is_left_to_the_library(tmp_path: Path, kind: str) -> None:
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    stored = h5py.h5t.STD_I32LE.copy()
    if kind == "20 of 32 bits":
        stored.set_precision(20)
        stored.set_offset(4)
    elif kind == "bool as 32-bit enum":
        stored = h5py.h5t.enum_create(h5py.h5t.STD_I32LE)
        stored.enum_insert(b"FALSE", 0)
        stored.enum_insert(b"TRUE", 1)
    elif kind == "other order":
        properties.set_chunk((2, 3))
        properties.set_deflate(4)
        properties.set_shuffle()
    else:
        properties.set_layout(h5py.h5d.COMPACT)
    array = np.array([[0, 1, 1, 0], [1, 1, 0, 0]], "?" if "bool" in kind else "<i4")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        space = h5py.h5s.create_simple(array.shape)
        made = h5py.h5d.create(file.id, b"x", stored, space, properties)
        h5py.Dataset(made)[...] = array
    assert_read_as_by_h5py(tmp_path / "x.h5")
    assert not is_direct(tmp_path / "x.h5")


def test_a_user_block_before_the_file(tmp_path: Path) -> None:
    array = np.arange(495.0).reshape(SHAPE)
    for chunks in (None, CHUNKS):
        with h5py.File(tmp_path / "x.h5", "w", userblock_size=512) as file:
            file.create_dataset("x", data=array, chunks=chunks)
        assert_read_as_by_h5py(tmp_path / "x.h5")
        assert not is_direct(tmp_path / "x.h5")


@pytest.mark.parametrize("options", DIRECT)
def test_chunks_that_were_never_written_hold_the_fill_value(tmp_path: Path, options: str) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        data = file.create_dataset(
            "x", SHAPE, ">f4", **{"chunks": CHUNKS, "fillvalue": 7.5, **DIRECT[options]}
        )
        if data.chunks:
            data[1:3, 2:6, 4:9] = 1
        file.create_dataset("nothing", (0, 3), "f4", chunks=(1, 1), maxshape=(None, 3))
    assert_read_as_by_h5py(tmp_path / "x.h5")
    with open_input(str(tmp_path / "x.h5")) as reader:
        assert reader.read("x", whole(SHAPE))[4, 8, 10] == 7.5
        assert reader.read("nothing", whole((0, 3))).shape == (0, 3)


# ------------------------------------------------------------------------------------ each chunk decoded once


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("lengths", [(1, 9, 11), (1, 2, 11), (2, 3, 11), (5, 9, 11), (1, 1, 1)])
def test_a_walk_decodes_each_chunk_once(
    tmp_path: Path, decoded: Counter[int], threads: int, lengths: tuple[int, ...]
) -> None:
    array = np.arange(495, dtype="<i4").reshape(SHAPE)
    create(tmp_path / "x.h5", array, compression="gzip", shuffle=True)
    with open_input(str(tmp_path / "x.h5")) as reader, ThreadPoolExecutor(threads) as pool:
        todo = list(windows(SHAPE, *lengths))
        for window, block in zip(todo, pool.map(lambda w: reader.read("x", w), todo), strict=True):
            np.testing.assert_array_equal(block, array[window])
    assert len(decoded) == 3 * 3 * 3
    assert set(decoded.values()) == {1}


def test_what_comes_next_follows_the_walk() -> None:
    walk = _Walk((3, 4, 2))
    assert list(walk.after((0, 1, 0))) == []  # nothing is known yet
    for index in ((0, 1, 0), (0, 2, 0)):
        walk.note(index)
    assert list(walk.after((0, 2, 0))) == [
        (0, 3, 0),
        *((1, row, 0) for row in (1, 2, 3)),  # the walk began at 1
        *((2, row, 0) for row in (1, 2, 3)),
    ]
    walk.note((1, 1, 0))  # the turn of a row is no new direction
    assert next(walk.after((1, 1, 0))) == (1, 2, 0)


# ----------------------------------------------------------------------------------------------------- damage

GOOD = np.random.default_rng(2).integers(0, 9, 4096).astype("<i4")

PACKED = zlib.compress(GOOD.tobytes())

HOSTILE: dict[str, tuple[dict[str, Any], bytes, str]] = {
    "a bomb": ({"compression": "gzip"}, zlib.compress(bytes(1 << 28), 9), "takes .* bytes|more bytes"),
    "a small bomb": ({"compression": "gzip"}, zlib.compress(bytes(1 << 24), 9), "more bytes than"),
    "one item too many": (
        {"compression": "gzip"},
        zlib.compress(GOOD.tobytes() + b"1234"),
        "more bytes than",
    ),
    "one item too few": ({"compression": "gzip"}, zlib.compress(GOOD.tobytes()[4:]), "holds 16380 bytes"),
    "cut": ({"compression": "gzip"}, PACKED[:-3], "ends too early"),
    "no gzip": ({"compression": "gzip"}, b"hello, world", "cannot be inflated"),
    "flipped": ({"compression": "gzip"}, PACKED[:100] + b"\xff\xff" + PACKED[102:], "inflated|bytes"),
    "shuffled, too few": ({"shuffle": True}, GOOD.tobytes()[4:], "holds 16380 bytes"),
    "wrong checksum": ({"fletcher32": True}, GOOD.tobytes() + b"1234", "checksum"),
    "no room for a checksum": ({"fletcher32": True}, b"12", "checksum"),
    "far too large": ({"compression": "gzip"}, PACKED + bytes(1 << 20), "takes .* bytes in the file"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_damaged_chunks_are_refused_without_much_memory(tmp_path: Path, case: str) -> None:
    options, stored, words = HOSTILE[case]
    with h5py.File(tmp_path / "x.h5", "w") as file:
        data = file.create_dataset("x", (8192,), "<i4", chunks=(4096,), **options)
        data.id.write_direct_chunk((0,), stored)
        data[4096:] = GOOD
    with open_input(str(tmp_path / "x.h5")) as reader:
        np.testing.assert_array_equal(reader.read("x", (slice(4096, 8192),)), GOOD)
        tracemalloc.start()
        try:
            for _ in range(2):  # an error is not kept as if it were a chunk
                with pytest.raises(InputError, match=words) as refused:
                    reader.read("x", (slice(0, 10),))
            assert tracemalloc.get_traced_memory()[1] < 1 << 19
        finally:
            tracemalloc.stop()
    assert str(tmp_path / "x.h5::x") in refused.value.message


@pytest.mark.parametrize("options", ["contiguous", "chunks alone", "gzip"])
def test_a_file_cut_short_while_it_is_read(tmp_path: Path, options: str) -> None:
    array = np.random.default_rng(0).random(5000)
    create(tmp_path / "x.h5", array, **{"chunks": (2500,), **DIRECT[options]})
    with open_input(str(tmp_path / "x.h5")) as reader:
        reader.read("x", (slice(0, 10),))
        with (tmp_path / "x.h5").open("r+b") as file:
            file.truncate(20_000)
        with pytest.raises(InputError):
            reader.read("x", whole((5000,)))
