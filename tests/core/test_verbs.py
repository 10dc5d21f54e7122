"""The verbs: what they take and give."""

from pathlib import Path
from typing import Any

import featfuse
import numpy as np
import pytest
from featfuse import InputError

# ----------------------------------------------------------------------------------------- in and out


def test_arrays_in_array_out() -> None:
    x, y = np.ones((1, 3, 8, 8), np.float32), np.ones((1, 3, 4, 4), np.float32)
    kept = x.copy(), y.copy()
    result = featfuse.fuse(x, y, method="bilinear")
    assert isinstance(result, np.ndarray)
    assert result.shape == (1, 3, 8, 8)
    assert (result == 2).all()
    assert (x == kept[0]).all()
    assert (y == kept[1]).all()


@pytest.mark.parametrize("method", ["strict", "crop", "nearest"])
def test_the_result_is_new_memory_that_can_be_written_to(method: str) -> None:
    x = np.ones((4, 4), dtype=np.float32)
    options: dict[str, Any] = {} if method == "strict" else {"method": method, "to": "3x3"}
    result = featfuse.fuse(x, **options)
    assert result.flags.c_contiguous
    result[...] = 5
    assert (x == 1).all()


def test_scalars() -> None:
    x, y = np.array(1.5, np.float32), np.array(2, np.float32)
    result = featfuse.fuse(x, y)
    assert result.shape == ()
    assert result == 3.5
    assert featfuse.fuse(x, y, combine="stack").tolist() == [1.5, 2.0]
    assert featfuse.fuse(x, np.ones((2, 3), np.float32)).tolist() == [[2.5] * 3] * 2


def test_a_scalar_needs_no_layout() -> None:
    assert featfuse.fuse(np.ones(()), np.ones((1, 2, 3, 4))).shape == (1, 2, 3, 4)


def test_nothing_in_nothing_out() -> None:
    empty, one = np.zeros((0, 3), np.float32), np.ones((1, 3), np.float32)
    assert featfuse.fuse(empty, one).shape == (0, 3)
    assert featfuse.fuse(empty, empty, combine="stack").shape == (2, 0, 3)
    x, y = np.zeros((1, 0, 3, 3), np.float32), np.ones((1, 2, 3, 3), np.float32)
    assert featfuse.fuse(x, y, combine="concat").tolist() == y.tolist()
    assert featfuse.fuse(empty, method="pad", to="2x3", pad_value=7.0).tolist() == [[7.0] * 3] * 2


def test_a_bare_shape_can_be_planned_and_not_run() -> None:
    assert featfuse.inspect((4, 4), (2, 2), method="nearest").problem is None
    with pytest.raises(InputError, match="input 1 is only a shape"):
        featfuse.fuse((4, 4), (4, 4))


def test_a_dry_run_reports_and_writes_nothing(tmp_path: Path) -> None:
    x = np.ones((4, 4), np.float32)
    report = featfuse.fuse(x, out=tmp_path / "f.npy", method="pad", to="6x6", dry_run=True, sidecar=True)
    assert report.output is not None
    assert report.output.shape == (6, 6)
    assert report.seconds is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("shape", "size", "options", "expected"),
    [
        ((1, 3, 8, 8), (4, 6), {}, (1, 3, 4, 6)),
        ((8, 8), (4, 6), {"method": "bicubic", "convention": "tf"}, (4, 6)),
        ((8,), 5, {}, (5,)),
        ((8,), (5,), {"method": "nearest"}, (5,)),
        ((1, 2, 4, 4, 4), (2, 3, 5), {"layout": "NCDHW"}, (1, 2, 2, 3, 5)),
        ((9, 9), None, {"method": "max-pool", "pool_size": "3"}, (3, 3)),
    ],
)
def test_resize(
    shape: tuple[int, ...], size: Any, options: dict[str, Any], expected: tuple[int, ...]
) -> None:
    assert featfuse.resize(np.ones(shape, np.float32), size, **options).shape == expected


def test_inspect_never_raises_for_shapes() -> None:
    """It says why not, side by side."""
    report = featfuse.inspect((2, 9, 7, 3), (2, 5, 4, 6), layout="NCHW")
    assert report.problem is not None
    assert report.output is None
    assert [row.sizes for row in report.axes] == [(2, 2), (9, 5), (7, 4), (3, 6)]
    for shapes in [((2, 3), (3, 2)), ((1, 2, 3, 4, 5, 6), (6, 5, 4, 3, 2, 1)), ((), (2,), (3, 4, 5))]:
        assert featfuse.inspect(*shapes).compatibility in ("mismatch", "broadcast")
    assert featfuse.inspect((2, 3), (2, 3), layout="DHW").problem is not None
