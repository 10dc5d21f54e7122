"""Regions of interest: what a resize shows of a map, and beyond it."""

import featfuse
import numpy as np
import pytest

LINE = np.arange(5, dtype=np.float32) * 10


@pytest.mark.parametrize("method", ["bilinear", "nearest", "nearest-exact"])
@pytest.mark.parametrize(
    ("roi", "size", "expected"),
    [
        ("W:0:1", 5, [0, 10, 20, 30, 40]),
        ("W:0.5:1", 3, [20, 30, 40]),
        ("W:1:0", 5, [40, 30, 20, 10, 0]),
        ("W:-0.5:0.5", 5, [-1, -1, 0, 10, 20]),
        ("W:0.75:1.25", 3, [30, 40, -1]),
        ("W:1.25:0.75", 3, [-1, 40, 30]),
        ("W:-1:2", 4, [-1, 0, 40, -1]),
        ("W:2:3", 4, [-1, -1, -1, -1]),
        ("W:-2:-1", 1, [-1]),
        ("W:0.25:0.75", 1, [20]),
    ],
)
def test_samples_and_what_lies_beyond(method: str, roi: str, size: int, expected: list[float]) -> None:
    shown = featfuse.resize(LINE, size, method=method, layout="W", roi=roi, extrapolation_value=-1)
    np.testing.assert_array_equal(shown, np.array(expected, np.float32))


def test_an_axis_that_is_not_named_is_shown_whole() -> None:
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    shown = featfuse.resize(x, (2, 4), method="bilinear", layout="HW", roi={"H": (0.5, 1.0)})
    np.testing.assert_array_equal(shown, x[1:])


def test_a_huge_axis_is_planned_by_arithmetic() -> None:
    report = featfuse.inspect((5,), method="bilinear", layout="W", to=10**12, roi="W:-1:2")
    (row,) = report.axes
    assert row.actions == ("×6.667e+10 bilinear, pad 333333333333+333333333333",)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"roi": "H:0:1"}, 'roi="H"|W'),
        ({"roi": "W"}, "`roi`|not a list by axis"),
        ({"roi": "W:0"}, "`roi`|not a region|H:0.25:0.75"),
        ({"roi": "W:nan:1"}, "`roi`|not a region"),
        ({"roi": "W:0:1", "coords": "asymmetric"}, "`roi`|`coords`"),
        ({"extrapolation_value": 3}, "`extrapolation_value`|`roi`"),
    ],
)
def test_refusals(options: dict[str, object], words: str) -> None:
    with pytest.raises(featfuse.FeatfuseError) as caught:
        featfuse.resize(LINE, 5, method="bilinear", layout="W", **options)  # type: ignore[arg-type]
    for word in words.split("|"):
        assert word in str(caught.value)


def test_a_region_is_of_one_map() -> None:
    with pytest.raises(featfuse.UsageError, match="`roi` takes one input, not 2"):
        featfuse.fuse(LINE, LINE, method="bilinear", to=3, layout="W", roi="W:0:1")
