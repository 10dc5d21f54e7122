"""What the batch tests share: small maps in a folder of the test's own, and batches over them."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import featfuse
import numpy as np
import pytest
from featfuse.batches import Batch, BatchOptions, Outcome, open_batch

from tests.support.batches import RECIPE, leftovers, values, write


@pytest.fixture(autouse=True)
def in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def maps() -> Callable[..., None]:
    """`maps("a/{}.npy", range(3), (2, 8, 8))`: a map for every id."""

    def make(path: str, ids: Iterable[object], shape: tuple[int, ...] = (2, 8, 8)) -> None:
        for number, name in enumerate(ids):
            write(path.format(name), values(number + len(path) * 1000, shape))

    return make


@pytest.fixture
def pairs(maps: Callable[..., None]) -> Callable[..., None]:
    """`pairs(3)`: a/0.npy (2, 8, 8) and b/0.npy (2, 4, 4), and so on."""

    def make(count: int) -> None:
        maps("a/{}.npy", range(count), (2, 8, 8))
        maps("b/{}.npy", range(count), (2, 4, 4))

    return make


@pytest.fixture(scope="session")
def plan() -> Callable[..., Batch]:
    """`plan("a/", "b/", out="o/")`: a batch that is planned, its fusion options among the others."""

    def make(*patterns: str, **options: Any) -> Batch:
        own = {name: options.pop(name) for name in BatchOptions.__dataclass_fields__ if name in options}
        own["jobs"] = own.get("jobs", None if own.get("dask") else 1)
        return open_batch(patterns, BatchOptions(**own), {**RECIPE, **options})  # type: ignore[typeddict-item]

    return make


@pytest.fixture(scope="session")
def run() -> Callable[..., dict[str, Outcome]]:
    """`run("a/", "b/", out="o/")`: what became of each item, by id."""

    def do(*patterns: str, **options: Any) -> dict[str, Outcome]:
        if "dask" not in options:
            options.setdefault("jobs", 2)
        return {it.id: it for it in featfuse.batch(*patterns, **{**RECIPE, **options})}

    return do


@pytest.fixture(scope="session")
def fused() -> Callable[..., np.ndarray]:
    """What a single run gives: `fused("a/0.npy", "b/0.npy")`."""

    def do(*inputs: str, **options: Any) -> np.ndarray:
        return featfuse.fuse(*inputs, **{**RECIPE, **options})

    return do


@pytest.fixture(scope="session")
def left() -> Callable[..., list[str]]:
    return leftovers


@pytest.fixture(scope="session")
def statuses() -> Callable[[Iterable[Outcome]], dict[str, str]]:
    return lambda outcomes: {it.id: it.status for it in outcomes}
