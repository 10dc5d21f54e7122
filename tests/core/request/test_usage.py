"""Every option that is given is read by something, or refused."""

from collections.abc import Mapping
from typing import Any

import pytest
from featfuse import CONVENTIONS, METHODS, REDUCES, UsageError
from featfuse.request import kinds
from featfuse.request.options import Options
from featfuse.request.table import OPTIONS
from featfuse.request.usage import LISTED

rows = pytest.mark.parametrize("row", OPTIONS.values(), ids=OPTIONS)

VALUES: Mapping[object, object] = {
    kinds.TEXT: "NHWC",
    kinds.DTYPE: "float64",
    kinds.NUMBER: -0.5,
    kinds.WHOLE: 2,
    kinds.SWITCH: True,
    kinds.TARGET: "3x4",
    kinds.GRIDS: "3x4",
    kinds.COUNTS: "2",
    kinds.SIZES: "3x4",
    kinds.BORDER: "0x1",
    kinds.PADDING: "same",
    kinds.SIDES: "1+2x0",
    kinds.OFFSET: "H:3,W:-1",
    kinds.SCALE: "1.5x2",
    kinds.REGION: "H:0.25:0.75,W:1:0",
    kinds.SOURCE: "w.npy",
    kinds.MASK: "auto",
    kinds.WEIGHTS: "1,0.5",
    kinds.PROJECTIONS: ["1=w.npy", "2=k.npy,b.npy"],
}
"""A value of every kind, as the command line gives it."""


def value_of(name: str) -> Any:
    row = OPTIONS[name]
    if row.above is not None:
        return row.above + 1.5
    return row.chosen_from[-1] if row.choices else VALUES[row.kind]


# ---------------------------------------------------------------------------------- what makes an option used

BESIDE: Mapping[str, dict[str, Any]] = {
    "mask_invert": {"mask": "auto"},
    "mask_mode": {"mask": "auto"},
    "skip_tokens": {"grid": "3x4"},
    "seed": {"out_channels": 2},
}


def company(name: str) -> dict[str, Any]:
    """Options beside which `name` is read."""
    given = dict(BESIDE.get(name, {}))
    for row in REDUCES.values():
        if name in row.options:
            given |= {"reduce": row.name} | ({"kernel": "w.npy"} if name in ("bias", "kernel_layout") else {})
    listing = [row.name for row in METHODS.values() if name in row.options]
    if listing and "reduce" not in given:
        given["method"] = listing[0]
    if name in ("to", "like"):
        given["method"] = "bilinear"
    for condition in OPTIONS[name].when:
        if condition.wanted and condition.values is None:
            given[condition.other] = value_of(condition.other)
    return given


@rows
def test_an_option_is_read_in_its_company(row) -> None:
    given = {**company(row.name), row.name: value_of(row.name)}
    if row.name == "reduce":
        given["out_channels"] = 2  # the last of the table is pca
    options = Options.resolve(given)  # type: ignore[arg-type]
    assert getattr(options, row.name) not in (None, ())


@pytest.mark.parametrize(
    ("method", "known"),
    [
        ("lp-pool", "torch, onnx"),
        ("pixel-shuffle", "torch, tf, onnx"),
        ("pixel-unshuffle", "torch, tf, onnx"),
    ],
)
def test_a_framework_without_the_method_is_refused(method: str, known: str) -> None:
    for name in CONVENTIONS:
        given: dict[str, Any] = {"method": method, "convention": name}
        if name in known.split(", "):
            assert Options.resolve(given).convention == name  # type: ignore[arg-type]
            continue
        with pytest.raises(UsageError, match=f"--convention {name} has no {method}") as caught:
            Options.resolve(given)  # type: ignore[arg-type]
        assert caught.value.hint == f"Choose one of: {known}."


def test_same_padding_has_no_ceil_mode() -> None:
    given: dict[str, Any] = {"method": "max-pool", "pool_size": 2, "pool_padding": "same"}
    with pytest.raises(UsageError, match="--ceil-mode is not used by --pool-padding same"):
        Options.resolve({**given, "ceil_mode": True})  # type: ignore[typeddict-item]


CONDITIONAL = [name for name, row in OPTIONS.items() if row.when or name in LISTED]


@pytest.mark.parametrize("name", CONDITIONAL)
def test_an_option_that_nothing_reads_is_refused(name: str) -> None:
    """Each one whose row, or a method's or a reduction's, says when it is used."""
    given: dict[str, Any] = {name: value_of(name)}
    if name == "weights":
        given["combine"] = "max"
    with pytest.raises(UsageError) as caught:
        Options.resolve(given)  # type: ignore[arg-type]
    assert OPTIONS[name].flag in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("name", "condition"), [(name, it) for name, row in OPTIONS.items() for it in row.when], ids=str
)
def test_each_condition_refuses(name: str, condition: Any) -> None:
    """In good company but for the one thing that the condition asks for."""
    given = {**company(name), name: value_of(name)}
    other = OPTIONS[condition.other]
    if condition.values is None:
        given.pop(condition.other, None)
        given |= {} if condition.wanted else {condition.other: value_of(condition.other)}
        if given.get("reduce") == "conv1x1":  # which needs the one or the other
            given.pop("out_channels", None)
            given |= {} if "kernel" in given else {"out_channels": 2}
    else:
        words = [word for word in other.chosen_from or ("same",) if (word in condition.values) is False]
        given[condition.other] = words[-1] if condition.wanted else condition.values[0]
    with pytest.raises(UsageError) as caught:
        Options.resolve(given)  # type: ignore[arg-type]
    assert OPTIONS[name].flag in caught.value.message
