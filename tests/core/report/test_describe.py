"""The words for a plan: what is done to each axis, the pipeline as resolved, the warnings."""

import json
from collections.abc import Callable
from typing import Any

import featfuse
import pytest
from featfuse import METHODS, ShapeReport

from tests.support.maps import MAPPED

Plan = Callable[..., Any]


@pytest.mark.parametrize("method", [name for name in MAPPED if METHODS[name].target != "none"])
def test_shrinking_without_antialias_is_warned_of(plan: Plan, method: str) -> None:
    """For the methods that could stretch their kernel; the convention may do so by itself."""
    if "antialias" not in METHODS[method].options:
        assert not plan((8, 8), (4, 4), method=method).warnings
        return
    (warning,) = plan((8, 8), (4, 4), method=method, to="smallest").warnings
    for words in ("map1.npy", "--antialias", "H 8→4, W 8→4"):
        assert words in warning
    assert not plan((8, 8), (4, 4), method=method, to="smallest", antialias=True).warnings
    assert not plan((8, 8), (4, 4), method=method, to="smallest", convention="jax").warnings
    assert not plan((8, 8), (4, 4), method=method, to="largest").warnings


def as_json(report: ShapeReport) -> Any:
    return json.loads(report.to_json())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        # the pipeline holds what was resolved, defaults included, and nothing the method ignores
        (
            {"method": "bilinear"},
            {
                "method": "bilinear",
                "to": "auto",
                "grid": [8, 8],
                "convention": "torch",
                "coords": "half-pixel",
                "antialias": False,
                "edge": "clamp",
                "combine": "add",
                "weights": [1.0, 1.0],
                "channels": "strict",
                "normalize": "none",
                "dtype": "float32",
                "on_overflow": "error",
            },
        ),
        ({"method": "bicubic"}, {"cubic_a": -0.75}),
        ({"method": "bicubic", "antialias": True}, {"cubic_a": -0.5, "edge": "renormalize"}),
        ({"method": "bicubic", "convention": "tf"}, {"cubic_a": -0.5, "edge": "renormalize"}),
        ({"method": "bicubic", "cubic_a": -0.6}, {"cubic_a": -0.6}),
        ({"method": "bilinear", "convention": "jax"}, {"antialias": True}),
        ({"method": "lanczos3"}, {"convention": "tf"}),
        ({"method": "nearest"}, {"coords": "asymmetric", "nearest_rounding": "floor"}),
        (
            {"method": "nearest", "convention": "onnx"},
            {"coords": "half-pixel", "nearest_rounding": "prefer-floor"},
        ),
        ({"method": "pad"}, {"pad_mode": "constant", "pad_value": 0.0, "anchor": "center"}),
        ({"method": "pad", "pad_mode": "circular"}, {"pad_mode": "wrap"}),
        ({"method": "crop", "offset": "H:1"}, {"offset": {"H": 1}, "odd": "floor", "grid": [4, 4]}),
        ({"method": "max-pool", "pool_size": "2"}, {"pool_size": [2], "pool_padding": 0, "ceil_mode": False}),
        (
            {"method": "avg-pool", "pool_size": 2, "pool_padding": "same"},
            {"pool_padding": "same", "pool_dilation": 1, "count_include_pad": False, "ceil_mode": None},
        ),
        (
            {"method": "max-pool", "pool_size": 2, "pool_padding": "0+1"},
            {"pool_padding": [[0, 1]]},
        ),
        ({"method": "lp-pool"}, {"p": 2.0, "convention": "torch", "pool_dilation": None}),
        ({"method": "letterbox", "to": "8x9"}, {"to": "8x9", "grid": [8, 9], "interpolation": "bilinear"}),
        ({"method": "linear"}, {"method": "linear", "convention": "torch"}),
    ],
)
def test_pipeline_is_resolved(options: dict[str, Any], expected: dict[str, object]) -> None:
    pipeline = as_json(featfuse.inspect((8, 8), (4, 4), **options))["pipeline"]
    assert {name: pipeline.get(name) for name in expected} == expected
    if len(expected) > 8:
        assert pipeline == expected


def test_another_name_of_a_method_stays_as_typed(plan: Plan) -> None:
    result = plan((8, 8), (4, 4), method="trilinear")
    assert "×2 trilinear" in result.axes[0].actions
    assert result.summary.startswith("trilinear to largest")


def test_pipeline_is_resolved_without_a_layout(plan: Plan) -> None:
    pipeline = plan((3, 4, 5), (3, 4, 5), method="bicubic").pipeline
    only_where_given = {"scale", "recompute_scale_factor", "keep_aspect", "roi", "extrapolation_value"}
    assert set(METHODS["bicubic"].options) - only_where_given <= set(pipeline)


@pytest.mark.parametrize(
    ("options", "cells"),
    [
        # what happens to each input, for 9 beside 4 along an axis
        ({"method": "bilinear"}, ["=", "×2.25 bilinear"]),
        ({"method": "nearest", "to": "smallest"}, ["×0.4444 nearest", "="]),
        ({"method": "pad"}, ["=", "pad 2+3"]),
        ({"method": "pad", "pad_mode": "replicate"}, ["=", "pad 2+3 edge"]),
        ({"method": "pad", "anchor": "end"}, ["=", "pad 5+0"]),
        ({"method": "pad", "offset": "W:1"}, ["=", "pad 1+4"]),
        ({"method": "crop"}, ["crop 2+3", "="]),
        ({"method": "crop", "odd": "ceil"}, ["crop 3+2", "="]),
        ({"method": "crop", "odd": "round"}, ["crop 2+3", "="]),
        ({"method": "crop", "odd": "monai"}, ["crop 2+3", "="]),
        ({"method": "crop", "anchor": "start"}, ["crop 0+5", "="]),
        ({"method": "crop", "anchor": "end"}, ["crop 5+0", "="]),
        ({"method": "crop", "offset": "w:4"}, ["crop 4+1", "="]),
        ({"method": "crop", "offset": {"W": 5}}, ["crop 5+0", "="]),
        ({"method": "crop-or-pad", "to": "6"}, ["crop 1+2", "pad 1+1"]),
        ({"method": "letterbox", "to": "8"}, ["×0.8889 letterbox", "×2 letterbox"]),
        ({"method": "lp-pool", "p": 3}, ["×0.4444 lp-pool", "="]),
    ],
)
def test_actions(plan: Plan, options: dict[str, Any], cells: list[str]) -> None:
    (row,) = plan((9,), (4,), **options).axes
    assert list(row.actions) == cells


@pytest.mark.parametrize(
    ("method", "cells"),
    [
        ("pixel-shuffle", {"H": ("=", "×2 pixel-shuffle"), "C": ("=", "pixel-shuffle → 3")}),
        ("pixel-unshuffle", {"H": ("×0.5 pixel-unshuffle", "="), "C": ("pixel-unshuffle → 12", "=")}),
    ],
)
def test_a_shuffle_is_told_of_both_kinds_of_axes(
    plan: Plan, method: str, cells: dict[str, tuple[str, ...]]
) -> None:
    planned = plan((1, 3, 4, 6), (1, 12, 2, 3), method=method, layout="NCHW")
    told = {row.axis: row.actions for row in planned.axes}
    assert {letter: told[letter] for letter in cells} == cells
    assert planned.summary.startswith(f"{method} to ")
    assert "(torch convention)" in planned.summary
