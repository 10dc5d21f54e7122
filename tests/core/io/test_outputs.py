"""Outputs and what goes beside them: kept unless forced, whole, and told how they were made."""

import json
from pathlib import Path
from typing import Any

import featfuse
import numpy as np
import pytest
from featfuse import RunError, UsageError

RNG = np.random.default_rng(0)


def normal(*shape: int) -> Any:
    return RNG.normal(size=shape).astype(np.float32)


def test_an_existing_output_is_kept_unless_forced(tmp_path: Path) -> None:
    x, out = np.ones(3, np.float32), tmp_path / "f.npy"
    featfuse.fuse(x, out=out)
    with pytest.raises(RunError, match="exists"):
        featfuse.fuse(x, x, out=out)
    assert np.load(out).tolist() == [1.0] * 3
    featfuse.fuse(x, x, out=out, force=True)
    assert np.load(out).tolist() == [2.0] * 3


def test_an_output_may_replace_its_own_input(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.arange(6, dtype=np.float32).reshape(2, 3))
    featfuse.fuse(path, path, out=path, force=True, memory="64K")
    assert np.load(path).tolist() == [[0, 2, 4], [6, 8, 10]]


def test_a_sidecar_tells_how_it_was_made(tmp_path: Path) -> None:

    x = np.ones((4, 4), np.float32)
    featfuse.fuse(x, out=tmp_path / "f.npy", method="pad", to="6x6", sidecar=True)
    facts = json.loads((tmp_path / "f.npy.json").read_text())
    assert facts["version"] == featfuse.__version__
    assert facts["pipeline"]["method"] == "pad"
    assert facts["inputs"] == [{"name": "input 1", "shape": [4, 4], "dtype": "float32", "layout": "HW"}]


@pytest.mark.parametrize("option", ["dry_run", "sidecar"])
def test_words_for_files_need_a_file(option: str) -> None:
    with pytest.raises(UsageError):
        featfuse.fuse(np.ones(2), **{option: True})


def test_a_sidecar_is_not_overwritten(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", normal(2))
    (tmp_path / "b.npy.json").write_text("mine")
    with pytest.raises(RunError, match=r"b\.npy\.json"):
        featfuse.fuse(tmp_path / "a.npy", out=tmp_path / "b.npy", sidecar=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npy", "b.npy.json"]


def test_a_dry_run_does_not_mind_what_is_there(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", normal(2))
    before = (tmp_path / "a.npy").read_bytes()
    featfuse.fuse(tmp_path / "a.npy", out=tmp_path / "a.npy", dry_run=True)
    assert (tmp_path / "a.npy").read_bytes() == before
