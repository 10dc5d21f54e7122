"""ONNX Resize, CenterCropPad, pools, shuffles: against the written-out specification, and onnx.reference."""

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


# ------------------------------------------------------------------------------------------------- pools

AT_MOST = (16, 9, 6)
"""onnx.reference pools by loops in Python."""


def reaches(kernel: tuple[int, ...], dilations: tuple[int, ...]) -> list[int]:
    """How many samples a window spans along each axis."""
    return [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]


def windows(draw: Any, rank: int) -> tuple[dict[str, Any], dict[str, Any], tuple[int, ...]]:
    """A geometry in our words and in ONNX's, and a map on which every window holds a sample.

    With `same`, windows are no shorter than their step: there the evaluator crops, where Keras and TF do not.
    """
    kernel, strides, dilations = (tuple(draw.size(high=3) for _ in range(rank)) for _ in "abc")
    reach, same = reaches(kernel, dilations), draw.rng.random() < 0.3
    if same:
        strides = tuple(map(min, strides, kernel))
    space = tuple(max(draw.size(high=AT_MOST[rank - 1]), span) for span in reach)
    ours = {"pool_size": kernel, "pool_stride": strides, "pool_dilation": dilations}
    theirs = {"kernel_shape": kernel, "strides": strides, "dilations": dilations}
    if same:
        return ours | {"pool_padding": "same"}, theirs | {"auto_pad": "SAME_UPPER"}, space
    pads = tuple(tuple(int(n) for n in draw.rng.integers(0, (span + 1) // 2, 2)) for span in reach)
    ceil_mode = bool(draw.rng.integers(2))
    padding = draw.choice(pads, "x".join(f"{before}+{after}" for before, after in pads))
    ours |= {"pool_padding": padding, "ceil_mode": ceil_mode}
    flat = [pair[end] for end in (0, 1) for pair in pads]
    return ours, theirs | {"pads": flat, "ceil_mode": int(ceil_mode)}, space


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_max_pool_of_onnx_reference(draw, resize, agree, rank, seed):
    layout = draw.layout(rank)
    options, attributes, space = windows(draw, rank)
    x = draw.array(layout, space)
    theirs = reference("MaxPool", x, [], **attributes)
    ours = resize(x, None, layout, method="max-pool", **options)
    agree(ours, theirs, within=0, note=(x.shape, options))


def pooled(x: np.ndarray, attributes: dict[str, Any], kind: str, *, counted: bool, p: int = 1) -> np.ndarray:
    """By the function that ONNX makes the data of its own tests with, what ceil mode hangs over put behind.

    The evaluator puts half of that in front, and its LpPool is a mean times the window's size, as torch's is,
    although it says that it should not be. onnxruntime has neither.
    """
    common = pytest.importorskip("onnx.reference.ops.op_pool_common")
    space, rank = x.shape[2:], x.ndim - 2
    kernel, strides, dilations = (attributes[name] for name in ("kernel_shape", "strides", "dilations"))
    pads = attributes.get("pads")
    if pads is None:
        out = common.get_output_shape_auto_pad("SAME_UPPER", space, kernel, strides)
        needed = common.get_pad_shape("SAME_UPPER", space, reaches(kernel, dilations), strides, out)
        pads = common.get_pad_with_auto_pad("SAME_UPPER", needed)
    out, required = common.get_output_shape_explicit_padding(
        pads, space, kernel, strides, dilations, attributes.get("ceil_mode", 0)
    )
    widths = [(pads[i], required[i] + required[i + rank] - pads[i]) for i in range(rank)]
    border = 0.0 if counted or kind == "LPPOOL" else np.nan
    padded = np.pad(x.astype(np.float64), [(0, 0), (0, 0), *widths], constant_values=border)
    return np.asarray(
        common.pool(padded, x.shape, kernel, strides, out, kind, required, pads, dilations, int(counted), p)
    )


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("counted", [None, False, True])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_average_pool_of_onnx(draw, resize, agree, rank, counted, seed):
    """ONNX counts no border unless it is told to; a border in numbers is torch's, which is counted."""
    layout = draw.layout(rank)
    options, attributes, space = windows(draw, rank)
    x = draw.array(layout, space)
    words = {} if counted is None and "auto_pad" in attributes else {"count_include_pad": bool(counted)}
    ours = resize(x, None, layout, method="avg-pool", **options, **words)
    note = (x.shape, options, words)
    theirs = pooled(x, attributes, "AVG", counted=bool(counted))
    agree(ours, theirs, scale=np.abs(x).max(), note=note)
    if "pads" in attributes and not attributes["ceil_mode"]:
        theirs = reference("AveragePool", x, [], count_include_pad=int(bool(counted)), **attributes)
        agree(ours, theirs, scale=np.abs(x).max(), note=note)


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("p", [1, 2, 3, 4])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_lp_pool_of_onnx(draw, resize, agree, rank, p, seed):
    layout = draw.layout(rank)
    options, attributes, space = windows(draw, rank)
    x = draw.array(layout, space)
    ours = resize(x, None, layout, method="lp-pool", convention="onnx", p=p, **options)
    theirs = pooled(x, attributes, "LPPOOL", counted=True, p=p)
    agree(ours, theirs, scale=np.abs(theirs).max(), note=(x.shape, options))


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("p", [1, 2, 3])
def test_lp_pool_of_onnx_reference(draw, resize, agree, p, seed):
    """Without a border its two ways are one."""
    x, kernel = draw.array("NCHW", draw.sizes(2, low=4, high=9)), (draw.size(high=4), draw.size(high=4))
    theirs = reference("LpPool", x, [], kernel_shape=kernel, strides=(2, 1), p=p)
    options = {"pool_size": kernel, "pool_stride": "2x1", "p": p, "convention": "onnx"}
    agree(resize(x, None, "NCHW", method="lp-pool", **options), theirs, scale=np.abs(theirs).max())


# ---------------------------------------------------------------------------------------------- shuffles


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("mode", "convention"), [("DCR", "onnx"), ("CRD", "torch")])
def test_depth_to_space(draw, resize, agree, mode, convention, seed):
    layout, factor = draw.choice("NCHW", "NHWC"), draw.size(high=4)
    dtype = draw.choice(np.float32, np.float16, np.uint8, np.int64)
    shape = (draw.size(high=3), draw.size(high=4) * factor**2, *draw.sizes(2, high=8))
    x = (draw.rng.standard_normal(shape) * 50).astype(dtype)
    theirs = reference("DepthToSpace", x, [], blocksize=factor, mode=mode)
    options = {"method": "pixel-shuffle", "convention": convention}
    agree(resize(x, theirs.shape[2:], layout, **options), theirs, within=0, note=(shape, factor, layout))


@pytest.mark.parametrize("seed", range(20))
def test_space_to_depth(draw, resize, agree, seed):
    layout, factor = draw.choice("NCHW", "NHWC"), draw.size(high=4)
    dtype = draw.choice(np.float32, np.float16, np.uint8, np.int64)
    space = draw.sizes(2, high=8)
    shape = (draw.size(high=3), draw.size(high=4), *(size * factor for size in space))
    x = (draw.rng.standard_normal(shape) * 50).astype(dtype)
    theirs = reference("SpaceToDepth", x, [], blocksize=factor)
    options = {"method": "pixel-unshuffle", "convention": "onnx"}
    agree(resize(x, space, layout, **options), theirs, within=0, note=(shape, factor, layout))
