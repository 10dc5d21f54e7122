"""Makes the golden files: `python tests/golden/make.py torch tensorflow pillow numpy opencv jax`.

Run it where the frameworks named are installed; each writes `FRAMEWORK.npz` beside this script. A file holds
the inputs (`x0`, `x1`, ...), the expected outputs (`y0`, `y1`, ...) and `cases`, a JSON list that says for
every output which input it came from, the options of `featfuse.resize` that must reproduce it, the layout,
and how closely. Maps are small and channels first (TensorFlow: last); the seed is fixed.
"""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

Case = tuple[np.ndarray, np.ndarray, dict[str, Any]]
"""An input, the framework's answer, and the case's fields: size, layout, within, options."""

EXACT, CLOSE, TABLE = 0.0, 1e-5, 3e-3
"""How closely: bit for bit; float32 arithmetic; TF's bicubic weights from a table of 1024 entries."""

RNG = np.random.default_rng(20240229)
PAIRS = (((7, 10), (13, 6)), ((11, 5), (4, 9)), ((1, 8), (5, 1)), ((6, 9), (12, 18)))
"""Sizes of the input and the output: up and down, odd and even, to and from 1, and a whole factor."""


def draw(*shape: int) -> np.ndarray:
    """N(0, 1) float32."""
    return RNG.standard_normal(shape).astype(np.float32)


def case(x: np.ndarray, y: Any, layout: str, within: float, **options: Any) -> Case:
    """A case of `featfuse.resize`; the size is that of the answer's spatial axes."""
    y = np.asarray(y)
    size = (
        None
        if "pool_size" in options
        else [n for n, axis in zip(y.shape, layout, strict=True) if axis not in "NC"]
    )
    return x, y, {"size": size, "layout": layout, "within": within, "options": options}


def torch() -> Iterator[Case]:
    """interpolate, the pools and F.pad."""
    import torch
    from torch.nn import functional as F

    def call(function: Callable[..., Any], x: np.ndarray, *args: Any, **options: Any) -> np.ndarray:
        return np.asarray(function(torch.from_numpy(x), *args, **options).numpy())

    for (h, w), size in PAIRS:
        x = draw(1, 2, h, w)
        for mode in ("nearest", "nearest-exact"):
            yield case(x, call(F.interpolate, x, size, mode=mode), "NCHW", EXACT, method=mode)
        yield case(x, call(F.interpolate, x, size, mode="area"), "NCHW", CLOSE, method="area")
        for mode in ("bilinear", "bicubic"):
            yield case(x, call(F.interpolate, x, size, mode=mode), "NCHW", CLOSE, method=mode)
            corners = call(F.interpolate, x, size, mode=mode, align_corners=True)
            yield case(x, corners, "NCHW", CLOSE, method=mode, coords="align-corners")
            # torch 2.13 antialiased to a width of 1 is wrong: see tests/oracles/test_torch_interpolate.py
            wide = (size[0], max(size[1], 2))
            smooth = call(F.interpolate, x, wide, mode=mode, antialias=True)
            yield case(x, smooth, "NCHW", CLOSE, method=mode, antialias=True)
        yield case(x, call(F.adaptive_avg_pool2d, x, size), "NCHW", CLOSE, method="avg-pool")
        yield case(x, call(F.adaptive_max_pool2d, x, size), "NCHW", EXACT, method="max-pool")
    for size in ((3, 9, 4), (8, 2, 5)):
        x = draw(1, 1, 5, 4, 6)
        for mode, within in (("nearest", EXACT), ("trilinear", CLOSE), ("area", CLOSE)):
            yield case(x, call(F.interpolate, x, size, mode=mode), "NCDHW", within, method=mode)
    for length in (5, 17, 1):
        x = draw(2, 1, 9)
        yield case(x, call(F.interpolate, x, length, mode="linear"), "NCW", CLOSE, method="linear")
    for k, s, p in ((3, 2, 1), (2, 2, 0), (3, 1, 1), (4, 3, 2)):
        x = draw(1, 1, 11, 8)
        text = {"pool_size": f"{k}x{k}", "pool_stride": f"{s}x{s}", "pool_padding": f"{p}x{p}"}
        for ceil in (False, True):
            y = call(F.max_pool2d, x, k, s, p, ceil_mode=ceil)
            yield case(x, y, "NCHW", EXACT, method="max-pool", ceil_mode=ceil, **text)
            for count in (False, True):
                y = call(F.avg_pool2d, x, k, s, p, ceil_mode=ceil, count_include_pad=count)
                options = {"ceil_mode": ceil, "count_include_pad": count, **text}
                yield case(x, y, "NCHW", CLOSE, method="avg-pool", **options)
    for mode, name in (
        ("constant", "constant"),
        ("replicate", "edge"),
        ("reflect", "reflect"),
        ("circular", "wrap"),
    ):
        x = draw(1, 1, 5, 6)
        y = call(F.pad, x, (2, 3, 1, 2), mode=mode)
        yield case(x, y, "NCHW", EXACT, method="pad", pad_mode=name)


def tensorflow() -> Iterator[Case]:
    """tf.image.resize and its relatives, and tf.pad."""
    import tensorflow as tf

    methods = ("bilinear", "bicubic", "lanczos3", "lanczos5", "mitchellcubic", "gaussian", "area", "nearest")
    for (h, w), size in PAIRS:
        x = draw(1, h, w, 2)
        for method in methods:
            ours = {"mitchellcubic": "mitchell"}.get(method, method)
            for antialias in (False, True) if method not in ("area", "nearest") else (False,):
                y = tf.image.resize(x, size, method=method, antialias=antialias)
                within = {"bicubic": CLOSE if antialias else TABLE, "nearest": EXACT}.get(method, CLOSE)
                options = {"antialias": antialias} if method not in ("area", "nearest") else {}
                yield case(x, y, "NHWC", within, method=ours, convention="tf", **options)
        for target in (size, size[::-1]):
            y = tf.image.resize_with_crop_or_pad(x, *target)
            yield case(x, y, "NHWC", EXACT, method="crop-or-pad")
    x = draw(1, 9, 6, 1)
    for size in ((8, 8), (5, 12), (20, 9)):
        for antialias in (False, True):
            y = tf.image.resize_with_pad(x, *size, antialias=antialias)
            yield case(x, y, "NHWC", CLOSE, method="letterbox", convention="tf", antialias=antialias)
    for mode in ("constant", "reflect", "symmetric"):
        y = tf.pad(x, ((0, 0), (2, 2), (1, 2), (0, 0)), mode=mode.upper())
        yield case(x, y, "NHWC", EXACT, method="pad", pad_mode=mode)


def pillow() -> Iterator[Case]:
    """Float images."""
    from PIL import Image

    filters = {"nearest": "NEAREST", "bilinear": "BILINEAR", "bicubic": "BICUBIC", "lanczos3": "LANCZOS"}
    for (h, w), size in PAIRS:
        x = draw(h, w)
        for method, name in filters.items():
            y = Image.fromarray(x).resize(size[::-1], getattr(Image.Resampling, name))
            yield case(
                x, y, "HW", EXACT if method == "nearest" else CLOSE, method=method, convention="pillow"
            )


def numpy() -> Iterator[Case]:
    """numpy.pad in its ten modes, narrow and much wider than the array; floats and integers."""
    modes = (
        "constant",
        "edge",
        "reflect",
        "symmetric",
        "wrap",
        "linear_ramp",
        "maximum",
        "mean",
        "median",
        "minimum",
    )
    ends = {"constant": "constant_values", "linear_ramp": "end_values"}
    for mode in modes:
        for (h, w), (rows, columns) in (((4, 5), ((1, 2), (2, 2))), ((3, 2), ((7, 8), (5, 6)))):
            for kind in (np.float32, np.int16):
                x = (draw(h, w) * 100).astype(kind)
                y = np.pad(x, (rows, columns), mode=mode, **({ends[mode]: 7} if mode in ends else {}))
                options = {"pad_value": 7} if mode in ends else {}
                # the last bit of a float mean depends on the strides NumPy sums along
                within = CLOSE if mode == "mean" and kind is np.float32 else EXACT
                yield case(x, y, "HW", within, method="pad", pad_mode=mode, **options)
    x = draw(1, 1, 11, 8)
    yield case(x, x[..., 2:9, 1:6], "NCHW", EXACT, method="crop")
    yield case(x, x[..., :7, :5], "NCHW", EXACT, method="crop", anchor="start")
    yield case(x, x[..., 4:, 3:], "NCHW", EXACT, method="crop", anchor="end")
    yield case(x, x[..., 2:9, 2:7], "NCHW", EXACT, method="crop", odd="ceil")
    yield case(x, x[..., ::3, ::2], "NCHW", EXACT, method="stride")


def opencv() -> Iterator[Case]:
    """Float images."""
    import cv2

    flags = {"nearest": "INTER_NEAREST", "bilinear": "INTER_LINEAR", "bicubic": "INTER_CUBIC"}
    for (h, w), size in PAIRS:
        x = draw(h, w)
        for method, flag in flags.items():
            y = cv2.resize(x, size[::-1], interpolation=getattr(cv2, flag))
            within = EXACT if method == "nearest" else CLOSE
            yield case(x, y.reshape(size), "HW", within, method=method, convention="opencv")
    x = draw(12, 13)
    for size in ((5, 4), (6, 13), (12, 1), (4, 9)):
        y = cv2.resize(x, size[::-1], interpolation=cv2.INTER_AREA).reshape(size)
        yield case(x, y, "HW", CLOSE, method="area", convention="opencv")


def jax() -> Iterator[Case]:
    """jax.image.resize."""
    import jax.image

    methods = {"linear": "bilinear", "cubic": "bicubic", "lanczos3": "lanczos3", "lanczos5": "lanczos5"}
    for (h, w), size in PAIRS:
        x = draw(1, 1, h, w)
        for method, ours in methods.items():
            for antialias in (True, False):
                y = jax.image.resize(x, (1, 1, *size), method, antialias=antialias, precision="highest")
                yield case(x, y, "NCHW", CLOSE, method=ours, convention="jax", antialias=antialias)


FRAMEWORKS = {f.__name__: f for f in (torch, tensorflow, pillow, numpy, opencv, jax)}


def write(framework: str, cases: Iterator[Case], folder: Path) -> Path:
    """Store `cases` as FRAMEWORK.npz, each input once."""
    arrays: dict[str, np.ndarray] = {}
    names: dict[int, str] = {}
    kept: list[np.ndarray] = []
    table = []
    for number, (x, y, fields) in enumerate(cases):
        if id(x) not in names:
            names[id(x)] = f"x{len(names)}"
            arrays[names[id(x)]] = x
            kept.append(x)  # an id is an input's name only while the input lives
        arrays[f"y{number}"] = y
        table.append({"x": names[id(x)], "y": f"y{number}", **fields})
    path = folder / f"{framework}.npz"
    np.savez_compressed(path, cases=np.array(json.dumps(table)), **arrays)
    print(f"{path.name}: {len(table)} cases, {path.stat().st_size / 1000:.0f} kB")
    return path


if __name__ == "__main__":
    for wanted in sys.argv[1:] or sorted(FRAMEWORKS):
        if wanted not in FRAMEWORKS:
            sys.exit(f"unknown framework {wanted!r}; choose from {', '.join(FRAMEWORKS)}")
        RNG = np.random.default_rng(20240229)
        write(wanted, FRAMEWORKS[wanted](), Path(__file__).parent)
