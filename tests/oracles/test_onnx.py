"""ONNX Resize and CenterCropPad: against the written-out specification, and onnx.reference."""

import itertools
import warnings
from typing import Any

import numpy as np
import pytest

from tests.oracles.onnx_resize import resize as onnx_resize
from tests.oracles.onnx_resize import source
from tests.support.amounts import few_or_many

COORDS = ("half-pixel", "align-corners", "asymmetric", "pytorch-half-pixel", "half-pixel-symmetric")
ROUNDINGS = {
    "prefer-floor": "round_prefer_floor",
    "prefer-ceil": "round_prefer_ceil",
    "floor": "floor",
    "ceil": "ceil",
}
MODES = {"bilinear": "linear", "bicubic": "cubic"}


def onnx_name(coords: str) -> str:
    """The specification's spelling."""
    return coords.replace("-", "_")


def cubic_options(draw: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """An `a` and an edge rule, in our words and in ONNX's."""
    a, edge = draw.choice(-0.75, -0.5, -1.0), draw.choice("clamp", "renormalize")
    return {"cubic_a": a, "edge": edge}, {"cubic_coeff_a": a, "exclude_outside": edge == "renormalize"}


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("coords", COORDS)
@pytest.mark.parametrize("rank", [1, 2])
def test_linear(draw, resize, agree, rank, coords, antialias, seed):
    layout = draw.layout(rank)
    x = draw.array(layout, draw.sizes(rank))
    size = draw.sizes(rank)
    ours = resize(x, size, layout, method="bilinear", convention="onnx", coords=coords, antialias=antialias)
    theirs = onnx_resize(x, size, mode="linear", coords=onnx_name(coords), antialias=antialias)
    agree(ours, theirs, scale=np.abs(x).max(), note=(x.shape, size, layout))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("coords", COORDS)
@pytest.mark.parametrize("rank", [1, 2])
def test_cubic(draw, resize, agree, rank, coords, antialias, seed):
    layout = draw.layout(rank)
    x = draw.array(layout, draw.sizes(rank))
    size = draw.sizes(rank)
    words, onnx_words = cubic_options(draw)
    options = {"coords": coords, "antialias": antialias, **words}
    ours = resize(x, size, layout, method="bicubic", convention="onnx", **options)
    theirs = onnx_resize(x, size, mode="cubic", coords=onnx_name(coords), antialias=antialias, **onnx_words)
    agree(ours, theirs, scale=np.abs(x).max(), note=(x.shape, size, layout, words))


@pytest.mark.parametrize("most", few_or_many(8, 16))
@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("coords", COORDS)
def test_nearest_for_every_pair_of_sizes(resize, agree, coords, rounding, most):
    """Exact, ties included: the position is a ratio of whole numbers and ONNX says which way each goes."""
    for in_size, out_size in itertools.product(range(1, most + 1), range(1, most + 1)):
        x = np.arange(in_size, dtype=np.float32).reshape(1, 1, -1)
        theirs = onnx_resize(
            x, (out_size,), mode="nearest", coords=onnx_name(coords), nearest_mode=ROUNDINGS[rounding]
        )
        options = {"convention": "onnx", "coords": coords, "nearest_rounding": rounding}
        ours = resize(x, (out_size,), "NCW", method="nearest", **options)
        agree(ours, theirs.astype(np.float32), within=0, note=(in_size, out_size))


def test_the_convention_is_the_defaults_of_the_operator(draw, resize, agree):
    x = draw.array("NCHW", (13, 8))
    for method, mode in {"nearest": "nearest", **MODES}.items():
        theirs = onnx_resize(x, (9, 21), mode=mode)
        agree(resize(x, (9, 21), "NCHW", method=method, convention="onnx"), theirs, scale=np.abs(x).max())


def reference(op: str, x: np.ndarray, extra: list[np.ndarray | None], **attributes: Any) -> np.ndarray:
    """One ONNX operator through onnx.reference."""
    helper, evaluator = pytest.importorskip("onnx.helper"), pytest.importorskip("onnx.reference")
    names = ["x", *("" if value is None else f"i{k}" for k, value in enumerate(extra))]
    given = {"x": x} | {f"i{k}": value for k, value in enumerate(extra) if value is not None}
    node = helper.make_node(op, names, ["y"], **attributes)
    kind = helper.np_dtype_to_tensor_dtype
    inputs = [helper.make_tensor_value_info(n, kind(v.dtype), v.shape) for n, v in given.items()]
    output = helper.make_tensor_value_info("y", kind(x.dtype), None)
    graph = helper.make_graph([node], "g", inputs, [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(evaluator.ReferenceEvaluator(model).run(None, given)[0])


def clear_cut(in_size: int, out_size: int, coords: str, rounding: str) -> list[int]:
    """Output positions where onnx.reference's float64 cannot tip the choice of the nearest sample."""
    half = 0.5 if rounding.startswith("round") else 0.0
    edges = [source(x, in_size, out_size, coords) + half for x in range(out_size)]
    return [x for x, edge in enumerate(edges) if abs(edge - round(edge)) > 1e-9]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("coords", COORDS)
@pytest.mark.parametrize("method", ["bilinear", "bicubic", "nearest"])
def test_resize_of_onnx_reference(draw, resize, agree, method, coords, seed):
    """onnx's own evaluator, slow and so on small maps, against featfuse and the specification above."""
    x = draw.array("NCHW", draw.sizes(2, low=2, high=9))
    size = draw.sizes(2, low=2, high=9)
    words: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    if method == "bicubic":
        words, attributes = cubic_options(draw)
    elif method == "nearest":
        words["nearest_rounding"] = draw.choice(*ROUNDINGS)
        attributes["nearest_mode"] = ROUNDINGS[words["nearest_rounding"]]
    mode = MODES.get(method, method)
    spec = onnx_resize(x, size, mode=mode, coords=onnx_name(coords), **attributes)
    attributes = {
        name: int(value) if isinstance(value, bool) else value for name, value in attributes.items()
    }
    sizes = np.array([*x.shape[:2], *size], np.int64)
    attributes |= {"mode": mode, "coordinate_transformation_mode": onnx_name(coords)}
    theirs = reference("Resize", x, [None, None, sizes], **attributes)
    note = (x.shape, size, coords, attributes)
    ours = resize(x, size, "NCHW", method=method, convention="onnx", coords=coords, **words)
    if method == "nearest":
        pairs = zip(x.shape[2:], size, strict=True)
        rows, columns = (clear_cut(*pair, onnx_name(coords), attributes["nearest_mode"]) for pair in pairs)
        ours, spec, theirs = (y[:, :, rows][..., columns] for y in (ours, spec, theirs))
    agree(spec, theirs, scale=np.abs(x).max(), note=note)
    agree(ours, theirs, scale=np.abs(x).max(), note=note)


@pytest.mark.parametrize("seed", range(10))
def test_center_crop_pad_of_onnx_reference(draw, resize, agree, seed):
    x = draw.array("NCHW", draw.sizes(2))
    size = draw.sizes(2)
    theirs = reference("CenterCropPad", x, [np.array(size, np.int64)], axes=[2, 3])
    agree(resize(x, size, "NCHW", method="crop-or-pad"), theirs, within=0, note=(x.shape, size))


# ------------------------------------------------------------------------ scales, aspect ratio, axes, regions


def small(draw: Any, low: int = 2) -> np.ndarray:
    return np.asarray(draw.array("NCHW", draw.sizes(2, low=low, high=12)))


def words_of(draw: Any, method: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Options of a method in our words and in ONNX's."""
    if method == "bicubic":
        words, attributes = cubic_options(draw)
        return words, attributes | {"exclude_outside": int(attributes["exclude_outside"])}
    if method == "nearest":
        rounding = draw.choice(*ROUNDINGS)
        return {"nearest_rounding": rounding}, {"nearest_mode": ROUNDINGS[rounding]}
    return {}, {}


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("coords", COORDS)
@pytest.mark.parametrize("method", ["bilinear", "bicubic", "nearest"])
def test_scales(draw, resize, agree, method, coords, seed):
    x = small(draw)
    factors = [float(draw.rng.uniform(0.5, 3)) for _ in "HW"]
    words, attributes = words_of(draw, method)
    attributes |= {"mode": MODES.get(method, method), "coordinate_transformation_mode": onnx_name(coords)}
    theirs = reference("Resize", x, [None, np.array([1, 1, *factors], np.float32)], **attributes)
    ours = resize(
        x, None, "NCHW", method=method, convention="onnx", coords=coords, scale=tuple(factors), **words
    )
    agree(ours, theirs, scale=np.abs(x).max(), note=(x.shape, factors, coords, attributes))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("method", ["bilinear", "bicubic"])
def test_antialiased_scales(draw, resize, agree, method, seed):
    x = small(draw, low=4)
    factors = [float(draw.rng.uniform(0.3, 1.5)) for _ in "HW"]
    scales = np.array([1, 1, *factors], np.float32)
    theirs = reference("Resize", x, [None, scales], mode=MODES[method], antialias=1)
    ours = resize(x, None, "NCHW", method=method, convention="onnx", scale=tuple(factors), antialias=True)
    agree(ours, theirs, scale=np.abs(x).max(), note=(x.shape, factors))


def away_from_ties(out_size: int, factor: float) -> np.ndarray:
    """Positions away from a sample and from the middle of two, where the last bit of onnx.reference's sums
    chooses the window (of a cubic kernel, too)."""
    centre = (np.arange(out_size) + 0.5) / factor
    return np.flatnonzero(np.abs(2 * centre - np.round(2 * centre)) > 1e-9)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("rule", ["not-larger", "not-smaller"])
@pytest.mark.parametrize("method", ["bilinear", "bicubic", "nearest"])
def test_the_aspect_ratio_is_kept(draw, resize, agree, method, rule, seed):
    x = small(draw)
    size = draw.sizes(2, low=2, high=20)
    words, attributes = words_of(draw, method)
    policy = {"keep_aspect_ratio_policy": rule.replace("-", "_"), "axes": [2, 3]}
    theirs = reference(
        "Resize", x, [None, None, np.array(size)], mode=MODES.get(method, method), **policy, **attributes
    )
    ours = resize(x, size, "NCHW", method=method, convention="onnx", keep_aspect=rule, **words)
    factor = (min if rule == "not-larger" else max)(size[0] / x.shape[2], size[1] / x.shape[3])
    rows, columns = (away_from_ties(length, factor) for length in theirs.shape[2:])
    assert ours.shape == theirs.shape
    kept = (..., rows[:, None], columns)
    agree(ours[kept], theirs[kept], scale=np.abs(x).max(), note=(x.shape, size, words))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("axis", ["H", "W"])
@pytest.mark.parametrize("by", ["sizes", "scales"])
def test_one_axis_alone(draw, resize, agree, by, axis, seed):
    x, size, factor = small(draw), draw.size(2, 20), float(draw.rng.uniform(0.5, 3))
    axes = ["NCHW".index(axis)]
    if by == "sizes":
        theirs = reference("Resize", x, [None, None, np.array([size])], mode="linear", axes=axes)
        ours = resize(x, None, "NCHW", method="bilinear", convention="onnx", to={axis: size})
    else:
        scales = np.array([factor], np.float32)
        theirs = reference("Resize", x, [None, scales], mode="linear", axes=axes)
        ours = resize(x, None, "NCHW", method="bilinear", convention="onnx", scale={axis: factor})
    agree(ours, theirs, scale=np.abs(x).max(), note=(x.shape, axis, size, factor))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("method", ["bilinear", "bicubic", "nearest"])
def test_a_region_of_interest(draw, resize, agree, method, seed):
    x, size = small(draw), draw.sizes(2, high=20)
    ends = [float(it) for it in draw.rng.uniform(-0.5, 1.5, 4)]
    region = np.array([0, 0, ends[0], ends[2], 1, 1, ends[1], ends[3]], np.float64)
    words, attributes = words_of(draw, method)
    attributes |= {"coordinate_transformation_mode": "tf_crop_and_resize", "extrapolation_value": -7.0}
    sizes = np.array([*x.shape[:2], *size])
    theirs = reference("Resize", x, [region, None, sizes], mode=MODES.get(method, method), **attributes)
    roi = {"H": (ends[0], ends[1]), "W": (ends[2], ends[3])}
    options = {"convention": "onnx", "roi": roi, "extrapolation_value": -7.0, **words}
    ours = resize(x, size, "NCHW", method=method, **options)
    agree(ours, theirs, scale=max(7.0, np.abs(x).max()), note=(x.shape, size, ends, words))
