"""Which files make an item, and the partners that are missing."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from featfuse.errors import UsageError


def names(folder="."):
    return sorted(path.name for path in Path(folder).iterdir())


def problems(batch):
    return {it.id: it.error for it in batch.planned if it.error}


def test_folders_are_matched_by_stem_at_any_depth(maps, run):
    maps("a/{}.npy", ["1", "sub/2", "sub/deep/x.y"])
    maps("b/{}.safetensors", ["1", "sub/2", "sub/deep/x.y"], (2, 4, 4))
    Path("a/notes.txt").write_text("not a map")
    maps("a/{}.npy", [".hidden", ".folder/3"])
    done = run("a/", "b", out="o")
    assert {name: it.status for name, it in done.items()} == {
        "1": "done",
        "sub/2": "done",
        "sub/deep/x.y": "done",
    }
    assert sorted(str(path) for path in Path("o").rglob("*.npy")) == [
        "o/1.npy",
        "o/sub/2.npy",
        "o/sub/deep/x.y.npy",
    ]


@pytest.mark.parametrize("second", ["b/{name}.npy", "b/"])
def test_a_folder_and_a_pattern_mix(second, pairs, run):
    pairs(2)
    assert {it.status for it in run("a/", second, out="o/{name}.h5").values()} == {"done"}
    assert names("o") == ["0.h5", "1.h5", "manifest.jsonl"]


def test_one_map_for_all_items_is_a_pattern_of_fewer_fields(maps, run, fused):
    maps("a/{}/1.npy", ["x", "y"])
    maps("b/{}.npy", [1], (2, 4, 4))
    run("a/{run}/{id}.npy", "b/{id}.npy", out="o/{run}-{id}.npy")
    for name in ("x", "y"):
        assert np.array_equal(np.load(f"o/{name}-1.npy"), fused(f"a/{name}/1.npy", "b/1.npy"))


def test_two_files_for_one_stem_fail_by_themselves(pairs, maps, run):
    pairs(2)
    maps("a/{}.safetensors", [0])
    maps("b/{}.h5", [1], (2, 4, 4))
    done = run("a/", "b/", out="o/")
    assert done["0"].status == done["1"].status == "failed"
    assert done["0"].error == "several files of one name: a/0.npy, a/0.safetensors"
    assert done["1"].error is not None
    assert done["1"].error == "several files of one name: b/1.h5, b/1.npy"


def test_missing_partners_are_named(pairs, plan):
    pairs(3)
    Path("b/1.npy").unlink()
    assert problems(plan("a/", "b/", out="o/")) == {"1": "no partner in b/: b/1.*"}
    assert problems(plan("a/{id}.npy", "b/{id}.npy", out="o/")) == {"1": "no partner: b/1.npy"}
    batch = plan("a/", "b/", out="o/", allow_missing=True)
    assert [it.status for it in batch.planned] == ["planned", "missing", "planned"]


def test_a_container_that_cannot_be_read_costs_its_own_items(run):
    for name in ("good", "bad"):
        with h5py.File(f"{name}.h5", "w") as file:
            file["x"] = np.zeros((2, 4, 4), np.float32)
    Path("bad.h5").write_bytes(Path("bad.h5").read_bytes()[:700])
    done = run("{run}.h5::{id}", out="o/{run}/{id}.npy", method="strict")
    assert done["good/x"].status == "done"
    assert done["bad/*"].status == "failed"
    assert "bad.h5" in (done["bad/*"].error or "")


@pytest.mark.parametrize(
    ("patterns", "out", "words"),
    [
        ((), "o/", "needs a pattern"),
        (("a/",), "", "needs --out"),
        (("a/{id}.npy", "b/{nr}.npy"), "o/", r"b/{nr}.npy: field {nr} is not in a/{id}.npy"),
        (("a/{id}.npy", "b/"), "o/", r"field {name} is not in a/{id}.npy"),
        (("a/{id}.npy",), "o/{nr}.npy", r"field {nr} is not in a/{id}.npy"),
        (("a/{id}.npy",), "o/{id}.txt", "names no format"),
        (("a/{id}.npy",), "o/{id}", "names no format"),
        (("a/{id}.npy",), "o/all.npy", "all items would be written to the same place"),
        (("a/{id}.npy",), "o/all.h5::x", "all items would be written to the same place"),
        (("a/{id}.npy",), "o/{id}.npy::x", "a npy file has no keys"),
        (("a/0.npy",), "o/", "names a single file"),
        (("a/::x",), "o/", "a folder has no keys"),
    ],
)
def test_wrong_requests(patterns, out, words, pairs, plan):
    pairs(1)
    with pytest.raises(UsageError) as caught:
        plan(*patterns, out=out)
    assert words in str(caught.value)
    assert caught.value.hint
    assert not Path("o").exists()
