"""Learned transposed convolutions: what succeeds equals the reference, as in test_properties.py."""

import contextlib
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.amounts import few_or_many
from tests.support.drawing import drawn, run_in
from tests.support.reference.files import dtype_of, read, write
from tests.support.reference.learned import Axis, transposed

Draw = Callable[[Any], Any]

LAYOUTS = ("NCHW", "NHWC", "CHW", "HWC", "NCW", "WC", "NCDHW", "HWCN", "CHWN")
ROUNDING = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23, "float64": 2.0**-52}


def draw_axis(draw: Draw, size: int, *, same: bool) -> Any:
    """A geometry that leaves something, and that torch takes."""
    taps, stride = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    if same:
        return Axis(taps, stride, same=True)
    dilation = draw(st.integers(1, 2))
    natural = (size - 1) * stride + dilation * (taps - 1) + 1
    extra = draw(st.integers(0, max(stride, dilation) - 1))
    return Axis(taps, stride, draw(st.integers(0, (natural - 1) // 2)), extra, dilation)


def geometry_words(axes: list[Any], *, same: bool) -> list[str]:
    def word(name: str) -> str:
        return "x".join(str(getattr(axis, name)) for axis in axes)

    if same:
        return ["--stride", word("stride"), "--padding", "same"]
    words = ["--stride", word("stride"), "--padding", word("padding")]
    return [*words, "--output-padding", word("extra"), "--dilation", word("dilation")]


def save_kernel(draw: Draw, kernel: np.ndarray, space: str, *, grouped: bool) -> list[str]:
    """In torch's order or in Keras', which has no groups here; NumPy's format or safetensors."""
    name = "kernel" + draw(st.sampled_from([".npy", ".safetensors"]))
    keras = not grouped and draw(st.booleans())
    stored = np.moveaxis(kernel, (1, 0), (-2, -1)) if keras else kernel
    write(Path(name), stored, draw(st.sampled_from(["plain", "other"])))
    return ["--kernel", name, "--kernel-layout", f"{space}OI" if keras else f"IO{space}"]


def leading(values: np.ndarray, layout: str) -> tuple[np.ndarray, str]:
    """As (N, C, *space), and the letters of that order."""
    order = "NC" + "".join(letter for letter in layout if letter not in "NC")
    moved = values.transpose([layout.index(letter) for letter in order if letter in layout])
    return (moved if "N" in layout else moved[None]), order


def back(values: np.ndarray, order: str, layout: str) -> np.ndarray:
    values, order = (values, order) if "N" in layout else (values[0], order[1:])
    return values.transpose([order.index(letter) for letter in layout])


def check_transposed(draw: Draw, ends: Counter[str]) -> None:
    layout, dtype = draw(st.sampled_from(LAYOUTS)), draw(st.sampled_from([*ROUNDING, "uint8"]))
    groups, same = draw(st.sampled_from([1, 1, 2])), draw(st.booleans())
    space = "".join(letter for letter in layout if letter not in "NC")
    sizes = {"C": groups * draw(st.integers(1, 3)), "N": draw(st.integers(1, 2))}
    sizes |= {letter: draw(st.integers(1, 3 if len(space) == 3 else 5)) for letter in space}
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    values = rng.normal(size=[sizes[letter] for letter in layout]) * 3
    values = np.abs(values).astype(dtype) if dtype == "uint8" else values.astype(dtype_of(dtype))
    axes = [draw_axis(draw, sizes[letter], same=same) for letter in space]
    shape = (sizes["C"], draw(st.integers(1, 3)), *(axis.taps for axis in axes))
    kernel = rng.normal(size=shape).astype(np.float32)
    bias = rng.normal(size=shape[1] * groups).astype(np.float32) if draw(st.booleans()) else None

    name = "in.safetensors" if dtype == "bfloat16" else draw(st.sampled_from(["in.npy", "in.h5"]))
    out = "out.safetensors" if dtype == "bfloat16" else "out.npy"
    words = [name, "--layout", layout, "--method", "transposed-conv", "-o", out]
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        write(Path(name), values, draw(st.sampled_from(["plain", "other"])))
        words += save_kernel(draw, kernel, space, grouped=groups > 1)
        if bias is not None:
            np.save("bias.npy", bias)
            words += ["--bias", "bias.npy"]
        words += geometry_words(axes, same=same) + (["--groups", str(groups)] if groups > 1 else [])
        memory = draw(st.sampled_from([None, None, "4K", "16K"]))
        first, order = leading(values.astype(np.float64), layout)
        expected = transposed(first, kernel.astype(np.float64), bias, axes, groups)
        result = run_in(memory, *words)
        assert result.exit_code == 0, result.stderr
        found = read(Path(out)).astype(np.float64)
        scale = float(np.abs(transposed(abs(first), abs(kernel), None, axes, groups)).max(initial=1)) + 10
        tolerance = (4 * ROUNDING.get(dtype, 2.0**-23) + 64 * 2.0**-23) * scale
        np.testing.assert_allclose(found, back(expected, order, layout), rtol=0, atol=tolerance)
        ends["same" if same else "torch"] += 1
        ends["grouped"] += groups > 1
        ends["bias"] += bias is not None


@pytest.mark.parametrize("examples", few_or_many(40, 600))
def test_a_learned_transposed_convolution_equals_the_reference(examples: int) -> None:
    ends: Counter[str] = Counter()

    @drawn(examples)
    @given(data=st.data())
    def each(data: st.DataObject) -> None:
        check_transposed(data.draw, ends)

    each()
    print(ends)
    assert all(ends[kind] > examples / 12 for kind in ("same", "torch", "grouped", "bias")), ends
