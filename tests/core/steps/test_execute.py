"""Execution: bounded memory, the same bytes for any budget and thread count, nothing left after a failure."""

import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import featfuse
import numpy as np
import pytest
from featfuse import RunError, UsageError
from featfuse.model.tensor import Array, Window
from featfuse.process.limits import Limits
from featfuse.steps.base import Run
from featfuse.steps.elementwise import Elementwise
from featfuse.steps.execute import execute

from tests.support.plans import plan_of

RECIPES: dict[str, dict[str, Any]] = {
    "up": {"method": "bilinear", "combine": "add"},
    "down": {"method": "area", "combine": "mean"},
    "antialiased": {"method": "bicubic", "to": "smallest", "antialias": True},
    "border": {"method": "pad", "pad_mode": "symmetric", "weights": "1,0.5"},
    "whole-axis border": {"method": "pad", "pad_mode": "median"},
    "join": {"method": "nearest", "combine": "concat"},
    "stack": {"method": "crop", "combine": "stack"},
    "letterbox": {"method": "letterbox", "to": "90x50", "combine": "max"},
    "half": {"method": "max-pool", "dtype": "float16"},
    "channels": {"method": "lanczos3", "channels": "tile"},
}

UNWEIGHTED = ("border", "whole-axis border", "join", "stack", "half")


def maps(recipe: str) -> tuple[Array, Array]:
    rng = np.random.default_rng(5)
    channels = 3 if recipe == "channels" else 6
    big = rng.normal(size=(2, 6, 60, 47)).astype(np.float32)
    return big, rng.normal(size=(1, channels, 31, 24)).astype(np.float32)


@pytest.mark.parametrize("recipe", RECIPES)
def test_bytes_depend_on_threads_never_and_on_the_budget_only_by_rounding(recipe: str) -> None:
    """Recipes that multiply no matrices give the same bytes in any budget."""
    options: Any = {**RECIPES[recipe], "layout": "NCHW"}
    inputs = maps(recipe)
    whole = featfuse.fuse(*inputs, threads=1, **options)
    for memory, threads in (("64K", 1), ("64K", 4), ("200K", 2), ("1M", 3), ("256M", 4)):
        result = featfuse.fuse(*inputs, memory=memory, threads=threads, **options)
        assert result.shape == whole.shape
        assert result.tobytes() == featfuse.fuse(*inputs, memory=memory, threads=1, **options).tobytes()
        if recipe in UNWEIGHTED or memory == "256M":
            assert result.tobytes() == whole.tobytes()
        np.testing.assert_allclose(result, whole, rtol=0, atol=1e-6 * np.abs(whole).max())


def test_the_file_is_the_same_too(tmp_path: Path) -> None:
    options: Any = {**RECIPES["up"], "layout": "NCHW"}
    contents = set()
    for name in ("npy", "h5", "safetensors"):
        for number, array in enumerate(maps("up")):
            np.save(tmp_path / f"{number}.npy", array)
        for threads, memory in ((1, "256M"), (4, "32M")):
            out = tmp_path / f"t{threads}.{name}"
            featfuse.fuse(
                tmp_path / "0.npy", tmp_path / "1.npy", out=out, threads=threads, memory=memory, **options
            )
            contents.add(featfuse.fuse(out).tobytes())
    assert len(contents) == 1


# ------------------------------------------------------------------------------------------- memory


@pytest.mark.parametrize("recipe", ["up", "down", "border", "join"])
@pytest.mark.parametrize("threads", [1, 3])
def test_memory_stays_within_the_budget(recipe: str, threads: int, tmp_path: Path) -> None:
    """5 MB of data, and as much of results, through a budget of 1 MB: from files to a file."""
    size = 512
    for name, scale in (("a", 1), ("b", 2)):
        file = np.lib.format.open_memmap(
            tmp_path / f"{name}.npy", "w+", np.float32, (4, size // scale, size // scale)
        )
        file[:] = 1.5
        del file
    options: Any = {**RECIPES[recipe], "layout": "CHW"}

    def run(out: str) -> None:
        inputs = (tmp_path / "a.npy", tmp_path / "b.npy")
        featfuse.fuse(*inputs, out=tmp_path / out, memory="1M", threads=threads, **options)

    tracemalloc.start()
    try:
        run("warm.npy")  # imports and caches
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        run("out.npy")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before <= 1 << 20


def test_too_small_a_budget_is_an_error_that_names_one_that_works() -> None:
    """The statistics of a border need the whole axis."""
    x = np.zeros((3, 1000), dtype=np.float32)
    options: Any = {"method": "pad", "pad_mode": "mean", "to": "3x1010"}
    with pytest.raises(UsageError, match="memory=1 KiB is too small") as caught:
        featfuse.fuse(x, memory="1K", **options)
    memory = caught.value.hint.split('"')[1]
    assert featfuse.fuse(x, memory=memory, **options).shape == (3, 1010)


# ------------------------------------------------------------------------------- progress, failures


@pytest.mark.parametrize("threads", [1, 4])
def test_progress_reaches_the_total(threads: int) -> None:
    calls: list[tuple[int, int]] = []
    caller = threading.get_ident()

    def progress(done: int, total: int) -> None:
        assert threading.get_ident() == caller
        calls.append((done, total))

    x = np.ones((8, 64, 64), dtype=np.float32)
    result = featfuse.fuse(x, x, memory="64K", threads=threads, progress=progress)
    assert len(calls) > (4 if threads == 1 else 0)  # the calling thread reports after its own windows
    assert {total for _, total in calls} == {result.nbytes}
    assert [done for done, _ in calls] == sorted({done for done, _ in calls})
    assert calls[-1][0] == result.nbytes


def failing(after: int, error: type[BaseException]) -> Callable[..., Array]:
    """Elementwise.apply that works a few times and then raises."""
    works = Elementwise.apply
    lock, count = threading.Lock(), [0]

    def apply(self: Elementwise, *args: Any) -> Array:
        with lock:
            count[0] += 1
            if count[0] > after:
                raise error("in the middle")
        return works(self, *args)

    return apply


@pytest.mark.parametrize("error", [RunError, MemoryError, KeyboardInterrupt])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("name", ["fused.npy", "fused.h5", "fused.safetensors"])
@pytest.mark.parametrize("existing", [False, True])
def test_a_failure_leaves_nothing_behind(
    error: type[BaseException],
    threads: int,
    name: str,
    existing: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x = np.ones((8, 64, 64), dtype=np.float32)
    out = tmp_path / name
    if existing:
        out.write_bytes(b"what was there")
    monkeypatch.setattr(Elementwise, "apply", failing(3, error))
    before = threading.active_count()
    told = RunError if error is MemoryError else error
    with pytest.raises(told, match="in the middle"):
        featfuse.fuse(x, x, out=out, force=True, memory="64K", threads=threads, sidecar=True)
    assert [path.name for path in tmp_path.iterdir()] == ([name] if existing else [])
    if existing:
        assert out.read_bytes() == b"what was there"
    assert threading.active_count() == before


@pytest.mark.parametrize("threads", [1, 3])
def test_a_failing_progress_stops_the_run(threads: int, tmp_path: Path) -> None:
    def progress(done: int, total: int) -> None:
        raise KeyboardInterrupt

    x = np.ones((8, 64, 64), dtype=np.float32)
    with pytest.raises(KeyboardInterrupt):
        featfuse.fuse(x, x, out=tmp_path / "f.npy", memory="64K", threads=threads, progress=progress)
    assert list(tmp_path.iterdir()) == []


def test_integers_that_do_not_fit_leave_nothing_behind(tmp_path: Path) -> None:
    x = np.full((4, 4), 200, dtype=np.uint8)
    with pytest.raises(RunError, match="nothing was written"):
        featfuse.fuse(x, x, out=tmp_path / "f.npy")
    assert list(tmp_path.iterdir()) == []


def test_execute_counts_and_writes_each_window_once() -> None:
    root = plan_of([(8, 64), (8, 64)])
    run = Run(lambda _index, window: np.ones((8, 64), dtype=np.float32)[window])
    written: list[Window] = []
    lock = threading.Lock()

    def write(window: Window, block: Array) -> None:
        with lock:
            written.append(window)
            assert block.dtype == root.dtype

    execute(run, root, write, Limits(memory=4096, threads=3))
    assert not run.tally
    starts = {tuple(part.start for part in window) for window in written}
    assert len(starts) == len(written) > 1
