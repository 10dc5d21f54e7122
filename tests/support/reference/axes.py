"""One axis at a time, from the frameworks' formulas, by loops in float64. Slow on purpose.

Every function takes an array and resizes its last axis. Nothing of featfuse is used here.
"""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

__all__ = ["CONVENTIONS", "Convention", "Infeasible", "change_axis", "fit"]


class Infeasible(Exception):
    """The sizes cannot be brought together as asked."""


class Convention(NamedTuple):
    """A framework's defaults: cubic a and edge rule without and with antialias; which sample is nearest."""

    cubic_a: tuple[float, float]
    edge: tuple[str, str]
    antialias: bool
    nearest: str
    fractional_area: bool


CONVENTIONS = {
    "torch": Convention((-0.75, -0.5), ("clamp", "renormalize"), False, "float32 floor", False),
    "tf": Convention((-0.5, -0.5), ("renormalize", "renormalize"), False, "float32 centre", True),
    "onnx": Convention((-0.75, -0.75), ("clamp", "clamp"), False, "prefer-floor", False),
    "opencv": Convention((-0.75, -0.75), ("clamp", "clamp"), False, "opencv", True),
    "pillow": Convention((-0.5, -0.5), ("renormalize", "renormalize"), True, "", False),
    "jax": Convention((-0.5, -0.5), ("renormalize", "renormalize"), True, "prefer-ceil", True),
}


def source_coordinate(coords: str, x: int, in_size: int, out_size: int) -> Fraction:
    """Where output sample x lies among the input samples; exact."""
    i, o = Fraction(in_size), Fraction(out_size)
    if coords == "align-corners":
        return Fraction(x) * (i - 1) / (o - 1) if out_size > 1 else Fraction(0)
    if coords == "asymmetric":
        return x * i / o
    if coords == "pytorch-half-pixel" and out_size == 1:
        return Fraction(0)
    return (x + Fraction(1, 2)) * i / o - Fraction(1, 2)  # half-pixel-symmetric: its adjustment is one


def sinc(x: float) -> float:
    return 1.0 if x == 0 else math.sin(math.pi * x) / (math.pi * x)


def triangle(x: float) -> float:
    return max(0.0, 1.0 - abs(x))


def lanczos(radius: int) -> Callable[[float], float]:
    return lambda x: sinc(x) * sinc(x / radius) if abs(x) < radius else 0.0


def keys(a: float) -> Callable[[float], float]:
    def weight(x: float) -> float:
        x = abs(x)
        if x <= 1:
            return (a + 2) * x**3 - (a + 3) * x**2 + 1
        return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x < 2 else 0.0

    return weight


def mitchell(x: float) -> float:
    b = c = 1 / 3
    x = abs(x)
    if x < 1:
        return ((12 - 9 * b - 6 * c) * x**3 + (-18 + 12 * b + 6 * c) * x**2 + 6 - 2 * b) / 6
    if x < 2:
        return ((-b - 6 * c) * x**3 + (6 * b + 30 * c) * x**2 + (-12 * b - 48 * c) * x + 8 * b + 24 * c) / 6
    return 0.0


def gaussian(x: float) -> float:
    """TensorFlow's: sigma is a third of the radius, and the radius itself is outside."""
    return math.exp(-2.0 * x * x) if abs(x) < 1.5 else 0.0


KERNELS: dict[str, tuple[float, Callable[[float], Callable[[float], float]]]] = {
    # name: (radius, cubic a -> weight by distance)
    "bilinear": (1, lambda _a: triangle),
    "bicubic": (2, keys),
    "lanczos3": (3, lambda _a: lanczos(3)),
    "lanczos5": (5, lambda _a: lanczos(5)),
    "mitchell": (2, lambda _a: mitchell),
    "gaussian": (1.5, lambda _a: gaussian),
}


def resample(x: np.ndarray, out_size: int, method: str, options: dict[str, Any]) -> np.ndarray:
    """A kernel around every output sample's coordinate, its weights made to sum to one."""
    own = "tf" if method in ("lanczos3", "lanczos5", "mitchell", "gaussian") else "torch"
    convention = CONVENTIONS[options.get("convention", own)]
    antialias = options.get("antialias", convention.antialias)
    radius, make = KERNELS[method]
    weight = make(options.get("cubic_a", convention.cubic_a[antialias]))
    edge = options.get("edge", convention.edge[antialias])
    in_size = x.shape[-1]
    stretch = max(1.0, in_size / out_size) if antialias else 1.0
    result = np.zeros((*x.shape[:-1], out_size))
    for position in range(out_size):
        centre = float(source_coordinate(options.get("coords", "half-pixel"), position, in_size, out_size))
        total = 0.0
        first, last = math.floor(centre - radius * stretch), math.ceil(centre + radius * stretch)
        for sample in range(first, last + 1):
            if edge == "renormalize" and not 0 <= sample < in_size:
                continue
            w = weight((sample - centre) / stretch)
            result[..., position] += w * x[..., min(max(sample, 0), in_size - 1)]
            total += w
        result[..., position] /= total
    return result


def nearest_index(rule: str, position: int, in_size: int, out_size: int) -> int:
    scale, half = np.float32(in_size) / np.float32(out_size), np.float32(0.5)
    if rule == "float32 floor":  # torch
        return int(np.floor(np.float32(position) * scale))
    if rule == "float32 centre":  # TensorFlow, torch's nearest-exact
        return int(np.floor((np.float32(position) + half) * scale))
    if rule == "opencv":
        return math.floor(position * (1.0 / (out_size / in_size)))
    centre = source_coordinate("half-pixel", position, in_size, out_size)
    return rounded(centre, rule)


def rounded(centre: Fraction, rule: str) -> int:
    half = Fraction(1, 2)
    return {
        "floor": math.floor(centre),
        "ceil": math.ceil(centre),
        "prefer-floor": math.ceil(centre - half),
        "prefer-ceil": math.floor(centre + half),
    }[rule]


def nearest(x: np.ndarray, out_size: int, method: str, options: dict[str, Any]) -> np.ndarray:
    in_size = x.shape[-1]
    rule = CONVENTIONS[options.get("convention", "torch")].nearest
    if method == "nearest-exact":
        rule = "float32 centre"
    sources = []
    for position in range(out_size):
        spelt_out = (options.get("coords"), options.get("nearest_rounding"))
        if None not in spelt_out and spelt_out != ("asymmetric", "floor"):  # ONNX Resize; else torch's own
            centre = source_coordinate(options["coords"], position, in_size, out_size)
            index = rounded(centre, options["nearest_rounding"])
        else:
            index = nearest_index(rule, position, in_size, out_size)
        sources.append(min(max(index, 0), in_size - 1))
    return x[..., sources]


def adaptive(x: np.ndarray, out_size: int, reduce: Callable[..., np.ndarray]) -> np.ndarray:
    """Windows floor(iI/O) .. ceil((i+1)I/O)."""
    in_size = x.shape[-1]
    windows = [
        x[..., i * in_size // out_size : math.ceil(Fraction((i + 1) * in_size, out_size))]
        for i in range(out_size)
    ]
    return np.stack([reduce(window, axis=-1) for window in windows], axis=-1)


def area(x: np.ndarray, out_size: int, _method: str, options: dict[str, Any]) -> np.ndarray:
    if not CONVENTIONS[options.get("convention", "torch")].fractional_area:
        return adaptive(x, out_size, np.mean)
    in_size = x.shape[-1]
    result = np.zeros((*x.shape[:-1], out_size))
    for i in range(out_size):
        low, high = Fraction(i * in_size, out_size), Fraction((i + 1) * in_size, out_size)
        for sample in range(math.floor(low), math.ceil(high)):
            overlap = min(sample + 1, high) - max(sample, low)
            result[..., i] += float(overlap / (high - low)) * x[..., sample]
    return result


def pool(x: np.ndarray, out_size: int, method: str, options: dict[str, Any]) -> np.ndarray:
    """Adaptive windows, or torch's, ONNX' and Keras' windows of a given geometry."""
    reduce = {"max-pool": np.max, "avg-pool": np.mean, "lp-pool": np.sum}[method]
    if "pool_size" not in options:
        return adaptive(x, out_size, reduce)
    size, dilation = options["pool_size"], options.get("pool_dilation", 1)
    stride = options.get("pool_stride", size)
    if pooled_size(x.shape[-1], options) != out_size:
        raise Infeasible
    before, after = borders(x.shape[-1], options)
    same = options.get("pool_padding") == "same"
    parts = []
    for i in range(out_size):
        places = [i * stride - before + tap * dilation for tap in range(size)]
        counted = [place for place in places if place < x.shape[-1] + after]  # not what ceil mode hangs over
        window = x[..., [place for place in counted if 0 <= place < x.shape[-1]]]
        if not window.shape[-1]:
            raise Infeasible
        if method == "avg-pool" and options.get("count_include_pad", not same):
            parts.append(window.sum(axis=-1) / len(counted))
        elif method == "lp-pool" and options.get("convention", "torch") == "torch":
            parts.append(window.sum(axis=-1) / len(counted) * size)
        else:
            parts.append(reduce(window, axis=-1))
    return np.stack(parts, axis=-1)


def borders(in_size: int, options: dict[str, Any]) -> tuple[int, int]:
    """What the padding adds in front and behind; `same`: as Keras and TF, the odd sample behind."""
    padding = options.get("pool_padding", 0)
    if padding != "same":
        return padding if isinstance(padding, tuple) else (padding, padding)
    stride = options.get("pool_stride", options["pool_size"])
    needed = (math.ceil(Fraction(in_size, stride)) - 1) * stride + reach(options) - in_size
    return max(needed, 0) // 2, math.ceil(Fraction(max(needed, 0), 2))


def reach(options: dict[str, Any]) -> int:
    return (options["pool_size"] - 1) * options.get("pool_dilation", 1) + 1


def pooled_size(in_size: int, options: dict[str, Any]) -> int:
    """torch's formula; Keras' of `same` padding."""
    stride = options.get("pool_stride", options["pool_size"])
    if options.get("pool_padding") == "same":
        return math.ceil(Fraction(in_size, stride))
    before, after = borders(in_size, options)
    steps = Fraction(in_size + before + after - reach(options), stride)
    if steps < 0:
        raise Infeasible
    if not options.get("ceil_mode", False):
        return math.floor(steps) + 1
    count = math.ceil(steps) + 1
    return count - 1 if (count - 1) * stride >= in_size + before else count


def stride(x: np.ndarray, out_size: int, _method: str, _options: dict[str, Any]) -> np.ndarray:
    for k in range(1, x.shape[-1] + 1):
        if x[..., ::k].shape[-1] == out_size:
            return x[..., ::k]
    raise Infeasible


def placed(large: int, small: int, options: dict[str, Any], centred: int) -> int:
    return {"start": 0, "end": large - small, "center": centred}[options.get("anchor", "center")]


def crop(x: np.ndarray, out_size: int, _method: str, options: dict[str, Any]) -> np.ndarray:
    in_size = x.shape[-1]
    excess = in_size - out_size
    if excess < 0:
        raise Infeasible
    centred = {
        "floor": excess // 2,
        "ceil": (excess + 1) // 2,
        "round": round(Fraction(excess, 2)),
        "monai": in_size // 2 - out_size // 2,
    }[options.get("odd", "floor")]
    start = placed(in_size, out_size, options, centred)
    return x[..., start : start + out_size]


def pad(x: np.ndarray, out_size: int, _method: str, options: dict[str, Any]) -> np.ndarray:
    excess = out_size - x.shape[-1]
    if excess < 0:
        raise Infeasible
    before = placed(out_size, x.shape[-1], options, excess // 2)
    mode, value = options.get("pad_mode", "constant"), options.get("pad_value", 0.0)
    words = {"constant": {"constant_values": value}, "linear_ramp": {"end_values": value}}
    widths = [(0, 0)] * (x.ndim - 1) + [(before, excess - before)]
    return np.pad(x, widths, mode, **words.get(mode, {}))


def crop_or_pad(x: np.ndarray, out_size: int, method: str, options: dict[str, Any]) -> np.ndarray:
    return (crop if x.shape[-1] > out_size else pad)(x, out_size, method, options)


def letterbox(
    x: np.ndarray, out_size: int, grid: list[tuple[int, int]], options: dict[str, Any]
) -> np.ndarray:
    """tf.image.resize_with_pad: one ratio for all axes of `grid` (size, target), its numbers in float32."""
    ratio = max(np.float32(size) / np.float32(target) for size, target in grid)
    fitted = np.float32(x.shape[-1]) / ratio
    inner = min(max(math.floor(fitted), 1), out_size)
    if inner != x.shape[-1]:
        method = options.get("interpolation", "bilinear")
        x = METHODS[method](x, inner, method, options)
    spare = out_size - inner
    centred = min(max(0, math.floor((np.float32(out_size) - fitted) / 2)), spare)
    before = placed(out_size, inner, options, centred)
    words = {"constant_values": options.get("pad_value", 0.0)}
    mode = options.get("pad_mode", "constant")
    widths = [(0, 0)] * (x.ndim - 1) + [(before, spare - before)]
    return np.pad(x, widths, mode, **(words if mode == "constant" else {}))


def fixed_bilinear(x: np.ndarray, out_size: int, _method: str, _options: dict[str, Any]) -> np.ndarray:
    """Every input sample spreads FCN's kernel (Long, Shelhamer, Darrell: upsample_filt) over the output."""
    factor, rest = divmod(out_size, x.shape[-1])
    if rest or not factor:
        raise Infeasible
    size = 2 * factor - factor % 2
    half = (size + 1) // 2
    centre = half - 1 if size % 2 else half - 0.5
    kernel = [1 - abs(i - centre) / half for i in range(size)]
    padding = (size - factor) // 2
    result = np.zeros((*x.shape[:-1], out_size))
    for sample in range(x.shape[-1]):
        for i, weight in enumerate(kernel):
            position = sample * factor + i - padding
            if 0 <= position < out_size:
                result[..., position] += weight * x[..., sample]
    return result


def strict(x: np.ndarray, out_size: int, _method: str, _options: dict[str, Any]) -> np.ndarray:
    if x.shape[-1] not in (1, out_size):
        raise Infeasible
    return np.broadcast_to(x, (*x.shape[:-1], out_size))


METHODS: dict[str, Callable[[np.ndarray, int, str, dict[str, Any]], np.ndarray]] = {
    **dict.fromkeys(KERNELS, resample),
    **dict.fromkeys(("nearest", "nearest-exact"), nearest),
    **dict.fromkeys(("avg-pool", "max-pool", "lp-pool"), pool),
    "strict": strict,
    "area": area,
    "stride": stride,
    "crop": crop,
    "pad": pad,
    "crop-or-pad": crop_or_pad,
    "transposed-conv": fixed_bilinear,
}


def change_axis(x: np.ndarray, axis: int, out_size: int, method: str, options: dict[str, Any]) -> np.ndarray:
    """`x` with `axis` brought to `out_size`."""
    moved = np.moveaxis(x, axis, -1)
    return np.moveaxis(METHODS[method](moved, out_size, method, options), -1, axis)


def fit(x: np.ndarray, axes: dict[int, int], options: dict[str, Any]) -> np.ndarray:
    """`x` letterboxed: each of `axes` brought to its size."""
    grid = [(x.shape[axis], size) for axis, size in axes.items()]
    for axis, size in axes.items():
        x = np.moveaxis(letterbox(np.moveaxis(x, axis, -1), size, grid, options), -1, axis)
    return x
