"""Sizes of memory and numbers of threads as people write them."""

import featfuse
import numpy as np
import pytest
from featfuse import UsageError
from featfuse.process.limits import parse_memory


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("512M", 512 << 20),
        ("2G", 2 << 30),
        ("64K", 64 << 10),
        ("64KiB", 64 << 10),
        ("64kb", 64 << 10),
        ("1.5M", 3 << 19),
        ("1T", 1 << 40),
        ("1000", 1000),
        ("100B", 100),
        (4096, 4096),
        (" 1 M ", 1 << 20),
    ],
)
def test_memory_sizes(text: str | int, count: int) -> None:
    assert parse_memory(text) == count


@pytest.mark.parametrize("text", ["", "M", "0", "0K", "-1M", "1e9", "12 34", "1X", "nan", "inf"])
def test_no_memory_sizes(text: str) -> None:
    with pytest.raises(UsageError, match="--memory") as caught:
        parse_memory(text)
    assert "512M" in caught.value.hint


def test_an_endless_memory_size() -> None:
    with pytest.raises(UsageError):
        parse_memory("9" * 400)


@pytest.mark.parametrize("threads", [0, -1])
def test_threads_are_positive(threads: int) -> None:
    with pytest.raises(UsageError, match="threads="):
        featfuse.fuse(np.zeros(3, np.float32), threads=threads)
