"""The cache of decoded chunks: its limit, and threads that wait for one another."""

import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from featfuse.formats.hdf5.chunk_cache import ChunkCache
from featfuse.io.readers import open_input
from featfuse.model.tensor import Array

from tests.support.chunks import create, windows

pytestmark = pytest.mark.usefixtures("own_cache")


def test_chunks_larger_than_the_cache_are_kept_one_at_a_time(
    tmp_path: Path, decoded: Counter[int], own_cache: ChunkCache
) -> None:
    own_cache.limit = 100
    array = np.arange(2000, dtype="<i4").reshape(20, 100)
    create(tmp_path / "x.h5", array, chunks=(10, 100), compression="gzip")
    with open_input(str(tmp_path / "x.h5")) as reader:
        for window in windows(array.shape, 1, 100):
            np.testing.assert_array_equal(reader.read("x", window), array[window])
            assert own_cache._bytes == 4000
    assert decoded == {0: 1, 1000: 1}
    assert (own_cache._bytes, own_cache._held) == (0, {})  # closing gives all up


def test_the_cache_stays_within_its_limit(tmp_path: Path, own_cache: ChunkCache) -> None:
    own_cache.limit = 900
    array = np.arange(2000, dtype="<i4").reshape(20, 100)
    create(tmp_path / "x.h5", array, chunks=(2, 10), compression="gzip")
    with open_input(str(tmp_path / "x.h5")) as reader:
        for window in windows(array.shape, 3, 100):
            np.testing.assert_array_equal(reader.read("x", window), array[window])
            assert 0 < own_cache._bytes <= 900


def test_a_thread_that_would_wait_decodes_what_comes_next(
    tmp_path: Path, decoded: Counter[int], own_cache: ChunkCache
) -> None:
    array = np.arange(60, dtype="<i4").reshape(6, 10)
    create(tmp_path / "x.h5", array, chunks=(1, 10), compression="gzip")
    with open_input(str(tmp_path / "x.h5")) as reader:
        for row in range(2):
            reader.read("x", (slice(row, row + 1), slice(0, 10)))
        data = reader._data["x"]  # type: ignore[attr-defined]
        future, mine = own_cache.claim(data, (2, 0))  # some other thread, which takes its time
        assert mine
        blocks: list[Array] = []
        waiting = threading.Thread(target=lambda: blocks.append(reader.read("x", (slice(2, 3), slice(0, 5)))))
        waiting.start()
        try:
            for _ in range(500):
                if not decoded[30]:
                    waiting.join(0.01)
            assert decoded[30] == 1
            assert not blocks
        finally:
            own_cache.provide(data, (2, 0), future, data._decode)
            waiting.join()
        np.testing.assert_array_equal(blocks[0], array[2:3, :5])
