"""Sizes by a factor: --scale and --keep-aspect."""

from typing import Any

import featfuse
import numpy as np
import pytest

A, B, GATE = (1, 4, 60, 64), (1, 4, 30, 32), (1, 4, 1, 1)


def grid(*shapes: tuple[int, ...], **options: Any) -> tuple[int, ...]:
    report = featfuse.inspect(*shapes, **{"method": "bilinear", "layout": "NCHW", **options})
    assert report.output is not None, report.conflicts
    return report.output.shape[2:]


@pytest.mark.parametrize(
    ("scale", "expected"),
    [("2", (120, 128)), (0.5, (30, 32)), ("1.37x2", (82, 128)), ("H:2", (120, 64)), ((1.0, 0.26), (60, 16))],
)
def test_the_size_is_rounded_down(scale: Any, expected: tuple[int, ...]) -> None:
    assert grid(A, scale=scale) == expected


@pytest.mark.parametrize(
    ("shapes", "scale", "expected"),
    [
        ((A, B), 2, (60, 64)),  # the smaller comes to the larger
        ((A, B), 0.5, (30, 32)),  # the larger to the smaller
        ((B, B), 2, (60, 64)),  # both
        ((A, GATE), 2, (120, 128)),  # one sample broadcasts
        ((B, (1, 4, 60, 32)), "2x1", (60, 32)),
    ],
)
def test_inputs_meet(shapes: Any, scale: Any, expected: tuple[int, ...]) -> None:
    assert grid(*shapes, scale=scale) == expected


@pytest.mark.parametrize(
    ("shapes", "options", "words"),
    [
        ((A, B), {"scale": 3}, 'scale="3"|do not meet|60x64 → 180x192|30x32 → 90x96|`to`'),
        ((A,), {"scale": 0.01}, 'scale="0.01"|axis H from 60 to 0'),
        ((A,), {"scale": "2x2x2"}, 'scale="2x2x2"|3 factors for 2 spatial axes'),
        ((A,), {"scale": "D:2"}, 'scale="D:2"|no spatial axis D'),
        ((A,), {"scale": "0"}, "`scale`|not a factor"),
        ((A,), {"scale": "big"}, "`scale`|not a factor"),
        ((A,), {"scale": 2, "to": "3x3"}, "`scale` and `to` exclude each other"),
        ((A,), {"scale": 2, "method": "crop"}, '`scale` is not used by method="crop"'),
        ((A,), {"scale": 2, "keep_aspect": "not-larger"}, "`keep_aspect` needs a target"),
        ((A,), {"to": "D:4"}, 'to="D:4"|no spatial axis D|H W'),
        ((A, B), {"to": "H:4"}, "axis W|64|32"),
        ((A, B), {"scale": 2, "fold": "coarse-to-fine"}, "`scale` is not used by fold="),
        ((A, (1, 4, 32, 64)), {"to": "30x30", "keep_aspect": "not-larger"}, "do not meet|28x30|15x30"),
        ((A,), {"recompute_scale_factor": True, "to": "3x3"}, "`recompute_scale_factor` needs `scale`"),
    ],
)
def test_refusals(shapes: Any, options: dict[str, Any], words: str) -> None:
    arrays = [np.zeros(shape, np.float32) for shape in shapes]
    with pytest.raises(featfuse.FeatfuseError) as caught:
        featfuse.fuse(*arrays, **{"method": "bilinear", "layout": "NCHW", **options})
    assert caught.value.hint
    for word in words.split("|"):
        assert word in str(caught.value)


@pytest.mark.parametrize("text", ["x2", "2x", "×2"])
def test_a_factor_given_as_a_size_is_told(text: str) -> None:
    with pytest.raises(featfuse.UsageError, match="Use scale=2"):
        grid(A, to=text)


def test_a_percentage_given_as_a_size_is_told() -> None:
    with pytest.raises(featfuse.UsageError, match=r"Use scale=0\.5"):
        grid(A, to="50%")


@pytest.mark.parametrize(
    ("to", "rule", "expected"),
    [
        ("40x80", "not-larger", (40, 43)),
        ("40x80", "not-smaller", (75, 80)),
        ("40x80", "stretch", (40, 80)),
        ("H:40", "not-larger", (40, 64)),
    ],
)
def test_keep_aspect(to: str, rule: str, expected: tuple[int, ...]) -> None:
    assert grid(A, to=to, keep_aspect=rule) == expected


@pytest.mark.parametrize("rule", ["not-larger", "not-smaller"])
def test_keep_aspect_where_no_axis_has_a_name(rule: str) -> None:
    report = featfuse.inspect((1, 4, 4, 3), method="bicubic", to="largest", keep_aspect=rule)
    assert report.output is not None
    assert report.output.shape == (1, 4, 4, 3)


def test_the_coordinates_go_by_the_scale_or_by_the_sizes() -> None:
    x = np.arange(5, dtype=np.float32)
    by_scale = featfuse.resize(x, None, scale=1.5, layout="W")
    np.testing.assert_allclose(by_scale, [0, 0.5, 7 / 6, 11 / 6, 2.5, 19 / 6, 23 / 6], rtol=1e-6)
    by_sizes = featfuse.resize(x, None, scale=1.5, recompute_scale_factor=True, layout="W")
    np.testing.assert_array_equal(by_sizes, featfuse.resize(x, 7, layout="W"))


def test_a_scale_that_keeps_the_size_moves_samples_but_in_torch() -> None:
    x = np.array([0, 1], np.float32)
    moved = featfuse.resize(x, None, scale=1.3, layout="W", convention="onnx")
    np.testing.assert_allclose(moved, [0, 0.65384614], rtol=1e-6)
    np.testing.assert_array_equal(featfuse.resize(x, None, scale=1.3, layout="W"), x)


def test_the_report_tells_the_scale() -> None:
    report = featfuse.inspect(A, B, method="bilinear", scale=2, layout="NCHW")
    assert report.pipeline["scale"] == (2.0,)
    assert report.pipeline["grid"] == [60, 64]
