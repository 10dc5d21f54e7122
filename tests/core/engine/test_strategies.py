"""Every strategy of the engine gives what the plain gather gives, on every map.

The maps are those of the conformance suite, on longer axes. What is weighted may differ by rounding; what
is not must be equal. NaN and infinities come out where the gather has them.
"""

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from featfuse import CHANNEL_MODES, engine
from featfuse.engine import STRATEGIES
from featfuse.engine.blocks import part_along
from featfuse.engine.gather import gather
from featfuse.engine.padding import PADDING
from featfuse.engine.phased import find_phases
from featfuse.engine.strategies import choose
from featfuse.engine.task import Strategy, Task
from featfuse.methods.channels import channel_map
from featfuse.model.axis import RUN, AxisMap, Taps, identity
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from tests.support.amounts import slow_but
from tests.support.maps import MAPPED, Settings, build, draw_chain

Draw = Callable[[Any], Any]

FLOATS = ("float32", "float64")

KEPT = (*FLOATS, "float16", "bfloat16", "uint8", "int16", "int64", "bool")
"""What a map without weights may get; a weighted one gets a type to compute in."""


def expected_of(axis_map: AxisMap, block: np.ndarray, axis: int, origin: int, out: slice) -> np.ndarray:
    """The gather's answer, or numpy.pad's where a border is computed (`block` is then the whole axis)."""
    if axis_map.fill is None:
        return gather(axis_map.taps(out), axis_map.reduce, block, axis, origin)
    fill = axis_map.fill
    words = {"constant": {"constant_values": fill.value}, "linear_ramp": {"end_values": fill.value}}
    widths = [(0, 0)] * block.ndim
    widths[axis] = (fill.before, fill.after)
    padded = np.pad(block, widths, fill.kind, **words.get(fill.kind, {}))
    return part_along(padded, axis, out)


def check_equal(axis_map: AxisMap, result: np.ndarray, expected: np.ndarray, block: np.ndarray) -> None:
    assert result.dtype == block.dtype
    assert result.shape == expected.shape
    computed = axis_map.fill is not None and axis_map.fill.kind != "constant"
    if not axis_map.weighted and not computed:
        wide = np.float32 if block.dtype.kind in "fV" and block.dtype.itemsize == 2 else block.dtype
        np.testing.assert_array_equal(result.astype(wide), expected.astype(wide))  # NumPy knows no bf16 NaN
        return
    if block.dtype.kind in "iu":  # numpy.pad's means and ramps; how these round is test_pad_modes' matter
        np.testing.assert_allclose(result, expected, rtol=0, atol=1)
        return
    size = np.abs(block[np.isfinite(block)]).max(initial=1)
    # tiles whose weights differ by 1e-14, as positions computed in float64 do, share one matrix
    share = max(32 * float(np.finfo(block.dtype).eps), 1e-13)
    np.testing.assert_allclose(result, expected, rtol=0, atol=share * size)


def draw_block(draw: Draw, axis_map: AxisMap, samples: int, axis: int) -> np.ndarray:
    """Random samples, `samples` along `axis`, some of them not finite, in either order in memory."""
    computed = axis_map.fill is not None and axis_map.fill.kind != "constant"
    names = FLOATS if axis_map.weighted else (*FLOATS, "int16") if computed else KEPT
    name = draw(st.sampled_from(names))
    dtype = np.dtype(ml_dtypes.bfloat16 if name == "bfloat16" else name)
    outer, inner = draw(st.sampled_from([1, 2, 9])), draw(st.sampled_from([1, 3, 8, 33]))
    shape = (
        [outer, samples, inner]
        if axis == 1
        else [samples, outer, inner]
        if axis == 0
        else [outer, inner, samples]
    )
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    values = rng.normal(0, 30, size=shape)
    if dtype.kind not in "fV" or computed:
        return (np.abs(values) if dtype.kind == "u" else values).astype(dtype)
    for bad in draw(st.lists(st.sampled_from([np.nan, np.inf, -np.inf]), max_size=3)):
        values[tuple(int(rng.integers(size)) for size in shape)] = bad
    block = values.astype(dtype)
    return np.asfortranarray(block) if draw(st.booleans()) else block


def draw_part(draw: Draw, axis_map: AxisMap) -> tuple[slice, slice]:
    """An output slice, and input samples that hold all it reads: from just those to the whole axis."""
    whole = slice(0, axis_map.in_size)
    if draw(st.booleans()) or (axis_map.fill is not None and axis_map.fill.kind != "constant"):
        start = draw(st.integers(0, axis_map.out_size - 1)) if draw(st.booleans()) else 0
        return slice(start, axis_map.out_size), whole
    start = draw(st.integers(0, axis_map.out_size - 1))
    out = slice(start, draw(st.integers(start + 1, axis_map.out_size)))
    needed = axis_map.needed(out)
    assume(needed.start < needed.stop)
    return out, slice(draw(st.integers(0, needed.start)), draw(st.integers(needed.stop, axis_map.in_size)))


def check_map(axis_map: AxisMap, draw: Draw) -> None:
    """The engine, and each strategy that this map allows, against the gather."""
    assume(axis_map.out_size > 0)
    out, held = draw_part(draw, axis_map)
    axis = draw(st.integers(0, 2))
    whole = draw_block(draw, axis_map, axis_map.in_size, axis)
    block, origin = part_along(whole, axis, held), held.start
    with np.errstate(invalid="ignore"):  # inf - inf
        if axis_map.fill is None:
            expected = expected_of(axis_map, block, axis, origin, out)
        else:
            expected = expected_of(axis_map, whole, axis, 0, out)
        check_equal(axis_map, engine.apply(axis_map, block, axis, origin, out), expected, block)
        task = Task(axis_map, block, axis, origin, out)
        for strategy in STRATEGIES:
            found = strategy.suits(task)
            if found is not None and knows_borders(strategy) >= (axis_map.fill is not None):
                event(strategy.name)
                check_equal(axis_map, strategy.apply(task, found), expected, block)


def knows_borders(strategy: Strategy[Any]) -> bool:
    """What stands before `padding` and itself; the strategies below it are not asked about a border."""
    return STRATEGIES.index(strategy) <= STRATEGIES.index(PADDING)


@pytest.mark.parametrize("method", MAPPED)
@settings(max_examples=15)
@given(data=st.data())
def test_strategies_equal_the_gather(method: str, axis_settings: Settings, data: st.DataObject) -> None:
    most = data.draw(st.sampled_from([6, 40, 200]))
    for axis_map in draw_chain(data.draw, method, axis_settings, most)[0]:
        check_map(axis_map, data.draw)


@pytest.mark.parametrize("mode", [mode for mode in CHANNEL_MODES if mode != "strict"])
@settings(max_examples=15)
@given(data=st.data())
def test_strategies_equal_the_gather_on_channels(mode: str, data: st.DataObject) -> None:
    small, factor = data.draw(st.integers(1, 24)), data.draw(st.integers(1, 9))
    shrinks = mode in ("truncate", "mean")
    sizes = (small * factor, small) if shrinks else (small, small * factor)
    check_map(channel_map(*sizes, mode, "input 1"), data.draw)


TAKEN = [
    # strategy, map, sizes, options
    ("view", "crop", 40, 30, {}),
    ("view", "stride", 64, 22, {}),
    ("runs", "bilinear", 64, 2 * RUN, {}),
    ("runs", "max-pool", 4 * RUN, 2 * RUN, {}),
    ("view", "truncate", 64, 16, {}),
    ("padding", "pad", 30, 40, {}),
    ("padding", "pad", 30, 40, {"pad_mode": "mean"}),
    ("padding", "zero-pad", 16, 64, {}),
    ("phased", "nearest", 64, 128, {}),
    ("phased", "nearest", 16, 128, {}),
    ("phased", "nearest-exact", 64, 192, {}),
    ("phased", "nearest", 128, 64, {}),
    ("phased", "repeat", 64, 128, {}),
    ("phased", "mean", 128, 64, {}),
    ("phased", "max-pool", 128, 64, {}),
    ("phased", "max-pool", 128, 64, {"pool_size": 3, "pool_stride": 2, "pool_padding": 1}),
    ("phased", "avg-pool", 128, 64, {}),
    ("phased", "avg-pool", 128, 64, {"pool_size": 3, "pool_stride": 2, "pool_padding": 1}),
    ("phased", "area", 128, 32, {}),
    ("phased", "pad", 60, 68, {"pad_mode": "reflect"}),
    ("take", "nearest", 64, 91, {}),
    ("take", "tile", 16, 64, {}),
    ("take", "strict", 1, 64, {}),
    ("take", "pad", 10, 68, {"pad_mode": "wrap"}),
    ("banded", "bilinear", 64, 128, {}),
    ("banded", "bilinear", 64, 87, {}),
    ("banded", "bicubic", 128, 64, {"antialias": True}),
    ("banded", "area", 100, 37, {}),
    ("banded", "transposed-conv", 64, 128, {}),
    ("gather", "max-pool", 100, 37, {}),
    ("gather", "max-pool", 128, 1, {}),
    ("gather", "bilinear", 1, 1, {}),
]


@pytest.mark.parametrize("inner", slow_but([1, 3, 8, 33], 1, 33))
@pytest.mark.parametrize(("strategy", "name", "in_size", "out_size", "options"), TAKEN)
def test_the_strategy_for_each_kind_of_map(
    strategy: str,
    name: str,
    in_size: int,
    out_size: int,
    options: dict[str, Any],
    inner: int,
    axis_settings: Settings,
) -> None:
    """By name, so that no strategy is tested only by never being reached."""
    axis_map = build(name, in_size, out_size, options, axis_settings)
    block = np.random.default_rng(0).normal(size=(9, in_size, inner)).astype(np.float32)
    for part in (slice(0, out_size), slice(out_size // 8, out_size)):
        taken, _ = choose(Task(axis_map, block, 1, 0, part))
        small = strategy == "banded" and inner == 3  # too few lines for BLAS to be worth its call
        assert taken.name == ("gather" if small else strategy)
        result = engine.apply(axis_map, block, 1, 0, part)
        check_equal(axis_map, result, expected_of(axis_map, block, 1, 0, part), block)
    if strategy not in ("view", "padding", "runs"):
        assert (find_phases(axis_map, 0, out_size) is not None) == (strategy == "phased")


def test_every_strategy_is_taken_by_some_map() -> None:
    assert {strategy for strategy, *_ in TAKEN} == {strategy.name for strategy in STRATEGIES}


def test_nothing_is_worked_out_twice(axis_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The taps of a long slice are too many to keep: whoever asks for them gets the same."""
    axis_map = build("bicubic", 7 * RUN, RUN, {"antialias": True}, axis_settings)
    asked: list[slice] = []
    taps = AxisMap.taps

    def watched(self: AxisMap, out: slice) -> Taps:
        asked.append(out)
        return taps(self, out)

    monkeypatch.setattr(AxisMap, "taps", watched)
    block = np.zeros((2, 7 * RUN), dtype=np.int32)  # of a type that BLAS does not know
    assert choose(Task(axis_map, block, 1, 0, slice(0, RUN)))[0].name == "gather"
    assert asked.count(slice(0, RUN)) == 2, "once to look for phases, which are kept, once for all others"


@pytest.mark.parametrize("name", ["nearest", "bilinear", "max-pool", "stride"])
def test_a_long_axis_is_done_in_runs(name: str, axis_settings: Settings) -> None:
    """More positions than the taps are computed for at a time."""
    out_size = 2 * RUN + 77
    in_size = 3 * out_size if name in ("max-pool", "stride") else RUN - 5
    axis_map = build(name, in_size, out_size, {}, axis_settings)
    block = np.random.default_rng(1).normal(size=(2, in_size, 3)).astype(np.float32)
    out = slice(5, out_size)
    check_equal(
        axis_map, engine.apply(axis_map, block, 1, 0, out), expected_of(axis_map, block, 1, 0, out), block
    )


@pytest.mark.parametrize("inner", [1, 8])
def test_no_output_positions(inner: int) -> None:
    block = np.zeros((2, 5, inner), dtype=np.float32)
    assert engine.apply(identity(5), block, 1, 0, slice(3, 3)).shape == (2, 0, inner)
