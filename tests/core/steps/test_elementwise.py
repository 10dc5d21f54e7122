"""Combining by value, against Python's own integers and NumPy's floats."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import featfuse
import numpy as np
import pytest
from featfuse import RunError
from featfuse.model.dtypes import DTYPES, is_float, is_integer

from tests.support.arrays import array

INTEGERS = tuple(name for name, dtype in DTYPES.items() if is_integer(dtype))

RESULTS = {"add": sum, "sub": lambda values: values[0] - values[1], "mul": math.prod}


@pytest.mark.parametrize("name", DTYPES)
def test_a_mean_of_integers_is_a_float(name: str) -> None:
    result = featfuse.fuse(array([1, 0], name), array([0, 0], name), combine="mean")
    assert is_float(result.dtype)
    assert result.astype(float).tolist() == [0.5, 0.0]


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
    assert 'on_overflow="saturate"' in caught.value.hint


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


def test_mixed_integers_are_joined_in_the_wide_type_asked_for() -> None:
    out = featfuse.fuse(np.array([2**63], "u8"), np.array([-1], "i8"), combine="stack", dtype="float64")
    assert out.ravel().tolist() == [2.0**63, -1.0]


@pytest.mark.parametrize("combine", ["add", "mean"])
@pytest.mark.parametrize("options", [{}, {"weights": [1.0] * 300}])
def test_sums_of_very_many_inputs_do_not_drift(combine: str, options: dict[str, Any]) -> None:
    """300 times 0.1, one after the other, is off by 25 ulp."""
    inputs = [np.full((2, 3), 0.1, np.float32)] * 300
    result = featfuse.fuse(*inputs, combine=combine, **options)
    exact = float(np.float32(0.1)) * (300 if combine == "add" else 1)
    np.testing.assert_allclose(result, exact, rtol=3 * np.finfo(np.float32).eps)


def test_few_inputs_are_added_in_their_order() -> None:
    inputs = [np.array([value], np.float32) for value in (1e8, 1.0, -1e8, 1.0, 3.0, 1e8, 0.5, -1e8)]
    total = inputs[0]
    for x in inputs[1:]:
        total = total + x
    assert featfuse.fuse(*inputs).tobytes() == total.tobytes()
