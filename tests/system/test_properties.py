"""What succeeds equals the reference; what cannot be done is refused.

The reference (tests/support/reference) is written from the description, in slow loops and float64. Files
are written and read without featfuse. Slow runs draw many more cases, other ones on every run.
"""

import contextlib
import math
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from tests.support.amounts import few_or_many
from tests.support.drawing import drawn, run_in
from tests.support.reference.files import dtype_of, read, write
from tests.support.reference.fusion import Infeasible
from tests.support.reference.fusion import fuse as reference_fuse

Draw = Callable[[Any], Any]

LAYOUTS = ("W", "HW", "CHW", "HWC", "NCHW", "NHWC", "NCW", "NCDHW", "NDHWC")
KERNELS = ("bilinear", "bicubic", "lanczos3", "lanczos5", "mitchell", "gaussian")
WEIGHTED = (*KERNELS, "area", "avg-pool", "lp-pool", "transposed-conv")
METHODS = (
    *WEIGHTED,
    "strict",
    "nearest",
    "nearest-exact",
    "max-pool",
    "pixel-shuffle",
    "pixel-unshuffle",
    "stride",
    "crop",
    "pad",
    "crop-or-pad",
    "letterbox",
)
COORDS = ("half-pixel", "align-corners", "asymmetric", "pytorch-half-pixel", "half-pixel-symmetric")
MOVES = ("constant", "edge", "reflect", "symmetric", "wrap", "maximum", "minimum")
COMPUTES = ("linear_ramp", "mean", "median")
FLOATS, HALVES, INTEGERS = (
    ("float32", "float64"),
    ("float16", "bfloat16"),
    ("uint8", "int16", "int32", "int64"),
)
EPSILON = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23, "float64": 2.0**-52}


class Case(NamedTuple):
    """Inputs as (values, layout), with file names; options as the reference takes them."""

    inputs: list[tuple[np.ndarray, str]]
    names: list[str]
    options: dict[str, Any]
    mask: tuple[np.ndarray, str] | None
    out: str
    dtype: str | None
    saturate: bool
    memory: str | None


def maybe(draw: Draw, options: dict[str, Any], name: str, values: Any) -> None:
    """Give the option, one time in three."""
    if draw(st.sampled_from([False, False, True])):
        options[name] = draw(st.sampled_from(values))


def draw_method_options(draw: Draw, method: str, alone: bool, whole: bool) -> dict[str, Any]:
    """Options that this method reads, in combinations that mean something."""
    options: dict[str, Any] = {} if method == "strict" and draw(st.booleans()) else {"method": method}
    if method == "letterbox":
        maybe(draw, options, "interpolation", ("bilinear", "bicubic", "nearest", "area", "lanczos3"))
        maybe(draw, options, "pad_mode", ("constant", "edge", "reflect", "symmetric", "wrap"))
        if options.get("pad_mode", "constant") == "constant":
            maybe(draw, options, "pad_value", (1.0, 3.0))
        maybe(draw, options, "anchor", ("center", "start", "end"))
    if method in KERNELS:
        maybe(draw, options, "convention", ("torch", "tf", "onnx", "opencv", "pillow", "jax"))
        maybe(draw, options, "coords", COORDS)
        maybe(draw, options, "antialias", (True, False))
        maybe(draw, options, "edge", ("clamp", "renormalize"))
        if method == "bicubic":
            maybe(draw, options, "cubic_a", (-0.5, -0.75, -1.0))
    elif method == "nearest":
        maybe(draw, options, "convention", ("torch", "tf", "onnx", "opencv", "jax"))
        if not options.get("convention") and draw(st.booleans()):
            options["coords"] = draw(st.sampled_from(COORDS))
            options["nearest_rounding"] = draw(
                st.sampled_from(("floor", "ceil", "prefer-floor", "prefer-ceil"))
            )
    elif method == "area":
        maybe(draw, options, "convention", ("torch", "tf", "opencv", "jax"))
    elif method.endswith("-pool") and alone and draw(st.booleans()):
        options["pool_size"] = draw(st.integers(1, 3))
        maybe(draw, options, "pool_stride", (1, 2, 3))
        maybe(draw, options, "pool_padding", (0, 1, (0, 1), (2, 1), "same", "same"))
        maybe(draw, options, "pool_dilation", (1, 2))
        if options.get("pool_padding") != "same":
            maybe(draw, options, "ceil_mode", (True,))
        if method == "avg-pool":
            maybe(draw, options, "count_include_pad", (False,))
    if method == "lp-pool":
        maybe(draw, options, "convention", ("torch", "onnx"))
        # torch has no root of a sum that rounding may push below zero
        maybe(draw, options, "p", (1, 2, 3, 2.5) if options.get("convention") == "onnx" else (1, 2, 4))
    if method.startswith("pixel-"):
        maybe(draw, options, "convention", ("torch", "onnx", "tf"))
    if method in ("pad", "crop-or-pad"):
        maybe(draw, options, "pad_mode", MOVES if whole else (*MOVES, *COMPUTES))
        if options.get("pad_mode", "constant") in ("constant", "linear_ramp"):
            maybe(draw, options, "pad_value", (1.0, 3.0))
    if method in ("pad", "crop", "crop-or-pad"):
        maybe(draw, options, "anchor", ("center", "start", "end"))
    if method in ("crop", "crop-or-pad") and options.get("anchor", "center") == "center":
        options["odd"] = draw(st.sampled_from(("floor", "ceil", "round", "monai")))
    return options


def draw_size(draw: Draw, method: str, base: int) -> int:
    """One input's size along a spatial axis; mostly one that the method can reconcile with `base`."""
    if method == "strict":
        return draw(st.sampled_from([base, base, base, 1]))
    if method == "transposed-conv":
        return base * draw(st.sampled_from([1, 2, 3]))
    if method == "stride":
        return math.ceil(base / draw(st.sampled_from([1, 2, 3])))
    return draw(st.one_of(st.just(base), st.integers(1, 11)))


def shuffled_sizes(draw: Draw, base: dict[str, int]) -> dict[str, int]:
    """Sizes that have as many samples as twice as large ones with fewer channels."""
    space = [letter for letter in base if letter not in "NC"]
    large = draw(st.booleans())
    sizes = base | {letter: min(base[letter], 3) * (2 if large else 1) for letter in space}
    return sizes | ({"C": base["C"] * (1 if large else 2 ** len(space))} if "C" in base else {})


def draw_shapes(
    draw: Draw, count: int, layout: str, method: str, channels: str, concat: bool
) -> list[dict[str, int]]:
    base = {letter: draw(st.integers(1, 2 if letter == "N" else 6)) for letter in layout}
    shapes = []
    shuffles = method.startswith("pixel-")
    for _ in range(count):
        sizes = shuffled_sizes(draw, base) if shuffles else dict(base)
        for letter in layout:
            if letter == "N":
                sizes[letter] = draw(st.sampled_from([base[letter], base[letter], 1]))
            elif shuffles:
                continue
            elif letter != "C":
                sizes[letter] = draw_size(draw, method, base[letter])
            elif concat:
                sizes[letter] = draw(st.integers(1, 4))
            elif channels != "strict":
                sizes[letter] = base[letter] * draw(st.sampled_from([1, 1, 2, 3]))
        shapes.append(sizes)
    return shapes


def draw_values(draw: Draw, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    if dtype in INTEGERS:
        return rng.integers(0 if dtype == "uint8" else -40, 60, size=shape).astype(dtype)
    return (rng.normal(size=shape) * 3).astype(dtype_of(dtype))


def draw_case(draw: Draw) -> Case:
    count, method, layout = (
        draw(st.integers(1, 3)),
        draw(st.sampled_from(METHODS)),
        draw(st.sampled_from(LAYOUTS)),
    )
    dtypes = [draw(st.sampled_from((*FLOATS, *HALVES, *INTEGERS)))] * count
    if draw(st.integers(0, 3)) == 0:
        dtypes = [draw(st.sampled_from((*FLOATS, *HALVES, *INTEGERS))) for _ in range(count)]
    options = draw_method_options(draw, method, count == 1, any(name in INTEGERS for name in dtypes))
    combines = ["add", "mul", "mean", "max", "min", "fast-normalized", "softmax", "stack"]
    combines += ["sub"] * (count == 2) + ["concat"] * ("C" in layout)
    maybe(draw, options, "combine", combines)
    combine = options.get("combine", "add")
    if combine in ("add", "mean", "fast-normalized", "softmax"):
        maybe(draw, options, "weights", [[0.5, 2.0, 1.5][:count], [1.0, 0.25, 3.0][:count]])
    if "C" in layout and combine != "concat":
        maybe(draw, options, "channels", ("tile", "repeat", "zero-pad", "truncate", "mean"))
    shapes = draw_shapes(draw, count, layout, method, options.get("channels", "strict"), combine == "concat")
    space = [letter for letter in layout if letter not in "NC"]
    if method != "strict" and "pool_size" not in options:
        grid = tuple(draw(st.integers(1, 9)) for _ in space)
        if method.startswith("pixel-"):
            if count == 1:
                factor = draw(st.sampled_from([1, 2, 2, 2, 3]))
                sizes = [shapes[0][letter] for letter in space]
                grows = method == "pixel-shuffle"
                options["to"] = tuple(size * factor if grows else size // factor or 1 for size in sizes)
        elif count == 1:  # has no other to meet
            options["to"] = grid
        else:
            maybe(draw, options, "to", ["largest", "smallest", "first", "last", grid])
    inputs, names = [], []
    for index, (sizes, dtype) in enumerate(zip(shapes, dtypes, strict=True)):
        own = "".join(draw(st.permutations(layout)))
        if index:
            own = own.replace(draw(st.sampled_from(["N", "C", "?", "?"])), "")
        values = draw_values(draw, tuple(sizes[letter] for letter in own), dtype)
        suffix = draw(
            st.sampled_from(
                [".safetensors"] if dtype == "bfloat16" else [".npy", ".npz", ".h5", ".safetensors"]
            )
        )
        inputs.append((values, own))
        names.append(f"in{index}{suffix}")
    mask = None
    space = [letter for letter in inputs[0][1] if letter in space]  # a mask has the output's order
    if count > 1 and len(space) <= 2 and draw(st.integers(0, 4)) == 0:
        soft = draw(st.booleans())
        shape = tuple(draw(st.integers(1, 7)) for _ in space)
        values = np.random.default_rng(draw(st.integers(0, 99))).uniform(size=shape)
        mask = (values.astype(np.float32) if soft else values > 0.5, "".join(space))
        if draw(st.booleans()):
            options["mask_invert"] = True
    dtype = draw(st.sampled_from([None, None, "float32", "float64", "int16"]))
    out = draw(
        st.sampled_from([".safetensors"] if "bfloat16" in dtypes else [".npy", ".npz", ".h5", ".safetensors"])
    )
    saturate = dtype == "int16" and draw(st.booleans())
    memory = draw(st.sampled_from([None, None, "4K", "16K"]))  # small maps are cut into windows, too
    return Case(inputs, names, options, mask, f"out{out}", dtype, saturate, memory)


def command(case: Case, draw: Draw) -> list[str]:
    """The command line of a case."""
    words = [*case.names, "--layout", ",".join(layout for _, layout in case.inputs), "-o", case.out]
    for name, value in case.options.items():
        flag = "--" + name.replace("_", "-")
        if isinstance(value, bool):
            words.append(flag if value else f"--no-{flag[2:]}")
        elif isinstance(value, (tuple, list)):
            joint = {"to": "x", "pool_padding": "+"}.get(name, ",")
            words += [flag, joint.join(map(str, value))]
        else:
            words.append(f"{flag}={value}")
    words += ["--mask", "mask.npy"] if case.mask else []
    words += ["--dtype", case.dtype] if case.dtype else []
    words += ["--on-overflow", "saturate"] if case.saturate else []
    return [*words, "--threads", draw(st.sampled_from(["1", "2"]))]


def stays_integer(case: Case) -> bool:
    """Whether nothing on the way needs a float: then the values are exact."""
    options = case.options
    method = options.get("method", "strict")
    method = options.get("interpolation", "bilinear") if method == "letterbox" else method
    weighs = method in WEIGHTED or options.get("channels") == "mean"
    weighs = weighs or case.mask is not None or "weights" in options
    weighs = weighs or options.get("combine") in ("mean", "fast-normalized", "softmax")
    return not weighs and all(values.dtype.name in INTEGERS for values, _ in case.inputs)


def integer_type(case: Case) -> np.dtype | None:
    """The output's type, if it is one of integers."""
    if case.dtype is not None:
        return np.dtype(case.dtype) if case.dtype in INTEGERS else None
    return np.result_type(*(values.dtype for values, _ in case.inputs)) if stays_integer(case) else None


def check_output(case: Case, found: np.ndarray, expected: Any) -> None:
    names = {values.dtype.name for values, _ in case.inputs}
    if case.dtype is not None:
        assert found.dtype == case.dtype
    elif len(names) == 1 and names.isdisjoint(INTEGERS):
        assert found.dtype.name in names
    values, integers = expected.values, integer_type(case)
    assert found.shape == values.shape
    if integers is not None:
        info = np.iinfo(integers)
        assert found.dtype == integers
        values = np.clip(np.rint(values), info.min, info.max)
        difference = np.abs(found.astype(np.float64) - values)
        assert difference.max(initial=0) <= (0 if stays_integer(case) else 1)
        return
    computed = EPSILON["float64" if all(each.dtype.itemsize == 8 for each, _ in case.inputs) else "float32"]
    stored = max(EPSILON.get(name, 0.0) for name in (*names, found.dtype.name))
    tolerance = (4 * stored + 64 * computed) * max(1.0, expected.scale)
    np.testing.assert_allclose(found.astype(np.float64), values, rtol=0, atol=tolerance)


def check_case(case: Case, draw: Draw, ends: Counter[str]) -> None:
    """Write the files, run the command, and compare what it says and wrote with the reference."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for (values, _), name in zip(case.inputs, case.names, strict=True):
            write(Path(name), values, draw(st.sampled_from(["plain", "other"])))
        if case.mask:
            np.save("mask.npy", case.mask[0])
        before = {path.name: path.read_bytes() for path in Path().iterdir()}
        result = run_in(case.memory, *command(case, draw))
        after = {path.name: path.read_bytes() for path in Path().iterdir()}
        assert {name: after[name] for name in before} == before, "an input was changed"
        assert set(after) - set(before) == ({case.out} if result.exit_code == 0 else set())
        try:
            expected = reference_fuse(case.inputs, case.options, case.mask)
        except Infeasible:
            assert result.exit_code in (2, 3)
            ends["refused"] += 1
            return
        integers = integer_type(case)
        if integers is not None and not case.saturate:
            info, rounded = np.iinfo(integers), np.rint(expected.values)
            overflows = bool(((rounded < info.min) | (rounded > info.max)).any())
            if overflows:
                assert result.exit_code == 1
                assert "--on-overflow saturate" in result.stderr
                ends["overflow"] += 1
                return
        assert result.exit_code == 0
        check_output(case, read(Path(case.out)), expected)
        ends[f"equal, {case.options.get('method', 'strict')}"] += 1


@pytest.mark.parametrize("examples", few_or_many(60, 2000))
def test_what_succeeds_equals_the_reference(examples: int) -> None:
    ends: Counter[str] = Counter()

    @drawn(examples)
    @given(data=st.data())
    def each(data: st.DataObject) -> None:
        case = draw_case(data.draw)
        event(f"method={case.options.get('method')}")
        check_case(case, data.draw, ends)

    each()
    print(ends)
    least = examples // 150 if examples >= 1000 else 0
    missing = [method for method in METHODS if ends[f"equal, {method}"] < max(1, least)]
    assert len(missing) <= (0 if least else len(METHODS) // 2), f"hardly compared: {missing}"
    assert sum(count for end, count in ends.items() if end.startswith("equal")) > 0.6 * sum(ends.values())
