"""An AxisMap is a value: equal settings make equal maps, whatever built them, also in another process."""

import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from featfuse import CHANNEL_MODES, CONVENTIONS, METHODS, engine
from featfuse.methods.channels import channel_map
from featfuse.methods.conventions import COORDS
from featfuse.methods.settings import AxisSettings
from featfuse.model.axis import AxisMap, Fill, Rule, Taps, broadcast, gather, identity, select
from featfuse.model.change import KEPT
from featfuse.request.table import PAD_MODES
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.map_checks import (
    check_blocks,
    check_indices,
    check_values,
    read_by,
    sums,
)
from tests.support.maps import MAPPED, draw_chain

Settings = Callable[..., AxisSettings]

SIZES = {"strict": (1, 12), "stride": (12, 4), "crop": (12, 7), "transposed-conv": (4, 12)}
"""Sizes that a method reaches, where (7, 12) is not."""

VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *(("pad", {"pad_mode": mode}) for mode in PAD_MODES),
    *(("pad", {"pad_mode": "constant", "pad_value": value}) for value in (-0.0, float("nan"), np.inf)),
    *(("bilinear", {"coords": coords}) for coords in COORDS),
    *(("nearest", {"coords": coords, "nearest_rounding": "ceil"}) for coords in COORDS),
    ("bicubic", {"cubic_a": -0.6, "antialias": True}),
    ("avg-pool", {"pool_size": 2, "pool_stride": 1}),
    ("avg-pool", {"pool_size": 2, "pool_stride": 1, "count_include_pad": False}),
    ("max-pool", {"pool_size": 2, "pool_stride": 1}),
    ("max-pool", {"pool_size": 4, "pool_stride": 1, "pool_padding": (2, 0)}),
    ("max-pool", {"pool_size": 4, "pool_stride": 1, "pool_padding": (0, 2)}),
    ("max-pool", {"pool_size": 2, "pool_stride": 1, "pool_padding": (0, 1), "pool_dilation": 2}),
    ("lp-pool", {"pool_size": 2, "pool_stride": 1}),
    ("lp-pool", {"pool_size": 2, "pool_stride": 1, "ceil_mode": True}),
    *(("letterbox", {"interpolation": name, "anchor": "end"}) for name in ("nearest", "area", "gaussian")),
]
"""Settings beyond the convention that lead to rules of their own."""


def built(axis_settings: Settings, method: str, options: dict[str, Any]) -> tuple[AxisMap, ...]:
    in_size, out_size = (7, 6) if "pool_size" in options else SIZES.get(method, (7, 12))
    return METHODS[method].build()(in_size, out_size, axis_settings(method, in_size, out_size, options))


def check_is_a_value(first: tuple[AxisMap, ...], second: tuple[AxisMap, ...]) -> None:
    assert first == second
    assert hash(first) == hash(second)
    copy = pickle.loads(pickle.dumps(first))
    assert copy == first
    assert hash(copy) == hash(first)
    for ours, theirs in zip(first, copy, strict=True):
        assert ours.indices.tolist() == theirs.indices.tolist()
        assert ours.weights.tobytes() == theirs.weights.tobytes()


def holes(x: np.ndarray) -> Taps:
    return Taps(np.where(x == 1, -1, x)[:, None], np.ones((len(x), 1)))


def zeros_behind(x: np.ndarray, size: int) -> np.ndarray:
    return np.where(x < size, x, -1)


BY_HAND = {
    # what it stands for: a map no method builds today, but that the docstrings of axis.py allow
    "identity": identity(5),
    "identity of nothing": identity(0),
    "broadcast": broadcast(4),
    "backwards": select(5, range(4, -1, -1), KEPT),
    "backwards by two": select(7, range(6, -1, -2), KEPT),
    "weights without a mean": AxisMap(4, 3, Rule(sums), KEPT, weighted=True),
    "a row of absent taps": AxisMap(4, 3, Rule(holes), KEPT, weighted=True),
    "absent taps without weights": gather(4, 6, Rule(zeros_behind, (4,)), KEPT),
    "one sample and an absent tap": gather(1, 2, Rule(zeros_behind, (1,)), KEPT),
}


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("method", MAPPED)
def test_maps_of_equal_settings_are_equal(axis_settings: Settings, method: str, convention: str) -> None:
    maps = [built(axis_settings, method, {"convention": convention}) for _ in range(2)]
    check_is_a_value(maps[0], maps[1])


@pytest.mark.parametrize(("method", "options"), VARIANTS)
def test_so_are_those_of_other_options(axis_settings: Settings, method: str, options: dict[str, Any]) -> None:
    maps = [built(axis_settings, method, options) for _ in range(2)]
    check_is_a_value(maps[0], maps[1])


@pytest.mark.parametrize("mode", [mode for mode in CHANNEL_MODES if mode != "strict"])
def test_channel_maps_are_values_too(mode: str) -> None:
    sizes = (12, 4) if mode in ("truncate", "mean") else (4, 12)
    check_is_a_value((channel_map(*sizes, mode, "one"),), (channel_map(*sizes, mode, "another"),))


def test_every_variant_differs_from_every_other(axis_settings: Settings) -> None:
    """Equal must mean that the same comes out: no setting is left out of the value."""
    seen: dict[tuple[AxisMap, ...], Any] = {}
    for method, options in VARIANTS:
        assert seen.setdefault(built(axis_settings, method, options), options) is options, (method, options)


def test_fills_are_equal_when_they_write_the_same_bits() -> None:
    nan = float("nan")
    assert Fill("constant", 1, 2, nan) == Fill("constant", 1, 2, -float("nan") * -1)
    assert Fill("constant", 1, 2, nan) != Fill("constant", 1, 2, 0.0)
    assert Fill("constant", 1, 2, 0.0) != Fill("constant", 1, 2, -0.0)
    assert Fill("constant", 1, 2) != (1, 2)


def test_other_sizes_are_other_maps() -> None:
    assert identity(4) != identity(5)
    assert broadcast(4) != broadcast(5)
    assert identity(4) != 4


def test_a_map_arrives_in_another_process(axis_settings: Settings) -> None:
    """With another seed of hashes: the hash that is kept must not travel."""
    (sent,) = built(axis_settings, "bicubic", {})
    code = (
        "import pickle, sys; sent = pickle.load(sys.stdin.buffer); same = type(sent)(*sent._settings());"
        "assert {same: 1}[sent] and same == sent; pickle.dump(sent, sys.stdout.buffer)"
    )
    path = ":".join(sys.path)
    back = subprocess.run(
        [sys.executable, "-c", code],
        input=pickle.dumps(sent),
        capture_output=True,
        check=True,
        env={"PYTHONPATH": path, "PYTHONHASHSEED": "7"},
    )
    assert pickle.loads(back.stdout) == sent


@pytest.mark.parametrize(
    "axis_map",
    [
        pytest.param(
            axis_map,
            id=name,
        )
        for name, axis_map in BY_HAND.items()
    ],
)
@settings(max_examples=20)
@given(data=st.data())
def test_maps_by_hand(axis_map: AxisMap, data: st.DataObject) -> None:
    samples = np.arange(1, axis_map.in_size + 1, dtype=np.float32)
    check_indices(axis_map)
    check_values(axis_map, samples, engine.apply(axis_map, samples, 0, 0, slice(0, axis_map.out_size)))
    check_blocks(axis_map, samples[None], 1, data.draw)


def test_maximum_of_half_and_nan(axis_settings: Settings) -> None:
    pool = METHODS["max-pool"].build()(4, 2, axis_settings("max-pool", 4, 2))[0]
    values = np.array([1, np.nan, -np.inf, -3], dtype=np.float16)
    assert np.array_equal(
        engine.apply(pool, values, 0, 0, slice(0, 2)), np.array([np.nan, -3], np.float16), equal_nan=True
    )


@pytest.mark.parametrize("method", MAPPED)
@settings(max_examples=25)
@given(data=st.data())
def test_what_a_long_slice_needs_is_seen_at_its_ends(
    method: str, axis_settings: Settings, data: st.DataObject
) -> None:
    """As if every slice had more taps than are worth listing: all it reads is within, and hardly more."""
    for axis_map in draw_chain(data.draw, method, axis_settings, 60)[0]:
        if not axis_map.out_size:
            continue
        start = data.draw(st.integers(0, axis_map.out_size - 1))
        out = slice(start, data.draw(st.integers(start + 1, axis_map.out_size)))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("featfuse.model.axis._LISTED", -1)
            needed = axis_map._needed(out)
        read = read_by(axis_map, out)
        assert 0 <= needed.start <= min(read, default=0)
        assert max(read, default=-1) < needed.stop <= axis_map.in_size
        if axis_map.wide is not None:
            reach = axis_map.wide.spans(np.array([start])).step * 2 + 6  # taps that weigh nothing
            assert needed.stop - needed.start <= max(read) + 1 - min(read) + reach


@pytest.mark.parametrize(
    ("method", "options"), [("area", {}), ("max-pool", {}), ("bicubic", {"antialias": True})]
)
def test_a_window_of_any_length_is_not_listed(
    method: str, options: dict[str, Any], axis_settings: Settings
) -> None:
    size = 1 << 40
    (axis_map,) = METHODS[method].build()(size, 4, axis_settings(method, size, 4, options))
    assert axis_map.width >= size // 4
    needed = axis_map.needed(slice(1, 3))
    assert needed.start <= size // 4
    assert needed.stop >= size // 4 * 3
    assert axis_map.tap_bytes(slice(0, 1)) > size


def test_what_an_end_hides_is_all_of_the_input(axis_settings: Settings) -> None:
    """A border that mirrors reads more in the middle than at its ends."""
    (axis_map,) = METHODS["pad"].build()(
        1 << 30, 3 << 30, axis_settings("pad", 1 << 30, 3 << 30, {"pad_mode": "reflect"})
    )
    assert axis_map.needed(slice(0, 3 << 30)) == slice(0, 1 << 30)
