"""Patterns: which items they name, in which order, and what they refuse, all before any work."""

import os
from pathlib import Path

import h5py
import numpy as np
import pytest
from featfuse.errors import FeatfuseError, InputError


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


def test_include_and_exclude(maps, plan):
    maps("a/{}.npy", ["train/1", "train/2", "val/1"])
    assert ids(plan("a/", out="o/", include=("train/*", "val/*"), exclude=("*2",))) == ["train/1", "val/1"]
    with pytest.raises(
        InputError, match=r"leave nothing of 3 items\nThey are held against names like train/1"
    ):
        plan("a/", out="o/", include=("*.npy",))


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("a/{id}.h5", "nothing matches"),
        ("nowhere/{id}.npy", "nothing matches"),
        ("nowhere/", "nowhere/: no such folder"),
        ("empyt/", r"empyt/: no such folder\nDid you mean empty/\?"),
        ("empty/", "nothing matches"),
    ],
)
def test_nothing_matches(pattern, words, pairs, plan):
    pairs(1)
    Path("empty").mkdir()
    with pytest.raises(InputError, match=words):
        plan(pattern, out="o/")


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
