"""What a review and a first user found wrong, each once."""

import json
from pathlib import Path
from typing import Any

import featfuse
import numpy as np
import pytest
from featfuse import FeatfuseError, RunError, ShapeError, UsageError

RNG = np.random.default_rng(0)


def normal(*shape: int) -> Any:
    return RNG.normal(size=shape).astype(np.float32)


def test_a_mask_of_the_concatenation_has_a_channel_for_each_of_its_channels() -> None:
    a, b, mask = normal(3, 8, 8), normal(2, 4, 4), np.zeros((5, 8, 8), np.float32)
    mask[3:] = 1
    call = {"method": "nearest", "combine": "concat", "layout": "CHW"}
    plain = featfuse.fuse(a, b, **call)
    np.testing.assert_array_equal(featfuse.fuse(a, b, mask=mask, **call)[3:], plain[3:])
    assert not featfuse.fuse(a, b, mask=mask, mask_invert=True, **call)[3:].any()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"combine": "concat", "reduce": "sum", "dtype": "int32"}, 400),
        ({"reduce": "gap"}, 400),
        ({"reduce": "conv1x1", "kernel": np.ones((1, 3), np.float32)}, 1200),
    ],
)
def test_sums_of_integers_need_not_fit_the_inputs_type_when_more_follows(
    options: dict[str, Any], expected: float
) -> None:
    x = np.full((1, 4, 4, 3), 200, np.uint8)
    assert (featfuse.fuse(x, x, layout="NHWC", **options) == expected).all()


def test_mixed_integers_are_joined_in_the_wide_type_asked_for() -> None:
    out = featfuse.fuse(np.array([2**63], "u8"), np.array([-1], "i8"), combine="stack", dtype="float64")
    assert out.ravel().tolist() == [2.0**63, -1.0]


def test_a_fold_counts_each_level_once(tmp_path: Path) -> None:
    maps = [np.full((1, 1, size, size), 100, np.int8) for size in (2, 4, 8)]
    report = featfuse.fuse(
        *maps,
        method="nearest",
        fold="coarse-to-fine",
        layout="NCHW",
        on_overflow="saturate",
        out=tmp_path / "levels.npz",
    )
    assert report.warnings == ("80 of 84 values did not fit int8 and were clipped",)
    out = featfuse.fuse(*maps, method="nearest", fold="coarse-to-fine", layout="NCHW", dtype="int16")
    assert (out == 300).all()


def test_a_pad_value_must_fit_the_type_padding_is_done_in() -> None:
    with pytest.raises(UsageError, match="float16"):
        featfuse.fuse(normal(4, 4).astype("f2"), method="pad", to="6x6", pad_value=1e6)
    image = np.full((1, 4, 4, 1), 7, np.uint8)
    out = featfuse.fuse(image, method="letterbox", to="4x6", pad_value=0.5, layout="NHWC")
    assert out[0, 0, 0, 0] == 0.5


def test_the_report_is_json_also_for_infinite_options() -> None:
    report = featfuse.inspect((4, 4), method="pad", to="6x6", pad_value=-np.inf)
    assert json.loads(report.to_json())["pipeline"]["pad_value"] == "-inf"


@pytest.mark.parametrize("out_size", [22, 46])
@pytest.mark.parametrize("in_size", [14, 26])
def test_a_default_that_is_spelt_out_changes_nothing(in_size: int, out_size: int) -> None:
    x = np.arange(in_size, dtype=np.float32)
    given = featfuse.resize(x, out_size, method="nearest", nearest_rounding="floor", coords="asymmetric")
    np.testing.assert_array_equal(given, featfuse.resize(x, out_size, method="nearest"))


def test_channels_of_number_zero_are_an_error_with_words() -> None:
    with pytest.raises(ShapeError):
        featfuse.fuse(np.zeros((1, 4, 4, 0), np.float32), normal(1, 8, 8, 3))
    with pytest.raises(ShapeError):
        featfuse.fuse(np.zeros((1, 0, 4, 4)), normal(1, 3, 4, 4), channels="tile", layout="NCHW")


def test_suggestions_keep_projections(tmp_path: Path) -> None:
    np.save(tmp_path / "k.npy", normal(4, 3))
    for project in (f"1={tmp_path / 'k.npy'}", {1: normal(4, 3)}):
        report = featfuse.inspect((1, 3, 8, 8), (1, 4, 4, 4), project=project, layout="NCHW")
        assert report.problem
        assert all("--project 1=" in suggestion.command for suggestion in report.suggestions)
        assert report.suggestions


def test_weights_per_position_must_broadcast() -> None:
    with pytest.raises(ShapeError, match="axis N"):
        featfuse.fuse(*[normal(3, 4, 8, 8)] * 2, combine="softmax", weights=normal(2, 2, 8, 8), layout="NCHW")


def test_sizes_of_any_magnitude_are_compared() -> None:
    assert featfuse.inspect((25 * 10**9, 1, 1, 1), (1, 1, 1, 25 * 10**9)).compatibility == "broadcast"
    for target in ("99999999999999999999x4", (10**14, 10**14)):
        with pytest.raises(FeatfuseError):
            featfuse.fuse(normal(4, 4), method="nearest", to=target)


def test_a_sidecar_is_not_overwritten(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", normal(2))
    (tmp_path / "b.npy.json").write_text("mine")
    with pytest.raises(RunError, match=r"b\.npy\.json"):
        featfuse.fuse(tmp_path / "a.npy", out=tmp_path / "b.npy", sidecar=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npy", "b.npy.json"]


def test_keras_beside_torch_is_offered_as_a_list_of_layouts() -> None:
    report = featfuse.inspect((1, 28, 28, 48), (1, 48, 14, 14), method="bilinear")
    assert "--layout NHWC,NCHW" in str(report.problem)
    assert report.suggestions[0].output_shape == (1, 28, 28, 48)


def test_a_long_axis_is_planned_without_looking_at_every_tap() -> None:
    x = np.zeros(400_000, np.float32)
    assert featfuse.fuse(x, method="lanczos5", to=300_000, memory="8M").shape == (300_000,)
    assert featfuse.fuse(x, method="max-pool", to=3).shape == (3,)


def test_a_dry_run_does_not_mind_what_is_there(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", normal(2))
    before = (tmp_path / "a.npy").read_bytes()
    featfuse.fuse(tmp_path / "a.npy", out=tmp_path / "a.npy", dry_run=True)
    assert (tmp_path / "a.npy").read_bytes() == before


@pytest.mark.parametrize("coords", ["align-corners", "asymmetric", "pytorch-half-pixel"])
def test_the_gaussian_lies_where_the_coordinates_say(coords: str) -> None:
    """TensorFlow's rounding, which knows half-pixel centres only, cut it elsewhere: to NaN at worst."""
    weights = featfuse.fuse(np.eye(8), method="gaussian", coords=coords, to=1, layout="CW")[:, 0]
    kernel = np.exp(-2.0 * np.arange(8) ** 2) * (np.arange(8) < 1.5)  # around sample 0
    np.testing.assert_allclose(weights, kernel / kernel.sum(), atol=1e-12)


def test_channels_are_matched_after_maxima_and_borders() -> None:
    """As the report says, and in every layout: the mean of maxima is not the maximum of means."""
    big, small = normal(1, 4, 6, 6), np.zeros((1, 2, 3, 3), np.float32)
    pooled = big.reshape(1, 2, 2, 3, 2, 3, 2).max(axis=(4, 6)).mean(axis=2)
    padded = np.pad(small, [(0, 0), (0, 0), (0, 3), (0, 3)], constant_values=2.0)
    grown = np.concatenate([padded, np.zeros_like(padded)], axis=1)
    for layout, axes in (("NCHW", (0, 1, 2, 3)), ("NHWC", (0, 2, 3, 1))):
        maps = [np.ascontiguousarray(each.transpose(axes)) for each in (big, small)]
        result = featfuse.fuse(*maps, method="max-pool", channels="mean", layout=layout)
        np.testing.assert_allclose(result, pooled.transpose(axes), atol=1e-6)
        options = {"method": "pad", "channels": "zero-pad", "pad_value": 2.0, "anchor": "start"}
        result = featfuse.fuse(*maps, layout=layout, **options)
        np.testing.assert_allclose(result, (big + grown).transpose(axes), atol=1e-6)


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest", "area"])
def test_a_window_that_lies_in_the_border_reads_nothing(interpolation: str) -> None:
    options = {"method": "letterbox", "interpolation": interpolation, "to": (40, 40, 40), "layout": "DHW"}
    x = normal(10, 10, 20)
    whole = featfuse.fuse(x, **options)
    np.testing.assert_allclose(featfuse.fuse(x, **options, memory="16K"), whole, atol=1e-6)
