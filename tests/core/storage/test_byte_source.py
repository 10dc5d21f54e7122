"""Sources by their ranges: ends, runs, and the file that libraries see."""

import errno
import io
import os

import pytest
from featfuse.storage.byte_source import SourceStream

from tests.support.sources import MemorySource

DATA = bytes(range(100))


def test_a_range_ends_where_the_source_does() -> None:
    source = MemorySource(DATA)
    assert source.read(90, 5) == DATA[90:95]
    assert source.read(90, 50) == DATA[90:]
    assert source.read(200, 5) == b""
    assert source.state() is None


def test_runs_stop_at_the_first_that_is_cut_short() -> None:
    source, buffer = MemorySource(DATA), bytearray(30)
    assert source.read_runs(range(0, 90, 30), 10, memoryview(buffer)) == 30
    assert bytes(buffer) == DATA[:10] + DATA[30:40] + DATA[60:70]
    assert source.read_runs((0, 95, 50), 10, memoryview(buffer)) == 15
    assert source.asked[-1] == (95, 10)


def test_a_source_as_a_file() -> None:
    source = MemorySource(DATA)
    with SourceStream(source) as stream:
        assert (stream.read(3), stream.tell()) == (DATA[:3], 3)
        assert (stream.seek(-4, os.SEEK_END), stream.read()) == (96, DATA[96:])
        assert (stream.read(5), stream.seek(1), stream.seek(2, os.SEEK_CUR)) == (b"", 1, 3)
        assert io.BufferedReader(stream).read(4) == DATA[3:7]
    assert not source.closed


def test_no_position_before_the_first() -> None:
    """zipfile looks for what a small file is too short for, and waits for what a file says then."""
    with pytest.raises(OSError) as refused:  # noqa: PT011 (the number tells)
        SourceStream(MemorySource(DATA)).seek(-101, os.SEEK_END)
    assert refused.value.errno == errno.EINVAL
