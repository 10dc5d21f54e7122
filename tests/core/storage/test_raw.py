"""Arrays that lie in a file as they are: every window, any order of bytes and axes, missing ends."""

import itertools
import os
from pathlib import Path

import numpy as np
import pytest
from featfuse.errors import InputError
from featfuse.storage.raw import RawArray

SHAPE = (3, 5, 4)


def every_window() -> list[tuple[slice, ...]]:
    parts = [[slice(a, b) for a in range(size) for b in (a, a + 1, size)] for size in SHAPE]
    return list(itertools.product(*parts))


@pytest.mark.parametrize("fortran", [False, True])
@pytest.mark.parametrize("dtype", ["<f4", ">i2", "u1"])
def test_every_window_is_read_and_written(tmp_path: Path, dtype: str, fortran: bool) -> None:
    values = np.random.default_rng(0).integers(0, 99, SHAPE).astype(dtype)
    order = "F" if fortran else "C"
    (tmp_path / "x").write_bytes(b"head" + values.tobytes(order))
    (tmp_path / "y").write_bytes(bytes(4 + values.nbytes))
    native = values.astype(values.dtype.newbyteorder("="))
    with (tmp_path / "x").open("rb") as source, (tmp_path / "y").open("r+b") as target:
        stored = RawArray("x", source.fileno(), 4, SHAPE, values.dtype, fortran)
        for window in every_window():
            block = stored.read(window)
            assert block.dtype == native.dtype
            np.testing.assert_array_equal(block, native[window])
            RawArray("y", target.fileno(), 4, SHAPE, values.dtype, fortran).write(window, values[window])
        assert os.pread(target.fileno(), values.nbytes, 4) == values.tobytes(order)


def test_a_file_that_ends_too_early(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(40))
    with (tmp_path / "x").open("rb") as file:
        stored = RawArray("x", file.fileno(), 0, (5, 4), np.dtype("<f4"))
        assert stored.read((slice(0, 2), slice(0, 4))).shape == (2, 4)
        with pytest.raises(InputError, match="ends 8 bytes before its tensor does"):
            stored.read((slice(0, 3), slice(0, 4)))
