"""Options: each is used or refused, and every mistake is answered with the way out."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from featfuse import METHODS, UsageError
from featfuse.request.combining import REDUCES
from featfuse.request.options import Options
from featfuse.request.table import OPTIONS
from featfuse.wording import flag

Plan = Callable[..., Any]

USAGE = [
    # why: how many inputs, options, words of the error
    ("unknown option", 2, {"methd": "pad"}, "methd|method"),
    ("unknown method", 2, {"method": "bilnear"}, "bilnear|Did you mean bilinear"),
    ("unknown target", 2, {"method": "pad", "to": "largst"}, "--to|largst|largest"),
    ("not a size", 2, {"method": "pad", "to": "4x-1"}, "--to|4x-1|whole numbers"),
    ("size 0", 2, {"method": "pad", "to": "0x4"}, "--to|0x4|at least 1"),
    ("too many sizes", 2, {"method": "pad", "to": "4x4x4"}, "--to|4x4x4|2 spatial axes|H W"),
    ("strict to", 2, {"to": "4x4"}, "--to|--method"),
    ("strict like", 2, {"like": (4, 4)}, "--like|--method"),
    ("to and like", 2, {"method": "pad", "to": "4x4", "like": (4, 4)}, "--to|--like|exclude"),
    ("one input, no target", 1, {"method": "pad"}, "pad|single input|--to"),
    ("sub of one", 1, {"combine": "sub"}, "sub|exactly 2|1"),
    ("sub of three", 3, {"combine": "sub"}, "sub|exactly 2|3"),
    ("too few weights", 3, {"weights": "1,2"}, "--weights|2 weights|3 inputs"),
    ("companion of a mask", 2, {"mask_invert": True}, "--mask-invert|--mask"),
    ("companion of a token grid", 2, {"skip_tokens": 1}, "--skip-tokens|--grid"),
    ("weights of a mean add up to 0", 2, {"weights": "1,-1", "combine": "mean"}, "--weights|0"),
    ("channels of a concat", 2, {"channels": "tile", "combine": "concat"}, "--channels|concat"),
    ("offset that is none", 2, {"method": "pad", "offset": "3"}, "--offset|H:3"),
    ("dtype", 1, {"dtype": "float31"}, "float31|float32"),
    (
        "pool geometry without a size",
        2,
        {"method": "max-pool", "pool_stride": "2"},
        "--pool-stride|--pool-size",
    ),
    ("pool sizes", 2, {"method": "max-pool", "pool_size": "2x2x2"}, "--pool-size|3 sizes|2 spatial"),
    ("pool size 0", 2, {"method": "max-pool", "pool_size": "0"}, "--pool-size|at least 1"),
    (
        "value of a mode without one",
        2,
        {"method": "pad", "pad_mode": "edge", "pad_value": 1.0},
        "--pad-value|edge",
    ),
]


@pytest.mark.parametrize(
    ("count", "options", "words"), [row[1:] for row in USAGE], ids=[row[0] for row in USAGE]
)
def test_usage(plan: Plan, count: int, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan(*[(4 + k, 4 + k) for k in range(count)], **options)
    assert caught.value.hint
    for word in words.split("|"):
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"to": "²x3"},
        {"offset": "H:²"},
        {"offset": "H:--3"},
        pytest.param(
            {"offset": {"H": "x"}},
        ),
    ],
    ids=str,
)
def test_odd_numbers_are_refused(plan: Plan, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        plan((4, 4), (5, 5), method="pad", **options)


METHOD_OPTIONS = {name for row in METHODS.values() for name in row.options}

SAMPLE: Mapping[str, object] = {
    "scale": "2",
    "recompute_scale_factor": True,
    "keep_aspect": "not-larger",
    "roi": "H:0:1",
    "extrapolation_value": 1.0,
    "convention": "onnx",
    "coords": "align-corners",
    "antialias": True,
    "edge": "clamp",
    "cubic_a": -0.5,
    "nearest_rounding": "ceil",
    "pad_mode": "reflect",
    "pad_value": 2.0,
    "anchor": "end",
    "odd": "ceil",
    "offset": "H:1",
    "interpolation": "nearest",
    "pool_size": "2",
    "pool_stride": "2",
    "pool_padding": "1+2",
    "pool_dilation": "2",
    "p": 3.0,
    "ceil_mode": True,
    "count_include_pad": False,
    "kernel": "w.npy",
    "bias": "b.npy",
    "kernel_layout": "IOHW",
    "stride": "2",
    "padding": "same",
    "output_padding": "1",
    "dilation": "2",
    "groups": 2,
}
"""A value of every option that belongs to methods."""

LETTERBOX = {"cubic_a": "bicubic", "nearest_rounding": "nearest"}
"""The interpolation that reads an option which only one of them knows."""


def test_every_method_option_has_a_sample() -> None:
    assert set(SAMPLE) == METHOD_OPTIONS


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", sorted(METHOD_OPTIONS))
def test_an_option_is_used_or_refused(method: str, name: str) -> None:
    given: dict[str, Any] = {"method": method, name: SAMPLE[name]}
    if name in METHODS[method].options:
        company = {"transposed-conv": {"kernel": "w.npy"}, "max-pool": {"pool_size": "2"}}
        company |= dict.fromkeys(("avg-pool", "lp-pool"), company["max-pool"])
        if method == "letterbox":
            company["letterbox"] = {"interpolation": LETTERBOX.get(name, "bilinear")}
        beside = {"recompute_scale_factor": {"scale": "2"}, "extrapolation_value": {"roi": "H:0:1"}}
        options = Options.resolve({**company.get(method, {}), **beside.get(name, {}), **given})  # type: ignore[arg-type]
        assert getattr(options, name) is not None
        return
    with pytest.raises(UsageError) as caught:
        Options.resolve(given)  # type: ignore[arg-type]
    assert f"{flag(name)} is not used by --method {method}" in caught.value.message
    for row in METHODS.values():
        assert (f"--method {row.name}" in re.split(r"[,.:] ?", caught.value.hint)) == (name in row.options)


@pytest.mark.parametrize(
    ("name", "choice"), [(name, choice) for name, row in OPTIONS.items() for choice in row.chosen_from]
)
def test_choices_parse_and_near_misses_are_named(name: str, choice: str) -> None:
    method = next((row.name for row in METHODS.values() if name in row.options), "strict")
    given: dict[str, Any] = {"method": method} | {name: choice}
    if name == "mask_mode":
        given["mask"] = "auto"
    if name == "reduce" and "out_channels" in REDUCES[choice].needs:
        given["out_channels"] = 2
    assert getattr(Options.resolve(given), name) == choice  # type: ignore[arg-type]
    with pytest.raises(UsageError) as caught:
        Options.resolve({**given, name: choice + "q"})  # type: ignore[typeddict-item]
    assert f"{choice}q" in caught.value.message
    assert "Did you mean" in caught.value.hint or choice in caught.value.hint
