"""How methods relate to one another, and that a run in blocks equals a run in one."""

from collections.abc import Callable
from typing import Any

import featfuse
import numpy as np
import pytest
from featfuse import METHODS, ShapeError, engine
from featfuse.methods.settings import AxisSettings
from featfuse.model.change import resized

from tests.support.amounts import slow_but
from tests.support.maps import MAPPED

Settings = Callable[..., AxisSettings]


@pytest.mark.parametrize(
    "method",
    [
        pytest.param(
            name,
        )
        for name in MAPPED
    ],
)
def test_an_empty_slice_reads_nothing_and_gives_nothing(axis_settings: Settings, method: str) -> None:
    for axis_map in METHODS[method].build()(6, 6, axis_settings(method, 6, 6)):
        for place in (0, 3, 6):
            out = slice(place, place)
            assert axis_map.needed(out) == slice(0, 0)
            assert engine.apply(axis_map, np.ones((2, 0), np.float32), 1, 0, out).shape == (2, 0)


# ------------------------------------------------------------------- relations between the methods


@pytest.mark.parametrize("method", [name for name in MAPPED if name != "letterbox"])
@pytest.mark.parametrize("size", [1, 2, 7])
def test_same_size_changes_nothing(axis_settings: Settings, method: str, size: int) -> None:
    """Every method leaves a map of the right size alone, except those whose row says that it smooths."""
    values = np.random.default_rng(size).normal(size=size)
    result = values
    for axis_map in METHODS[method].build()(size, size, axis_settings(method, size, size)):
        result = engine.apply(axis_map, result, 0, 0, slice(0, size))
    unchanged = np.allclose(result, values, rtol=0, atol=1e-12)
    assert unchanged == (size == 1 or not METHODS[method].smooths)


@pytest.mark.parametrize(
    ("method", "in_size", "out_size"),
    [
        ("strict", 3, 4),
        ("crop", 3, 4),
        ("pad", 4, 3),
        ("stride", 7, 5),
        ("stride", 3, 6),
        ("transposed-conv", 4, 6),
        ("transposed-conv", 4, 2),
    ],
)
def test_unreachable_sizes_are_refused(
    axis_settings: Settings, method: str, in_size: int, out_size: int
) -> None:
    with pytest.raises(ShapeError) as caught:
        METHODS[method].build()(in_size, out_size, axis_settings(method, in_size, out_size))
    for word in ("input 1", "axis W", method, str(in_size), str(out_size)):
        assert word in caught.value.message
    assert caught.value.hint


# -------------------------------------------------------------------------- the same, from outside

RUNS: dict[str, tuple[tuple[int, int], dict[str, Any]]] = {
    # method: (target of a map of 31 x 22, options). Others are brought to 53 x 13.
    "strict": ((31, 22), {}),
    "stride": ((16, 8), {}),
    "transposed-conv": ((62, 44), {}),
    "crop": ((17, 20), {}),
    "pad": ((99, 41), {"pad_mode": "reflect"}),
    "max-pool": ((16, 12), {"pool_size": "3", "pool_stride": "2", "pool_padding": "1", "ceil_mode": True}),
}


@pytest.mark.parametrize("method", MAPPED)
@pytest.mark.parametrize("dtype", slow_but(["float32", "uint8"], "float32"))
def test_blockwise_equals_whole(method: str, dtype: str) -> None:
    """A budget that forces many windows gives the same values, bit for bit where samples are only moved or
    compared; where matrices are multiplied, BLAS rounds by their shapes, and the last bit may differ."""
    grid, options = RUNS.get(method, ((53, 13), {}))
    x = (np.random.default_rng(1).normal(size=(2, 3, 31, 22)) * 50 + 100).astype(dtype)
    given_ = {"method": method, "layout": "NCHW", **options}
    target = {} if method == "strict" else {"to": grid}
    whole = featfuse.fuse(x, threads=1, **given_, **target)
    assert whole.shape == (2, 3, *grid)
    for memory, threads in (("12K", 1), ("40K", 2), ("64K", 3), ("200K", 4)):
        pieces = featfuse.fuse(x, memory=memory, threads=threads, **given_, **target)
        assert pieces.dtype == whole.dtype
        if METHODS[method].weighted:
            np.testing.assert_allclose(pieces, whole, rtol=0, atol=1e-6 * np.abs(whole).max())
        else:
            assert pieces.tobytes() == whole.tobytes()
        alone = featfuse.fuse(x, memory=memory, threads=1, **given_, **target)
        assert pieces.tobytes() == alone.tobytes()


@pytest.mark.parametrize("method", ["bilinear", "bicubic", "area"])
def test_usual_budgets_change_no_byte(method: str) -> None:
    """From 48M on the windows are the same, and so is every bit."""
    x = np.random.default_rng(2).normal(size=(3, 40, 61, 67)).astype(np.float32)
    call = {"method": method, "layout": "NCHW", "to": (97, 83)}
    results = {
        featfuse.fuse(x, memory=memory, threads=threads, **call).tobytes()
        for memory, threads in (("48M", 1), ("64M", 2), ("4G", 3))
    }
    assert len(results) == 1


@pytest.mark.parametrize(
    "method",
    [
        pytest.param(
            name,
        )
        for name in MAPPED
    ],
)
def test_infinities_pass_without_a_warning(method: str) -> None:
    """NaN and inf pass through by the arithmetic; NumPy's own warnings are not for users."""
    grid, options = RUNS.get(method, ((53, 13), {}))
    x = np.ones((31, 22), dtype=np.float32)
    x[3, 3], x[3, 4], x[9, 9], x[-1, -1] = np.inf, np.inf, np.nan, -np.inf
    target = {} if method == "strict" else {"to": grid}
    result = featfuse.fuse(x, method=method, layout="HW", threads=1, **options, **target)
    assert not np.isfinite(result).all()
    assert np.isfinite(result).any()


def test_a_kernel_of_another_radius_is_one_row(axis_settings: Settings) -> None:
    """lanczos4, which no table has: between lanczos3 and lanczos5, and a mean like these."""
    row = METHODS["lanczos3"]._replace(name="lanczos4", kernel=("lanczos", 4))
    (axis_map,) = row.build()(40, 80, axis_settings("lanczos3", 40, 80)._replace(method=row.name))
    taps = [METHODS[name].build()(40, 80, axis_settings(name, 40, 80))[0].indices for name in NEIGHBOURS]
    assert [each.shape[1] for each in (taps[0], axis_map.indices, taps[1])] == [6, 8, 10]
    assert np.allclose(axis_map.weights.sum(axis=1), 1, rtol=0, atol=1e-12)
    assert axis_map.change == resized(40, 80, "lanczos4")


NEIGHBOURS = ("lanczos3", "lanczos5")
