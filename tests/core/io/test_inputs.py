"""Inputs: paths, arrays and bare shapes, in any mix; what is none is named."""

from pathlib import Path

import featfuse
import numpy as np
import pytest
from featfuse import InputError, ShapeReport, UsageError
from featfuse.model.dtypes import DTYPES


def test_anything_numpy_can_read() -> None:
    assert featfuse.fuse([[1.0, 2.0]], [[3.0, 4.0]]).tolist() == [[4.0, 6.0]]  # type: ignore[call-overload]
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert featfuse.fuse(x.T).tolist() == x.T.tolist()
    assert featfuse.fuse(np.asfortranarray(x)).tolist() == x.tolist()
    assert featfuse.fuse(x[::-2, ::2]).tolist() == x[::-2, ::2].tolist()
    x.setflags(write=False)
    assert featfuse.resize(x, (6, 8)).shape == (6, 8)


@pytest.mark.parametrize("code", [">f4", ">f2", ">i8", ">u2", "<f8"])
def test_any_byte_order(code: str) -> None:
    x = np.arange(6).reshape(2, 3).astype(code)
    result = featfuse.fuse(x, x)
    assert result.tolist() == (2 * np.arange(6).reshape(2, 3)).tolist()
    assert result.dtype.isnative
    assert featfuse.resize(x, (4, 6), method="nearest").tolist() == np.kron(x, np.ones((2, 2))).tolist()


@pytest.mark.parametrize(
    "value", [np.ones(2, complex), np.array(["a"]), np.array([object()]), np.ones(2, "M8[s]")]
)
def test_unsupported_types_are_named(value: np.ndarray) -> None:
    with pytest.raises(InputError, match="input 2: dtype") as caught:
        featfuse.fuse(np.ones(2), value)
    assert str(value.dtype) in caught.value.message
    assert all(name in caught.value.hint for name in DTYPES)


def test_no_input() -> None:
    with pytest.raises(UsageError, match="no input"):
        featfuse.fuse()
    with pytest.raises(UsageError, match="no input"):
        featfuse.inspect()


def test_paths_arrays_and_formats_mix(tmp_path: Path) -> None:
    x, y = np.ones((1, 3, 8, 8), np.float32), np.full((1, 3, 4, 4), 2, np.float32)
    np.save(tmp_path / "x.npy", x)
    report = featfuse.fuse(tmp_path / "x.npy", y, out=f"{tmp_path}/f.h5::feat/l3", method="nearest")
    assert isinstance(report, ShapeReport)
    assert report.seconds is not None
    assert report.output is not None
    assert (report.output.key, report.output.format, report.output.shape) == ("feat/l3", "hdf5", (1, 3, 8, 8))
    again = featfuse.fuse(f"{tmp_path}/f.h5::feat/l3", tmp_path / "x.npy", combine="sub")
    assert (again == 2).all()
    assert featfuse.resize(str(tmp_path / "x.npy"), (2, 2)).shape == (1, 3, 2, 2)


def test_a_file_of_many_tensors_by_glob(tmp_path: Path) -> None:
    """`layer*` stands for all that match, in natural order."""
    np.savez(tmp_path / "f.npz", **{f"l{k}": np.full((1, 2, 2), k, np.float32) for k in (10, 2, 1)})
    result = featfuse.fuse(f"{tmp_path}/f.npz::l*", combine="concat", layout="CHW")
    assert result[:, 0, 0].tolist() == [1.0, 2.0, 10.0]
