"""Every test here runs in a folder of its own."""

import pytest


@pytest.fixture(autouse=True)
def own_folder(in_tmp_path: None) -> None:
    """See `in_tmp_path`."""


BATCH_OPTIONS = ("-m", "nearest", "--layout", "CHW")


@pytest.fixture
def pairs(make_npy):
    """a/0.npy and b/0.npy, and so on."""

    def make(count):
        for number in range(count):
            make_npy(f"a/{number}.npy", (2, 8, 8))
            make_npy(f"b/{number}.npy", (2, 4, 4))

    return make


@pytest.fixture
def batch(fuse):
    def call(*words):
        return fuse("batch", *words, *BATCH_OPTIONS)

    return call
