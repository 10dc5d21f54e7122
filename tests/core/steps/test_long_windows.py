"""Windows that --memory cannot hold, and axes of any length: values, the budget, and what planning takes."""

import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import featfuse
import numpy as np
import pytest
from featfuse import METHODS
from featfuse.model.tensor import Array
from featfuse.process.limits import Limits
from featfuse.steps.base import Run, Step
from featfuse.steps.execute import execute
from featfuse.steps.long_windows import LongWindows
from featfuse.steps.windows import window_cost

from tests.support.amounts import only_slow
from tests.support.plans import plan_of

SAMPLES = 1 << 20
LITTLE = "8M"
"""What a piece needs, not the taps of a million samples, which are 64 MB."""

POOLS: list[tuple[str, dict[str, Any], Callable[[Array], Any]]] = [
    ("area", {}, np.mean),
    ("area", {"convention": "tf"}, np.mean),
    ("avg-pool", {}, np.mean),
    ("max-pool", {}, np.max),
    ("lp-pool", {"p": 2}, lambda x: np.sqrt(np.sum(np.square(x)))),
    ("bilinear", {"antialias": True}, lambda x: np.average(x, weights=_triangle(len(x)))),
]


def _triangle(size: int) -> Array:
    """What the samples weigh in the middle of a triangle twice as long as they are."""
    return 1 - np.abs((np.arange(size) + 0.5) / size - 0.5)


@pytest.fixture(autouse=True)
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def start_counting() -> int:
    """What is held now; from here on the peak counts."""
    tracemalloc.reset_peak()
    return tracemalloc.get_traced_memory()[0]


@pytest.fixture
def line(tmp_path: Path) -> tuple[Path, Array]:
    x = np.random.default_rng(3).normal(1, 1, size=(2, 1, SAMPLES)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    return tmp_path / "x.npy", x.astype(np.float64)


@pytest.mark.parametrize(("method", "options", "reference"), POOLS)
def test_a_window_of_all_samples(
    method: str, options: dict[str, Any], reference: Callable[[Array], Any], line: tuple[Path, Array]
) -> None:
    path, x = line
    held = start_counting()
    out = featfuse.resize(path, 1, method=method, memory=LITTLE, threads=1, layout="NCW", **options)
    assert tracemalloc.get_traced_memory()[1] - held < 8 << 20
    np.testing.assert_allclose(out[:, 0, 0], [reference(row[0]) for row in x], rtol=2e-7)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("target", ["1x1", "3x1", "1x2"])
def test_windows_that_are_long_over_two_axes(layout: str, target: str, tmp_path: Path) -> None:
    """Each axis' window is short; one output needs 8 MB all the same."""
    x = np.random.default_rng(4).normal(size=(1, 2, 1024, 1026)).astype(np.float32)
    np.save(tmp_path / "x.npy", x if layout == "NCHW" else np.moveaxis(x, 1, -1))
    rows, columns = map(int, target.split("x"))
    out = featfuse.resize(tmp_path / "x.npy", target, method="max-pool", memory="3M", layout=layout)
    whole = featfuse.resize(x, target, method="max-pool", memory="1G", layout="NCHW")
    assert np.array_equal(out if layout == "NCHW" else np.moveaxis(out, -1, 1), whole)
    assert out.size == 2 * rows * columns


@pytest.mark.parametrize("method", ["avg-pool", "bicubic"])
def test_the_result_is_the_same_for_every_budget_and_number_of_threads(
    method: str, line: tuple[Path, Array]
) -> None:
    options: Any = {"antialias": True} if method == "bicubic" else {}
    results = {
        featfuse.resize(
            line[0], 3, method=method, memory=memory, threads=threads, layout="NCW", **options
        ).tobytes()
        for memory, threads in ((LITTLE, 1), ("16M", 4), ("256M", 2))
    }
    assert len(results) == 1


def test_nor_does_it_change_where_there_is_room_for_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is made in pieces for want of memory is so, too, where there is enough."""
    monkeypatch.setattr("featfuse.steps.execute._MOST_HELD", 3 << 20)
    x = np.random.default_rng(4).normal(size=(1, 2, 1024, 1026)).astype(np.float32)
    results = [
        featfuse.resize(x, "2x1", method="avg-pool", memory=memory, layout="NCHW")
        for memory in ("3M", "8M", "64M", "1G")
    ]
    assert len({result.tobytes() for result in results}) == 1
    expected = x.reshape(2, 2, -1).mean(axis=2, dtype=np.float64)
    np.testing.assert_allclose(results[0].reshape(2, 2), expected, rtol=0, atol=1e-8)


def test_before_a_border_and_behind_another_map(line: tuple[Path, Array]) -> None:
    """A letterbox resizes and then pads; the mean of two inputs comes after both."""
    path, x = line
    out = featfuse.fuse(
        path, path, method="letterbox", interpolation="area", to="4", combine="mean", memory=LITTLE,
        layout="NCW",
    )  # fmt: skip
    np.testing.assert_allclose(out[0, 0], x[0, 0].reshape(4, -1).mean(axis=1), rtol=3e-6, atol=1e-8)


def test_what_becomes_inf_is_told(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.full((1, SAMPLES), 3e38, np.float32))
    with pytest.warns(featfuse.FeatfuseWarning, match="1 of 1 finite values became inf"):
        featfuse.resize(tmp_path / "x.npy", 1, method="lp-pool", p=1, memory=LITTLE, layout="CW")


def test_ordinary_windows_are_made_as_ever() -> None:
    root = plan_of([(1, 8, 2048, 2048)], method="avg-pool", to="1x1", layout="NCHW")
    assert not any(isinstance(step, LongWindows) for step in root.walk())


def test_too_little_for_a_piece_is_told(line: tuple[Path, Array]) -> None:
    with pytest.raises(featfuse.UsageError, match=r"64 KiB is too small: one window needs (\d+ KiB|[1-4])"):
        featfuse.resize(line[0], 1, method="avg-pool", memory="64K", layout="NCW")


# ------------------------------------------------------------------------------------------ planning

LENGTHS = [(1 << 31, 5), (1 << 31, 1 << 30), (1 << 31, (1 << 30) + 1), (1 << 20, 1 << 31), (1 << 40, 7)]
STRICT = {"strict", "stride", "pad", "crop", "transposed-conv", "pixel-shuffle", "pixel-unshuffle"}
OPTIONS: dict[str, tuple[dict[str, Any], ...]] = {
    "antialias": ({"antialias": True}, {"antialias": True, "edge": "clamp"}),
    "pad_mode": tuple({"pad_mode": mode} for mode in ("edge", "reflect", "wrap")),
}
"""Beside the defaults, for the methods that have them."""


@pytest.mark.parametrize("sizes", [LENGTHS[0], LENGTHS[3], *only_slow(LENGTHS[1:3] + LENGTHS[4:])])
@pytest.mark.parametrize("method", [name for name in METHODS if name not in STRICT])
def test_no_axis_is_listed_to_plan(method: str, sizes: tuple[int, int]) -> None:
    """Sizes that a header claims: the plan, its steps and its windows are arithmetic."""
    in_size, out_size = sizes
    own = [given for name, each in OPTIONS.items() if name in METHODS[method].options for given in each]
    for options in ({}, *own):
        held = start_counting()
        check_can_be_cut(plan_of([(1, 1, in_size)], method=method, to=str(out_size), layout="NCW", **options))
        assert tracemalloc.get_traced_memory()[1] - held < 40 << 20


def check_can_be_cut(root: Step) -> None:
    """Some windows of the result, in 64 MB."""
    seen = []

    class Enough(Exception):
        pass

    def read(_index: int, window: Any) -> Array:
        seen.append(window)
        raise Enough

    with pytest.raises(Enough):
        execute(Run(read, 64 << 20), root, lambda *_: None, Limits(64 << 20, 1))
    assert window_cost(root.in_pieces(), (1,) * len(root.shape)) < 64 << 20
    assert all(part.stop - part.start <= 1 << 24 for part in seen[0])


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((1, 1, 1 << 40), {"reduce": "gap"}),
        ((1, 1 << 40, 4), {"layout": "NCW", "method": "crop", "to": "2"}),
        ((1 << 40, 3), {"layout": "WC", "reduce": "conv1x1", "out_channels": 2}),
    ],
)
def test_nor_by_what_cuts_it(shape: tuple[int, ...], options: dict[str, Any]) -> None:
    held = start_counting()
    check_can_be_cut(plan_of([shape], **{"layout": "NCW", **options}))
    assert tracemalloc.get_traced_memory()[1] - held < 10 << 20
