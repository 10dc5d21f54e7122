"""Tokens, l2 norms, joining and reducing: what succeeds equals the reference, as in test_properties.py."""

import contextlib
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.amounts import few_or_many
from tests.support.drawing import drawn, run_in
from tests.support.reference import joining
from tests.support.reference.files import dtype_of, read, write
from tests.support.reference.fusion import Infeasible, combined, spread, target_grid, to_grid

Draw = Callable[[Any], Any]

LAYOUTS = ("CHW", "HWC", "NCHW", "NHWC", "NCW", "NDHWC")
METHODS = ("nearest", "bilinear", "area", "max-pool", "pad")
REDUCES = ("none", "conv1x1", "gap", "mean", "max", "sum")
ROUNDING = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23, "float64": 2.0**-52}


class Case(NamedTuple):
    """`layout` is the output's, `maps` are what the files mean, each in a layout of its own."""

    maps: list[tuple[np.ndarray, str]]
    layout: str
    options: dict[str, Any]
    reduce: str
    keepdims: bool
    kernel: np.ndarray | None
    bias: np.ndarray | None
    words: list[str]
    memory: str | None


def draw_map(draw: Draw, layout: str, channels: int, dtype: str) -> np.ndarray:
    shape = [channels if letter == "C" else draw(st.integers(1, 7)) for letter in layout]
    if "N" in layout:
        shape[layout.index("N")] = draw(st.sampled_from([1, 2, 2]))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    if dtype == "uint8":
        return rng.integers(0, 200, size=shape).astype(np.uint8)
    return (rng.normal(size=shape) * 3).astype(dtype_of(dtype))


def save_tokens(draw: Draw, values: np.ndarray, path: Path) -> list[str]:
    """The map (..., H, W, C) written as tokens; the words that tell its grid."""
    skip, how = draw(st.integers(0, 3)), draw(st.sampled_from(["plain", "other"]))
    write(path, joining.to_tokens(values, skip, np.random.default_rng(1)), how)
    grid = "x".join(map(str, values.shape[-3:-1]))
    return ["--grid", grid, *(["--skip-tokens", str(skip)] if skip else [])]


def draw_kernel(draw: Draw, channels: int) -> tuple[np.ndarray, np.ndarray | None, list[str]]:
    """A kernel (out, in), a bias or none; their files, in one of the layouts that hold such a kernel."""
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    kernel = rng.normal(size=(draw(st.integers(1, 5)), channels)).astype(np.float32)
    named = draw(st.sampled_from(["OI", "OIHW", "HWIO"]))
    stored = {"OI": kernel, "OIHW": kernel[:, :, None, None], "HWIO": kernel.T[None, None]}[named]
    np.save("kernel.npy", stored)
    words = ["--kernel", "kernel.npy", *(["--kernel-layout", named] if named != "OI" else [])]
    bias = None
    if draw(st.booleans()):
        bias = rng.normal(size=len(kernel)).astype(np.float32)
        np.save("bias.npy", bias)
        words += ["--bias", "bias.npy"]
    return kernel, bias, words


def draw_case(draw: Draw) -> Case:
    """The files of a case are written on the way."""
    layout, method, reduce = (draw(st.sampled_from(them)) for them in (LAYOUTS, METHODS, REDUCES))
    count, dtype = draw(st.integers(2, 3)), draw(st.sampled_from([*ROUNDING, "uint8"]))
    grouped = reduce in ("mean", "max", "sum")
    concat = grouped or reduce == "conv1x1" or draw(st.booleans())
    tokens_at = draw(st.sampled_from([None, 0, 1])) if "H" in layout and "D" not in layout else None
    equal, words, named, maps = draw(st.integers(1, 4)), [], [], []
    for index in range(count):
        channels = draw(st.integers(1, 4)) if concat and not grouped else equal
        own = "".join(draw(st.permutations(layout))) if index else layout
        if index == tokens_at:
            own = "NHWC" if "N" in own else "HWC"
        values = draw_map(draw, own, channels, dtype)
        suffix = ".safetensors" if dtype == "bfloat16" else draw(st.sampled_from([".npy", ".h5"]))
        path = Path(f"in{index}{suffix}")
        if index == tokens_at:
            words += save_tokens(draw, values, path)
        else:
            write(path, values, draw(st.sampled_from(["plain", "other"])))
        words.append(str(path))
        named.append(("NLC" if "N" in own else "LC") if index == tokens_at else own)
        maps.append((values, own))
    options: dict[str, Any] = {"method": method, "combine": "concat" if concat else "add"}
    if draw(st.booleans()) and dtype != "uint8":
        options["normalize"] = "l2"
        words += ["--normalize", "l2"]
    kernel = bias = None
    if reduce == "conv1x1":
        total = sum(values.shape[own.index("C")] for values, own in maps)
        kernel, bias, more = draw_kernel(draw, total)
        words += more
    keepdims = draw(st.booleans())
    words += ["--reduce", reduce] if reduce != "none" else []
    words += ["--no-keepdims"] if reduce == "gap" and not keepdims else []
    words += ["--layout", ",".join(named), "--method", method, "--combine", options["combine"]]
    words += ["--dtype", "float32"] if dtype == "uint8" else []
    memory = draw(st.sampled_from([None, None, "4K", "16K"]))
    return Case(maps, maps[0][1], options, reduce, keepdims, kernel, bias, words, memory)


def expect(case: Case) -> tuple[np.ndarray, float]:
    """The result, and how large the numbers were that rounding errors come from."""
    layout, options = case.layout, case.options
    maps = [spread(np.asarray(values, np.float64), own, layout) for values, own in case.maps]
    grid = target_grid(maps, layout, options["method"], options)
    maps = [to_grid(each, layout, grid, options["method"], options, alone=False) for each in maps]
    if "normalize" in options:
        maps = [joining.normalized(each, layout) for each in maps]
    if case.reduce in ("mean", "max", "sum"):
        full = np.broadcast_shapes(*(each.shape for each in maps))
        stacked = np.stack([np.broadcast_to(each, full) for each in maps])
        scale = sum(float(np.abs(each).max()) for each in maps)
        return getattr(stacked, case.reduce)(axis=0), scale
    values, scale = combined(maps, layout, options)
    if case.reduce == "gap":
        return joining.pooled(values, layout, keepdims=case.keepdims), scale
    if case.kernel is not None:
        values = joining.mixed(values, layout, case.kernel, case.bias)
        return values, scale * float(np.abs(case.kernel).sum(axis=1).max()) + 10
    return values, scale


def check_case(draw: Draw, ends: Counter[str]) -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        case = draw_case(draw)
        dtypes = {values.dtype.name for values, _ in case.maps}
        out = "out.safetensors" if "bfloat16" in dtypes else draw(st.sampled_from(["out.npy", "out.h5"]))
        result = run_in(case.memory, *case.words, "-o", out)
        try:
            expected, scale = expect(case)
        except Infeasible:
            assert result.exit_code in (2, 3)
            ends["refused"] += 1
            return
        assert result.exit_code == 0
        found = read(Path(out))
        assert found.shape == expected.shape
        stored = max(ROUNDING.get(name, 2.0**-23) for name in (*dtypes, found.dtype.name))
        # a short vector, made of rounded numbers, is made longer by its norm
        longer = 1000 if "normalize" in case.options else 1
        computed = ROUNDING["float64" if dtypes == {"float64"} else "float32"] * longer
        if case.kernel is not None:
            computed = max(computed, ROUNDING["float32"])
        tolerance = (4 * stored + 64 * computed) * max(1.0, scale)
        np.testing.assert_allclose(found.astype(np.float64), expected, rtol=0, atol=tolerance)
        ends[case.reduce] += 1
        ends["tokens"] += "--grid" in case.words


@pytest.mark.parametrize("examples", few_or_many(50, 1200))
def test_what_is_joined_and_reduced_equals_the_reference(examples: int) -> None:
    ends: Counter[str] = Counter()

    @drawn(examples)
    @given(data=st.data())
    def each(data: st.DataObject) -> None:
        check_case(data.draw, ends)

    each()
    print(ends)
    assert all(ends[reduce] >= examples / 60 for reduce in REDUCES), ends
    assert ends["tokens"] > examples / 30
    assert ends["refused"] < examples / 3
