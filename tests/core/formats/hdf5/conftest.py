"""Fixtures for HDF5 chunks."""

import threading
from collections import Counter

import numpy as np
import pytest
from featfuse.formats.hdf5 import direct, reader
from featfuse.formats.hdf5.chunk_cache import ChunkCache
from featfuse.formats.hdf5.filters import Pipeline
from featfuse.model.tensor import Array


@pytest.fixture
def own_cache(monkeypatch: pytest.MonkeyPatch) -> ChunkCache:
    """A cache that no other test has filled."""
    cache = ChunkCache(1 << 20)
    for module in (reader, direct):
        monkeypatch.setattr(module, "CACHE", cache)
    return cache


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """How often chunks were decoded, by the first item of each."""
    count: Counter[int] = Counter()
    lock, decode = threading.Lock(), Pipeline.decode

    def counting(self: Pipeline, stored: memoryview, mask: int, target: Array) -> None:
        decode(self, stored, mask, target)
        with lock:
            count[int(target.view(np.int32)[0])] += 1

    monkeypatch.setattr(Pipeline, "decode", counting)
    return count
