"""Arrays that lie in bytes as they are: every window, any order of bytes and axes, missing ends."""

import itertools

import numpy as np
import pytest
from featfuse.errors import InputError
from featfuse.formats.raw_array import RawArray

from tests.support.sources import MemoryOutput, MemorySource

SHAPE = (3, 5, 4)


def every_window() -> list[tuple[slice, ...]]:
    parts = [[slice(a, b) for a in range(size) for b in (a, a + 1, size)] for size in SHAPE]
    return list(itertools.product(*parts))


@pytest.mark.parametrize("fortran", [False, True])
@pytest.mark.parametrize("dtype", ["<f4", ">i2", "u1"])
def test_every_window_is_read_and_written(dtype: str, fortran: bool) -> None:
    values = np.random.default_rng(0).integers(0, 99, SHAPE).astype(dtype)
    order = "F" if fortran else "C"
    source, output = MemorySource(b"head" + values.tobytes(order)), MemoryOutput()
    output.reserve(4 + values.nbytes)
    native = values.astype(values.dtype.newbyteorder("="))
    stored = RawArray(4, SHAPE, values.dtype, fortran)
    for window in every_window():
        block = stored.read(source, window)
        assert block.dtype == native.dtype
        np.testing.assert_array_equal(block, native[window])
        stored.write(output, window, values[window])
    assert output.bytes[4:] == values.tobytes(order)


@pytest.mark.parametrize("window", [(slice(0, 3), slice(0, 4)), (slice(0, 3), slice(0, 3))])
def test_a_source_that_ends_too_early(window: tuple[slice, ...]) -> None:
    source = MemorySource(bytes(40), "x")
    stored = RawArray(0, (5, 4), np.dtype("<f4"))
    assert stored.read(source, (slice(0, 2), slice(0, 4))).shape == (2, 4)
    missing = 8 if window[1].stop == 4 else 4
    with pytest.raises(InputError, match=f"x: ends {missing} bytes before its tensor does"):
        stored.read(source, window)


def test_long_rows_with_wide_gaps_are_read_as_runs_and_a_short_one_is_told() -> None:
    values = np.arange(6 * 40_000, dtype="<f4").reshape(6, 40_000)
    source = MemorySource(values.tobytes()[:-8], "x")
    stored = RawArray(0, values.shape, values.dtype)
    block = stored.read(source, (slice(0, 5), slice(100, 30_000)), "x::a")
    np.testing.assert_array_equal(block, values[:5, 100:30_000])
    assert source.asked == [(row * 160_000 + 400, 119_600) for row in range(5)]
    with pytest.raises(InputError, match="x::a: ends 8 bytes before its tensor does"):
        stored.read(source, (slice(0, 6), slice(20_000, 40_000)), "x::a")
