"""Numbers, DESIGN 4.6: which type comes out, what the arithmetic is done in, and what does not fit."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import featfuse
import ml_dtypes
import numpy as np
import pytest
from featfuse import METHODS, RunError, ShapeReport
from featfuse.model.dtypes import DTYPES, common_dtype, is_float, is_integer, parse_dtype

INTEGERS = tuple(name for name, dtype in DTYPES.items() if is_integer(dtype))
FLOATS = tuple(name for name, dtype in DTYPES.items() if is_float(dtype))
RESULTS = {"add": sum, "sub": lambda values: values[0] - values[1], "mul": math.prod}


def array(values: Sequence[Any], dtype: str) -> np.ndarray:
    """Exact: Python integers never pass through a float."""
    return np.array(values, dtype=DTYPES[dtype])


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
    shape = (4, 4)
    small = shape if method == "strict" else (2, 2)
    x, y = np.ones(shape, DTYPES[name]), np.ones(small, DTYPES[name])
    result = featfuse.fuse(x, y, method=method, combine="max")
    if not METHODS[method].weighted or is_float(DTYPES[name]):
        assert result.dtype.name == name
    else:
        assert result.dtype.name == ("float64" if name in ("int64", "uint64") else "float32")


MIXED = [
    # inputs, what they fuse into
    (("float32", "float32"), "float32"),
    (("float16", "float32"), "float32"),
    (("float16", "bfloat16"), "float32"),
    (("bfloat16", "float32"), "float32"),
    (("bfloat16", "float64"), "float64"),
    (("float8_e4m3fn", "float8_e5m2"), "float32"),
    (("float8_e4m3fn", "float16"), "float32"),
    (("float32", "float64"), "float64"),
    (("int8", "int16"), "int16"),
    (("int8", "uint8"), "int16"),
    (("uint8", "uint16"), "uint16"),
    (("int64", "uint64"), "int64"),  # NumPy would say float64, and lose digits
    (("uint32", "int64"), "int64"),
    (("bool", "uint8"), "uint8"),
    (("bool", "bool"), "bool"),
    (("float16", "uint8"), "float32"),  # an integer counts as the float it is computed in
    (("float32", "int32"), "float32"),
    (("float32", "int64"), "float64"),
    (("float32", "bool"), "float32"),
    (("int8", "float16", "bfloat16"), "float32"),
]


@pytest.mark.parametrize(("names", "expected"), MIXED, ids=str)
def test_mixed(names: tuple[str, ...], expected: str) -> None:
    arrays = [np.ones((2, 3), DTYPES[name]) for name in names]
    for order in (arrays, arrays[::-1]):
        assert featfuse.fuse(*order, combine="max").dtype.name == expected
        assert featfuse.fuse(*order, combine="stack").dtype.name == expected
    assert common_dtype([it.dtype for it in arrays]).name == expected


@pytest.mark.parametrize("name", DTYPES)
def test_a_mean_of_integers_is_a_float(name: str) -> None:
    result = featfuse.fuse(array([1, 0], name), array([0, 0], name), combine="mean")
    assert is_float(result.dtype)
    assert result.astype(float).tolist() == [0.5, 0.0]


@pytest.mark.parametrize("name", DTYPES)
def test_every_type_fuses_and_is_named(name: str) -> None:
    x = array([0, 1], name)
    assert parse_dtype(name) == x.dtype
    assert featfuse.fuse(x).tobytes() == x.tobytes()
    assert featfuse.fuse(array([0, 1], "float32"), dtype=name).dtype == x.dtype


# -------------------------------------------------------------------------------------------- bool


def test_bool() -> None:
    x, y = array([True, True, False], "bool"), array([True, False, False], "bool")
    assert featfuse.fuse(x, y).tolist() == [2, 1, 0]  # counted, not or-ed
    assert featfuse.fuse(x, y).dtype == np.uint8
    assert featfuse.fuse(x, y, combine="mul").tolist() == [1, 0, 0]
    assert featfuse.fuse(x, y, combine="max").tolist() == [True, True, False]
    assert featfuse.fuse(x, y, combine="min").tolist() == [True, False, False]
    assert featfuse.fuse(x, y, weights="0.5,0.25").tolist() == [0.75, 0.5, 0.0]
    assert featfuse.fuse(array([0.0, -2.0, np.nan], "float32"), dtype="bool").tolist() == [False, True, True]


# ------------------------------------------------------------------------------- integer arithmetic


def edges(name: str) -> list[int]:
    """The values near which an integer type overflows."""
    info = np.iinfo(name)
    near = {0, 1, -1, 2, -2, 3, info.min, info.min + 1, info.max, info.max - 1, info.max // 2, info.min // 2}
    near |= {math.isqrt(int(info.max)), math.isqrt(int(info.max)) + 1, info.max // 2 + 1}
    return sorted(int(value) for value in near if info.min <= value <= info.max)


def check_against_python(columns: Sequence[Sequence[int]], name: str, combine: str) -> None:
    """Exact where the result fits, an error with the right count where it does not, or clipped."""
    info = np.iinfo(name)
    inputs = [array(column, name) for column in columns]
    exact = [RESULTS[combine](row) for row in zip(*columns, strict=True)]
    clipped = [min(max(value, int(info.min)), int(info.max)) for value in exact]
    lost = sum(value != kept for value, kept in zip(exact, clipped, strict=True))
    saturated = featfuse.fuse(*inputs, combine=combine, on_overflow="saturate")
    assert saturated.dtype.name == name
    assert saturated.tolist() == clipped
    if not lost:
        assert featfuse.fuse(*inputs, combine=combine).tolist() == exact
        return
    with pytest.raises(RunError, match=f"{lost} of {len(exact)} values do not fit {name}") as caught:
        featfuse.fuse(*inputs, combine=combine)
    assert "--on-overflow saturate" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "combine"),
    [(name, combine) for name in INTEGERS for combine in RESULTS],
)
def test_integers_equal_pythons(name: str, combine: str) -> None:
    pairs = [(a, b) for a in edges(name) for b in edges(name)]
    check_against_python([[a for a, _ in pairs], [b for _, b in pairs]], name, combine)
    fitting = [pair for pair in pairs if np.iinfo(name).min <= RESULTS[combine](pair) <= np.iinfo(name).max]
    check_against_python([[a for a, _ in fitting], [b for _, b in fitting]], name, combine)


@pytest.mark.parametrize(
    ("name", "combine", "count"),
    [
        ("int8", "add", 3),
        ("int8", "add", 20),
        ("int8", "mul", 3),
        ("int8", "mul", 16),
        *(
            (name, combine, count)
            for name in ("int64", "uint64")
            for combine in ("add", "mul")
            for count in (3, 16, 20)
        ),
    ],
)
def test_many_integers(name: str, combine: str, count: int) -> None:
    """Also where an intermediate result leaves 64 bits and the final one does not, or comes back to 0."""
    rng = np.random.default_rng(count)
    values = edges(name)
    columns = [[values[k] for k in rng.integers(0, len(values), 200)] for _ in range(count)]
    columns[-1] = [0 if k % 3 == 0 else value for k, value in enumerate(columns[-1])]
    check_against_python(columns, name, combine)


@pytest.mark.parametrize("last", [1, 0])
def test_a_product_beyond_float64(last: int) -> None:
    """(2⁶⁴ - 1)¹⁷ is more than a float64 holds; times 0 it is 0 again."""
    check_against_python([[2**64 - 1]] * 17 + [[last]], "uint64", "mul")


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
        ([500.0, 1.0], "float32", "float8_e4m3fn", 1),  # has no inf: becomes NaN
        ([np.inf, np.nan], "float32", "float16", 0),  # was never finite
        ([65504.0, 1.0], "float32", "float16", 0),
    ],
)
def test_overflow_to_inf_is_counted(tmp_path: Path, values: list[float], of: str, to: str, lost: int) -> None:
    report = featfuse.fuse(array(values, of), out=tmp_path / "fused.safetensors", dtype=to)
    expected = (f"{lost} of 2 finite values became inf in {to}",) if lost else ()
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
    assert report.warnings == (f"1 of 1 finite values became inf in {to}",)


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


COMBINED: list[tuple[str, dict[str, Any], Callable[[np.ndarray], np.ndarray]]] = [
    ("float16", {}, lambda x: x.sum(0)),
    ("bfloat16", {}, lambda x: x.sum(0)),
    ("bfloat16", {"combine": "mean"}, lambda x: x.mean(0)),
    ("float16", {"combine": "mul"}, lambda x: x.prod(0)),
    ("float16", {"weights": [0.1] * 16}, lambda x: 0.1 * x.sum(0)),
]


@pytest.mark.parametrize(("name", "options", "reference"), COMBINED)
def test_halves_are_combined_in_float32(
    name: str, options: dict[str, Any], reference: Callable[[np.ndarray], np.ndarray]
) -> None:
    """1 + 15 · 2⁻¹¹ would stay 1 if each sum were rounded to half precision."""
    x = np.full((16, 4), 2.0**-11)
    x[0] = 1
    if options.get("combine") == "mul":
        x = np.full((16, 4), 1 + 2.0**-10)
    inputs = [row.astype(DTYPES[name]) for row in x]
    exact = reference(np.stack([row.astype(np.float64) for row in inputs]))
    assert featfuse.fuse(*inputs, **options).tobytes() == exact.astype(DTYPES[name]).tobytes()


# ------------------------------------------------------------------------------ combining, by value


def test_combines_by_value() -> None:
    x, y, z = (array(row, "float32") for row in ([1, -2, 3], [4, 5, -6], [0.5, 0.5, 0.5]))
    expected: list[tuple[dict[str, Any], np.ndarray]] = [
        ({}, x + y + z),
        ({"combine": "mul"}, x * y * z),
        ({"combine": "mean"}, (x + y + z) / 3),
        ({"combine": "max"}, np.maximum(np.maximum(x, y), z)),
        ({"combine": "min"}, np.minimum(np.minimum(x, y), z)),
        ({"combine": "stack"}, np.stack([x, y, z])),
        ({"weights": (2, 1, -4)}, 2 * x + y - 4 * z),
        ({"combine": "mean", "weights": (2, 1, 1)}, (2 * x + y + z) / 4),
        ({"combine": "mean", "weights": "0.5,0.25,0.25"}, (2 * x + y + z) / 4),
    ]
    for options, result in expected:
        np.testing.assert_allclose(featfuse.fuse(x, y, z, **options), result, rtol=1e-6)
    assert featfuse.fuse(x, y, combine="sub").tolist() == (x - y).tolist()
    with pytest.raises(featfuse.UsageError):
        featfuse.fuse(x, y, z, combine="sub")


def test_concat_keeps_the_order_given() -> None:
    x, y = np.zeros((2, 3, 3), np.float32), np.ones((1, 3, 3), np.float32)
    for order in ((x, y), (y, x)):
        result = featfuse.fuse(*order, combine="concat", layout="CHW")
        assert result.tobytes() == np.concatenate(order).tobytes()


@pytest.mark.parametrize("combine", ["add", "sub", "mul", "mean", "max", "min"])
def test_nan_and_inf_pass_through(combine: str) -> None:
    x, y = array([np.nan, np.inf, 1.0, -np.inf], "float32"), array([1.0, 1.0, np.inf, np.inf], "float32")
    with np.errstate(invalid="ignore"):
        operation = {"add": x + y, "sub": x - y, "mul": x * y, "mean": (x + y) / 2}
        expected = operation.get(combine, {"max": np.maximum, "min": np.minimum}.get(combine, np.add)(x, y))
    np.testing.assert_array_equal(featfuse.fuse(x, y, combine=combine), expected)


def test_halves_that_become_inf_are_told_beside_an_array() -> None:
    x = np.full((1, 1, 2, 2), 6e4, np.float16)
    x[..., 0] = np.inf  # infinite before: no news
    with pytest.warns(RuntimeWarning, match="^2 of 4 finite values became inf in float16$") as caught:
        out = featfuse.fuse(x, x, layout="NCHW")
    assert np.isinf(out).all()
    assert [warning.filename for warning in caught] == [__file__]
    with pytest.warns(RuntimeWarning, match="^2 of 4 finite"):
        featfuse.resize(x.astype(np.float32) * 2, (2, 2), layout="NCHW", dtype="float16")
