"""Finite values that became inf: counted in every float type, on every path, and nothing else is."""

import warnings
from pathlib import Path
from typing import Any

import featfuse
import ml_dtypes
import numpy as np
import pytest
from featfuse import METHODS, FeatfuseWarning
from featfuse.model.dtypes import DTYPES, is_float
from featfuse.model.tensor import Array
from featfuse.steps import execute as executing

FLOATS = tuple(name for name, dtype in DTYPES.items() if is_float(dtype))


def largest(name: str) -> float:
    return float(ml_dtypes.finfo(DTYPES[name]).max)


def infinity(name: str) -> float:
    """What an overflow gives: a type without inf has NaN."""
    return np.nan if name == "float8_e4m3fn" else np.inf


def told(*inputs: Array, **options: Any) -> list[str]:
    """What the run warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        featfuse.fuse(*inputs, **options)
    return [str(warning.message) for warning in caught]


@pytest.mark.parametrize("name", FLOATS)
def test_a_sum_that_leaves_its_type(name: str) -> None:
    x = np.array([largest(name), 1.0, -largest(name)], DTYPES[name])
    became = "NaN" if np.isnan(infinity(name)) else "inf"
    assert told(x, x) == [f"2 of 3 finite values became {became} in {name}"]


@pytest.mark.parametrize("name", FLOATS)
def test_what_was_inf_or_nan_is_no_news(name: str) -> None:
    x = np.array([infinity(name), -infinity(name), np.nan, 1.0], DTYPES[name])
    for options in ({}, {"combine": "sub"}, {"combine": "mul"}, {"combine": "mean"}, {"weights": [0.0, 1.0]}):
        assert told(x, x, **options) == []
    assert told(x, np.full(4, largest(name), DTYPES[name]), combine="max") == []


@pytest.mark.parametrize("name", FLOATS)
def test_both_in_one_window(name: str) -> None:
    """Beside an inf that came in, an overflow is told from it value by value."""
    x = np.full((1, 2, 20, 20), largest(name), DTYPES[name])
    x[0, 0, 5, 5], x[0, 1, 7, 3] = np.nan, infinity(name)
    (line,) = told(x, x, layout="NCHW")
    assert line.startswith("798 of 800 finite values became ")


def test_nan_of_finite_values() -> None:
    """inf - inf behind two overflows, and 0 / 0 of weights per position."""
    x = np.array([3e38], np.float32)
    assert told(x, x, combine="mul", weights=None) == ["1 of 1 finite values became inf in float32"]
    ones, nothing = np.ones((1, 1, 2, 2), np.float32), np.zeros((1, 2, 2, 2), np.float32)
    lines = told(ones, ones, combine="mean", weights=nothing, layout="NCHW")
    assert lines == ["4 of 4 finite values became NaN in float32"]
    nothing[0, 0, 0, 0], nothing[0, :, 1, 1] = 1, (1, -1)
    lines = told(ones, 2 * ones, combine="mean", weights=nothing, layout="NCHW")
    assert lines == ["3 of 4 finite values became NaN in float32"]


PATHS: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((1, 4, 40, 40), {"method": "bicubic", "to": (80, 80)}),  # matrix products
    ((1, 4, 40, 40), {"method": "lanczos3", "to": (80, 80)}),
    ((1, 1, 3, 3), {"method": "bicubic", "to": (5, 5)}),  # tap by tap
    ((1, 4, 40, 40), {"method": "avg-pool", "to": (20, 20)}),  # slices, added before they are weighed
    ((1, 4, 8, 8), {"reduce": "conv1x1", "kernel": np.full((2, 4), 1.0, np.float32)}),
    ((1, 4, 8, 8), {"method": "transposed-conv", "kernel": np.full((4, 2, 2, 2), 1.0, np.float32)}),
    ((1, 4, 8, 8), {"weights": [2.0]}),
]


@pytest.mark.parametrize("name", ["float32", "float64"])
@pytest.mark.parametrize(("shape", "options"), PATHS)
def test_every_path_is_watched(name: str, shape: tuple[int, ...], options: dict[str, Any]) -> None:
    """In float32 as in float64: of the count, what does not come from an input that is not finite."""
    rng = np.random.default_rng(0)
    x = (rng.choice([1.0, -1.0], shape) * largest(name)).astype(name)
    with np.errstate(all="ignore"), pytest.warns(FeatfuseWarning) as caught:
        result = featfuse.fuse(x, layout="NCHW", **options)
    bad = result.size - np.count_nonzero(np.isfinite(result))
    assert [str(it.message).split(" finite")[0] for it in caught] == [f"{bad} of {result.size}"]
    assert told((x / 64).astype(name), layout="NCHW", **options) == []


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("method", [row.name for row in METHODS.values() if row.name != "strict"])
def test_nan_costs_nothing(name: str, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No window is computed a second time for NaN among ordinary values."""

    def never(*_: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(executing, "count_lost", never)
    x = np.random.default_rng(0).normal(size=(1, 4, 24, 24)).astype(DTYPES[name])
    x[0, 1, 4:7, 5:9] = np.nan
    target = (48, 48) if METHODS[method].target == "largest" else (12, 12)
    result = featfuse.resize(x, target, method=method, layout="NCHW")
    assert 0 < np.count_nonzero(np.isnan(result)) < result.size


def test_the_count_depends_on_neither_threads_nor_windows() -> None:
    x = np.full((8, 30, 31), 3e38, np.float32)
    x[3, 5, 5] = np.inf
    for memory, threads in (("64K", 1), ("64K", 3), ("256M", 2)):
        lines = told(x, x, memory=memory, threads=threads)
        assert lines == ["7439 of 7440 finite values became inf in float32"]


@pytest.mark.parametrize("dtype", ["uint8", "int32"])
def test_integers_become_no_inf(dtype: str) -> None:
    x = np.array([1, 2], dtype)
    assert told(x, x, combine="mean", dtype="float16") == []
    clipped = told(np.array([3e38, 1], np.float32), dtype=dtype, on_overflow="saturate")
    assert clipped == [f"1 of 2 values did not fit {dtype} and were clipped"]


def test_a_second_look_measures_nothing(tmp_path: Path) -> None:
    """A mask that covers one half, in which alone values become inf: the other windows are not done again."""
    x, mask = np.full((8, 1, 30, 31), 3e38, np.float32), np.ones((8, 1, 30, 31), np.float32)
    mask[4:] = 0
    options: dict[str, Any] = {"mask": mask, "layout": "NCHW", "memory": "64K"}
    report = featfuse.fuse(x, x, out=tmp_path / "fused.npy", **options)
    assert report.warnings == ("3720 of 7440 finite values became inf in float32",)
    assert report.notes == ("mask covers 50.0%",)
