"""Patterns: which items they name, in which order, and what they refuse, all before any work."""

import os
from pathlib import Path

import h5py
import numpy as np
import pytest
from featfuse.errors import FeatfuseError, InputError, UsageError


def names(folder="."):
    return sorted(path.name for path in Path(folder).iterdir())


def ids(batch):
    return [item.id for item in batch.items]


def problems(batch):
    return {it.id: it.error for it in batch.planned if it.error}


def test_natural_order(maps, plan):
    maps("a/l{}.npy", [10, 9, 100, 1])
    assert ids(plan("a/{id}.npy", out="o/{id}.npy")) == ["l1", "l9", "l10", "l100"]


def test_fields_in_folders_names_and_keys(plan, fused, run):
    for run_name, stage in (("r1", 2), ("r2", 3)):
        Path(run_name).mkdir()
        with h5py.File(f"{run_name}/s{stage}.h5", "w") as file:
            for name in ("x", "y"):
                file[f"{name}/l3"] = np.full((2, 8, 8), stage, np.float32)
                file[f"{name}/l4"] = np.ones((2, 4, 4), np.float32)
                file["other"] = 1.0
                del file["other"]
    done = run(
        "{run}/s{stage}.h5::{id}/l3", "{run}/s{stage}.h5::{id}/l4", out="o/{stage}/{run}/{id}.safetensors"
    )
    assert sorted(done) == ["r1/2/x", "r1/2/y", "r2/3/x", "r2/3/y"]
    assert {it.status for it in done.values()} == {"done"}
    for name in ("x", "y"):
        got = fused(f"o/3/r2/{name}.safetensors", method="strict")
        assert np.array_equal(got, np.full((2, 8, 8), 4, np.float32))


def test_a_field_given_twice_must_agree(maps, plan):
    maps("{0}/{0}.npy", ["p", "q"])
    maps("p/{}.npy", ["other"])
    assert ids(plan("{id}/{id}.npy", out="o/{id}.npy")) == ["p", "q"]


def test_a_field_is_one_part_of_a_path(maps, plan):
    maps("a/deep/{}.npy", ["x"])
    maps("a/{}.npy", ["y"])
    assert ids(plan("a/{id}.npy", out="o/{id}.npy")) == ["y"]
    assert ids(plan("{top}/{sub}/{id}.npy", out="o/{id}.npy")) == ["a/deep/x"]


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


def test_include_and_exclude(maps, plan):
    maps("a/{}.npy", ["train/1", "train/2", "val/1"])
    assert ids(plan("a/", out="o/", include=("train/*", "val/*"), exclude=("*2",))) == ["train/1", "val/1"]
    with pytest.raises(
        InputError, match=r"leave nothing of 3 items\nThey are held against names like train/1"
    ):
        plan("a/", out="o/", include=("*.npy",))


def test_two_files_for_one_stem_fail_by_themselves(pairs, maps, run):
    pairs(2)
    maps("a/{}.safetensors", [0])
    maps("b/{}.h5", [1], (2, 4, 4))
    done = run("a/", "b/", out="o/")
    assert done["0"].status == done["1"].status == "failed"
    assert done["0"].error == "several files for 0: a/0.npy, a/0.safetensors"
    assert done["1"].error is not None
    assert sorted(done["1"].error.removeprefix("several files for 1: ").split(", ")) == ["b/1.h5", "b/1.npy"]


def test_missing_partners_are_named(pairs, plan):
    pairs(3)
    Path("b/1.npy").unlink()
    assert problems(plan("a/", "b/", out="o/")) == {"1": "no partner in b/: b/1.*"}
    assert problems(plan("a/{id}.npy", "b/{id}.npy", out="o/")) == {"1": "no partner: b/1.npy"}
    batch = plan("a/", "b/", out="o/", allow_missing=True)
    assert [it.status for it in batch.planned] == ["planned", "missing", "planned"]


def test_a_key_that_its_container_lacks_is_a_missing_partner(plan):
    with h5py.File("f.h5", "w") as file:
        for name, layers in {"x": ("l3", "l4"), "y": ("l3",)}.items():
            for layer in layers:
                file[f"{name}/{layer}"] = np.zeros((2, 4, 4), np.float32)
    batch = plan("f.h5::{id}/l3", "f.h5::{id}/l4", out="o/{id}.npy")
    assert problems(batch) == {"y": "no partner: f.h5 has no y/l4"}
    batch = plan("f.h5::{id}/l3", "f.h5::{id}/l4", out="o/{id}.npy", allow_missing=True)
    assert [it.status for it in batch.planned] == ["planned", "missing"]


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


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("a/{id}.h5", "nothing matches"),
        ("nowhere/{id}.npy", "nothing matches"),
        ("nowhere/", "nowhere/: no such folder"),
        ("empty/", "nothing matches"),
    ],
)
def test_nothing_matches(pattern, words, pairs, plan):
    pairs(1)
    Path("empty").mkdir()
    with pytest.raises(InputError, match=words):
        plan(pattern, out="o/")


def test_an_unreadable_single_container_is_an_error_of_the_batch(plan):
    Path("f.h5").write_bytes(b"\x89HDF\r\n\x1a\n rubbish")
    with pytest.raises(InputError, match=r"f\.h5"):
        plan("f.h5::{id}", out="o/{id}.npy")


def test_names_of_any_alphabet(maps, run):
    alphabet = ["café", "日本語 1", "emoji🙂", "a'b\"c", "with\nnewline", "{x}", "100%"]
    maps("a/{}.npy", [])
    for number, name in enumerate(alphabet):
        Path("a").mkdir(exist_ok=True)
        np.save(f"a/{name}.npy", np.full((2, 2, 2), number, np.float32))
    done = run("a/", out="o/", method="strict")
    assert {name: it.status for name, it in done.items()} == dict.fromkeys(alphabet, "done")
    for number, name in enumerate(alphabet):
        assert np.load(f"o/{name}.npy").max() == number
    again = run("a/", out="o/", resume=True, method="strict")
    assert {it.status for it in again.values()} == {"skipped"}


def test_names_that_are_not_text(run):
    Path("a").mkdir()
    data = np.ones((2, 2, 2), np.float32)
    with open(b"a/\xff\xfe.npy", "wb") as file:
        np.save(file, data)
    name = os.fsdecode(b"\xff\xfe")
    assert run("a/", out="o/", method="strict")[name].status == "done"
    assert Path("o", f"{name}.npy").exists()
    assert run("a/", out="o/", resume=True, method="strict")[name].status == "skipped"


def test_things_that_are_no_files_are_passed_over(maps, plan):
    maps("a/{}.npy", [1])
    Path("a/folder.npy").mkdir()
    os.mkfifo("a/pipe.npy")
    assert ids(plan("a/{id}.npy", out="o/{id}.npy")) == ["1"]
    batch = plan("a/", out="o/")
    assert all(it.status == "failed" for it in batch.planned if it.id == "pipe")


def test_reading_through_links_is_allowed(maps, plan):
    maps("elsewhere/{}.npy", [1, 2])
    Path("a").mkdir()
    Path("a/linked.npy").symlink_to(Path("elsewhere/1.npy").resolve())
    Path("a/folder").symlink_to(Path("elsewhere").resolve())
    assert ids(plan("a/{id}.npy", out="o/{id}.npy")) == ["linked"]
    assert ids(plan("a/{sub}/{id}.npy", out="o/{id}.npy")) == ["folder/1", "folder/2"]
    assert ids(plan("a/", out="o/")) == ["linked"], (
        "a folder is not searched through links, which may go in circles"
    )


def test_planning_never_raises_a_foreign_error(plan, maps):
    """Whatever lies in the folder, each file is an item that is planned or names its own problem."""
    maps("a/{}.npy", ["good"])
    bad = {
        "empty.npy": b"",
        "text.npy": b"hello",
        "zip.npz": b"PK\x03\x04rubbish",
        "h.safetensors": b"\xff" * 64,
        "s.safetensors": b"\x02\0\0\0\0\0\0\0{}",
    }
    for name, data in bad.items():
        Path("a", name).write_bytes(data)
    try:
        batch = plan("a/", out="o/", method="strict")
    except FeatfuseError as error:  # pragma: no cover
        pytest.fail(f"one bad file stopped the batch: {error}")
    assert {it.id: it.status for it in batch.planned} == {
        **{Path(name).stem: "failed" for name in bad},
        "good": "planned",
    }
    assert all(name in str(problems(batch)) for name in bad)
