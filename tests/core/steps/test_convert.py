"""Element types: which one comes out, what arithmetic is done in, and what does not fit."""

from pathlib import Path
from typing import Any

import featfuse
import ml_dtypes
import numpy as np
import pytest
from featfuse import METHODS, FeatfuseWarning, RunError, ShapeReport
from featfuse.model.dtypes import DTYPES, is_float, is_integer

from tests.support.arrays import array

INTEGERS = tuple(name for name, dtype in DTYPES.items() if is_integer(dtype))

FLOATS = tuple(name for name, dtype in DTYPES.items() if is_float(dtype))


def written(tmp_path: Path, *inputs: np.ndarray, **options: Any) -> tuple[np.ndarray, ShapeReport]:
    """The result as read back by safetensors itself, and the report."""
    from safetensors import safe_open

    path = tmp_path / "fused.safetensors"
    report = featfuse.fuse(*inputs, out=path, force=True, **options)
    with safe_open(path, framework="numpy") as file:
        return file.get_tensor("fused"), report


# ------------------------------------------------------------------------------- the type that comes out


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", DTYPES)
def test_kept_or_weighted(method: str, name: str) -> None:
    """Moving and comparing keeps the type; weighting gives floats, in which a float stays what it is."""
    shape, small = (1, 4, 4, 4), (1, 16 if METHODS[method].shuffles else 4, 2, 2)
    x, y = np.ones(shape, DTYPES[name]), np.ones(shape if method == "strict" else small, DTYPES[name])
    result = featfuse.fuse(x, y, method=method, combine="max", layout="NCHW")
    if not METHODS[method].weighted or is_float(DTYPES[name]):
        assert result.dtype.name == name
    else:
        assert result.dtype.name == ("float64" if name in ("int64", "uint64") else "float32")


@pytest.mark.parametrize("options", [{}, {"combine": "mean"}, {"combine": "max"}, {"combine": "stack"}])
def test_a_saturated_run_says_so(options: dict[str, str], tmp_path: Path) -> None:
    x = array([100, 3], "int8")
    result, report = written(tmp_path, x, x, on_overflow="saturate", **options)
    if options:
        assert not report.warnings
    else:
        assert result.tolist() == [127, 6]
        assert report.warnings == ("1 of 2 values did not fit int8 and were clipped",)


def test_a_wider_dtype_is_a_way_out() -> None:
    x = array([100, -100], "int8")
    assert featfuse.fuse(x, x, dtype="int16").tolist() == [200, -200]
    big = array([2**31 - 1], "int32")
    assert featfuse.fuse(big, big, combine="mul", dtype="int64").tolist() == [(2**31 - 1) ** 2]
    assert featfuse.fuse(x, x, dtype="float32").tolist() == [200.0, -200.0]


@pytest.mark.parametrize(
    ("values", "names", "dtype", "expected"),
    [
        ((2**63 - 1, 2**63 - 1), ("int64", "int64"), "float64", 2.0**64),
        ((2**63 - 1, 1), ("int64", "int64"), "uint64", 2**63),
        ((2**63, 0), ("uint64", "int64"), "uint64", 2**63),
    ],
)
def test_a_dtype_that_holds_the_result_is_enough(
    values: tuple[int, int], names: tuple[str, str], dtype: str, expected: float
) -> None:
    """The error would say "do not fit float64" and advise a wider --dtype."""
    inputs = [array([value], name) for value, name in zip(values, names, strict=True)]
    assert featfuse.fuse(*inputs, dtype=dtype).tolist() == [expected]


@pytest.mark.parametrize("dtype", INTEGERS)
def test_floats_round_half_to_even(dtype: str) -> None:
    values = [0.5, 1.5, 2.5, 3.5, 0.49, 1.51, 100.0]
    signed = dtype.startswith("int")
    if signed:
        values += [-0.5, -1.5, -2.5]
    result = featfuse.fuse(np.array(values, dtype=np.float32), dtype=dtype)
    assert result.tolist() == [round(float(np.float32(value))) for value in values]


@pytest.mark.parametrize("dtype", INTEGERS)
def test_floats_that_do_not_fit_are_counted(dtype: str) -> None:
    info = np.iinfo(dtype)
    values = np.array([info.min, 0.0, float(info.max) * 2, -float(info.max) * 2 - 4, np.inf, -np.inf, np.nan])
    with pytest.raises(RunError, match="5 of 7 values"):
        featfuse.fuse(values, dtype=dtype)
    result = featfuse.fuse(values, dtype=dtype, on_overflow="saturate").tolist()
    assert result[:-1] == [info.min, 0, info.max, info.min, info.max, info.min]


@pytest.mark.parametrize(
    ("dtype", "top", "fits"),
    [
        # 2**63 and 2**64 are floats, and one more than the types hold
        ("int64", 2.0**63, False),
        ("int64", np.nextafter(2.0**63, 0), True),
        ("int64", -(2.0**63), True),
        ("int64", np.nextafter(-(2.0**63), -np.inf), False),
        ("uint64", 2.0**64, False),
        ("uint64", np.nextafter(2.0**64, 0), True),
        ("uint64", -0.4, True),
        ("uint64", -0.6, False),
        ("uint8", 255.49, True),
        ("uint8", 255.5, False),
    ],
)
def test_the_last_float_that_fits(dtype: str, top: float, fits: bool) -> None:
    x = np.array([top])
    if fits:
        assert featfuse.fuse(x, dtype=dtype).tolist() == [round(top)]
    else:
        with pytest.raises(RunError, match="1 of 1 values"):
            featfuse.fuse(x, dtype=dtype)


def test_overflow_is_counted_over_all_windows() -> None:
    x = np.full((64, 1000), 200, dtype=np.uint8)
    with pytest.raises(RunError, match="64000 of 64000 values"):
        featfuse.fuse(x, x, memory="64K", threads=3)


# ----------------------------------------------------------------------------------- half precision


@pytest.mark.parametrize(
    ("values", "of", "to", "lost"),
    [
        ([1e5, 1.0], "float32", "float16", 1),
        ([1e300, -1e300], "float64", "float32", 2),
        ([3.4e38, 1.0], "float32", "bfloat16", 1),
        ([500.0, 1.0], "float32", "float8_e4m3fn", 1),  # has no inf
        ([np.inf, np.nan], "float32", "float16", 0),  # was never finite
        ([65504.0, 1.0], "float32", "float16", 0),
    ],
)
def test_overflow_to_inf_is_counted(tmp_path: Path, values: list[float], of: str, to: str, lost: int) -> None:
    report = featfuse.fuse(array(values, of), out=tmp_path / "fused.safetensors", dtype=to)
    became = "NaN" if to == "float8_e4m3fn" else "inf"
    expected = (f"{lost} of 2 finite values became {became} in {to}",) if lost else ()
    assert report.warnings == expected


@pytest.mark.parametrize(
    ("value", "of", "to"),
    [
        (1e30, "bfloat16", "float16"),  # as many bytes
        (5e4, "float8_e5m2", "float8_e4m3fn"),
        (100_000, "int32", "float16"),
        (2**40, "int64", "float16"),
        (100_000, "int32", "float8_e5m2"),
    ],
)
def test_overflow_to_inf_from_other_types_is_counted(tmp_path: Path, value: float, of: str, to: str) -> None:
    report = featfuse.fuse(array([value], of), out=tmp_path / "fused.safetensors", dtype=to)
    became = "NaN" if to == "float8_e4m3fn" else "inf"
    assert report.warnings == (f"1 of 1 finite values became {became} in {to}",)


def test_a_sum_of_halves_that_leaves_them_is_warned_of(tmp_path: Path) -> None:
    x = array([6e4, 1.0, np.inf], "float16")
    result, report = written(tmp_path, x, x)
    assert result.tolist() == [np.inf, 2.0, np.inf]
    assert report.warnings == ("1 of 3 finite values became inf in float16",)


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
@pytest.mark.parametrize("method", [row.name for row in METHODS.values() if row.weighted])
def test_halves_are_computed_in_float32(name: str, method: str) -> None:
    """Half precision is lost once, at the end: within half a step of the result in double precision."""
    rng = np.random.default_rng(3)
    x = (rng.normal(size=(1, 12, 12, 3)) + 4).astype(DTYPES[name])
    target = (24, 24) if METHODS[method].target == "largest" else (5, 4)
    result = featfuse.resize(x, target, method=method, layout="NHWC")
    exact = featfuse.resize(x.astype(np.float64), target, method=method, layout="NHWC")
    assert result.dtype == x.dtype
    step = float(ml_dtypes.finfo(x.dtype).eps)
    error = np.abs(result.astype(np.float64) - exact)
    assert (error <= 0.5 * step * np.exp2(np.floor(np.log2(np.abs(exact) + 1e-9))) + 1e-5).all()


def test_halves_that_become_inf_are_told_beside_an_array() -> None:
    x = np.full((1, 1, 2, 2), 6e4, np.float16)
    x[..., 0] = np.inf  # infinite before: no news
    with pytest.warns(FeatfuseWarning, match="^2 of 4 finite values became inf in float16$") as caught:
        out = featfuse.fuse(x, x, layout="NCHW")
    assert np.isinf(out).all()
    assert [warning.filename for warning in caught] == [__file__]
    with pytest.warns(FeatfuseWarning, match="^2 of 4 finite"):
        featfuse.resize(x.astype(np.float32) * 2, (2, 2), layout="NCHW", dtype="float16")
