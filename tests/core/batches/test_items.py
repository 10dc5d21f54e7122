"""What a batch never does: leave its folder, write to inputs, write two items to one place."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from featfuse.errors import RunError, UsageError
from safetensors.numpy import save_file


def names(folder="."):
    return sorted(path.name for path in Path(folder).iterdir())


ONE = np.ones((2, 2, 2), np.float32)


def content(folder):
    return {str(path): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


@pytest.mark.parametrize("out", ["o/{id}.npy", "o/deep/x{id}.npy", "o/"])
def test_keys_cannot_climb_out(out, run):
    save_file({"..": ONE, "good": ONE, ".": ONE, "a::b": ONE}, "f.safetensors")
    done = run("f.safetensors::{id}", out=out, method="strict")
    assert {name: it.status for name, it in done.items()} == {
        "..": "failed",
        ".": "failed",
        "a::b": "failed",
        "good": "done",
    }
    assert "not a plain name" in done[".."].error
    assert "::" in done["a::b"].error
    made = [path for path in Path().rglob("*") if path.is_file() and path.name != "manifest.jsonl"]
    assert len(made) == 2, "the input and one output"


def test_keys_with_slashes_are_no_values_of_one_field(plan):
    save_file({"/abs": ONE, "a/../b": ONE, "x": ONE}, "f.safetensors")
    batch = plan("f.safetensors::{id}", out="o/{id}.npy", method="strict")
    assert [item.id for item in batch.items] == ["x"]
    batch = plan("f.safetensors::{a}/{b}/{c}", out="o/{a}/{b}/{c}.npy", method="strict")
    assert [it.status for it in batch.planned] == ["failed"]


def test_links_out_of_the_root(maps, run):
    maps("a/{}.npy", ["1", "linked/2", "3"])
    Path("elsewhere").mkdir()
    Path("o").mkdir()
    Path("o/linked").symlink_to(Path("elsewhere").resolve())
    Path("o/3.npy").symlink_to(Path("elsewhere/3.npy").resolve())
    done = run("a/", out="o/", method="strict")
    assert {name: it.status for name, it in done.items()} == {
        "1": "done",
        "linked/2": "failed",
        "3": "failed",
    }
    assert done["linked/2"].error == "the output o/linked/2.npy leaves o"
    assert names("elsewhere") == []


def test_the_root_itself_may_be_a_link(maps, run):
    maps("a/{}.npy", [1])
    Path("real").mkdir()
    Path("o").symlink_to("real")
    assert run("a/", out="o/", method="strict")["1"].status == "done"
    assert names("real") == ["1.npy", "manifest.jsonl"]


def test_links_within_the_root_are_written_through(maps, run):
    maps("a/{}.npy", [1])
    Path("o").mkdir()
    Path("o/1.npy").symlink_to("target.npy")
    assert run("a/", out="o/", method="strict")["1"].status == "done"
    assert Path("o/1.npy").is_symlink()
    assert Path("o/target.npy").exists()


def test_two_items_for_one_output(maps, plan):
    maps("{}/1.npy", ["x", "y"])
    with pytest.raises(UsageError, match=r"x/1 and y/1 would both be written to o/1\.npy") as caught:
        plan("{run}/{id}.npy", out="o/{id}.npy", method="strict")
    assert caught.value.hint
    assert not Path("o").exists()


def test_two_outputs_that_a_link_makes_one(maps, plan):
    maps("a/{}.npy", ["x/1", "y/1"])
    Path("o/x").mkdir(parents=True)
    Path("o/y").symlink_to("x")
    with pytest.raises(UsageError, match="would both be written"):
        plan("a/", out="o/", method="strict")


@pytest.mark.parametrize(
    "outs",
    [
        ("f.h5::a", "f.h5::a"),
        ("f.h5::a", "f.h5::/a"),
        ("f.h5::a", "f.h5::a/b"),
        ("f.h5::a/b/c", "f.h5::a"),
        ("f.h5", "f.h5::a"),
        ("f.h5::a", "f.h5"),
        ("f.npy", "f.npy"),
        ("f.npz::a", "./f.npz::a"),
    ],
)
def test_two_pairs_for_one_place(outs, maps, plan):
    maps("a/{}.npy", [1])
    Path("p.csv").write_text("in,out\n" + "".join(f"a/1.npy,{out}\n" for out in outs))
    with pytest.raises(UsageError, match="would both be written to") as caught:
        plan(pairs="p.csv", out="o", method="strict")
    assert caught.value.message.startswith("two items" if outs[0] == outs[1] else f"{outs[0]} and {outs[1]}")
    assert "row" in caught.value.hint


def test_inputs_are_never_outputs(pairs, plan):
    pairs(2)
    before = content(".")
    for patterns, out in (
        (("a/", "b/"), "a/"),
        (("a/", "b/"), "b"),
        (("a/{id}.npy", "b/{id}.npy"), "b/{id}.npy"),
        (("a/{id}.npy", "b/{id}.npy"), "./a/../a/{id}.npy"),
    ):
        role = r"is one of the inputs: input [12] of this very item\nA batch never writes to its inputs"
        for how in ({"force": True}, {"resume": True}, {}):
            with pytest.raises(UsageError, match=role):
                plan(*patterns, out=out, **how)
    assert content(".") == before


def test_an_output_that_links_to_an_input(pairs, plan):
    pairs(1)
    Path("o").mkdir()
    Path("o/0.npy").symlink_to(Path("a/0.npy").resolve())
    with pytest.raises(UsageError, match="is one of the inputs"):
        plan("a/", "b/", out="o/", force=True)


def test_an_output_that_is_a_hard_link_to_an_input(pairs, run, fused):
    """Only the one name gets the result; the input stays what it was, and that is told."""
    pairs(1)
    Path("o").mkdir()
    Path("o/0.npy").hardlink_to("a/0.npy")
    before, wanted = Path("a/0.npy").read_bytes(), fused("a/0.npy", "b/0.npy")
    done = run("a/", "b/", out="o/", force=True)["0"]
    assert done.warnings == (
        "o/0.npy is no longer the same file as input 1 of this very run, a/0.npy, which stays",
    )
    assert np.array_equal(np.load("o/0.npy"), wanted)
    assert Path("a/0.npy").read_bytes() == before


def test_a_container_is_not_added_to_while_it_is_read(plan):
    with h5py.File("f.h5", "w") as file:
        file["x/l3"] = ONE
    with pytest.raises(UsageError, match="is one of the inputs"):
        plan("f.h5::{id}/l3", out="f.h5::{id}/fused", method="strict", force=True)


@pytest.mark.parametrize(
    ("option", "name"),
    [("mask", "m/{id}.npy"), ("weights", "m/{id}.npy"), ("like", "m/{id}.npy"), ("like", "m/0.npy")],
)
def test_masks_and_their_kin_are_inputs_too(option, name, pairs, maps, plan):
    pairs(2)
    maps("m/{}.npy", range(2), (1, 8, 8))
    more = {"combine": "softmax"} if option == "weights" else {}
    with pytest.raises(UsageError, match="is one of the inputs: a mask, weights or kernel of this very item"):
        plan("a/{id}.npy", "b/{id}.npy", out="m/{id}.npy", force=True, **{option: name}, **more)


def test_the_manifest_is_no_input(pairs, plan):
    pairs(1)
    before = content(".")
    with pytest.raises(UsageError, match=r"--manifest a/0\.npy is one of the inputs"):
        plan("a/", "b/", out="o/", manifest="a/0.npy")
    assert content(".") == before


def test_the_same_folder_for_inputs_and_outputs(pairs, run, fused):
    """Outputs beside the inputs are not taken for inputs the next time."""
    pairs(3)
    inputs = content(".")
    for how in ({}, {"resume": True}, {"force": True}):
        done = run("a/{id}.npy", "b/{id}.npy", out="a/{id}-fused.npy", **how)
        assert {name: it.status for name, it in done.items()} == dict.fromkeys(
            "012", "skipped" if how.get("resume") else "done"
        )
    assert {name: data for name, data in content(".").items() if name in inputs} == inputs
    assert np.array_equal(np.load("a/1-fused.npy"), fused("a/1.npy", "b/1.npy"))


@pytest.mark.parametrize("out", ["a/fused", "b/{name}.h5", "a/{name}.safetensors"])
def test_outputs_inside_a_folder_of_inputs(out, pairs, run):
    pairs(2)
    assert {it.status for it in run("a/", "b/", out=out).values()} == {"done"}
    again = run("a/", "b/", out=out, resume=True)
    assert {name: it.status for name, it in again.items()} == {"0": "skipped", "1": "skipped"}


def test_what_another_batch_made_is_an_input_like_any_other(pairs, run):
    pairs(1)
    run("a/{id}.npy", "b/{id}.npy", out="o/{id}.npy")
    done = run("o/{id}.npy", out="o/{id}-2.npy", method="strict")
    assert list(done) == ["0"]
    assert done["0"].status == "done"
    assert list(run("o/{id}.npy", out="o/{id}-2.npy", method="strict", resume=True)) == ["0"]


def test_an_own_file_of_the_user_is_not_taken_for_an_output(maps, plan):
    """1-f.npy, a map of the user's, lies where the result of 1 would go."""
    maps("a/{}.npy", ["1", "1-f"])
    for how in ({}, {"force": True}, {"resume": True}):
        with pytest.raises(
            UsageError, match=r"1: the output a/1-f\.npy is one of the inputs: input 1 of 1-f"
        ):
            plan("a/{id}.npy", out="a/{id}-f.npy", method="strict", **how)


def test_out_that_is_a_file(maps, plan):
    maps("a/{}.npy", [1])
    Path("o").write_text("mine")
    for out in ("o", "o/"):
        with pytest.raises(RunError, match="o is a file"):
            plan("a/", out=out, method="strict")
    assert Path("o").read_text() == "mine"


@pytest.mark.parametrize("option", ["like", "weights"])
def test_a_folder_where_one_file_is_wanted(option, pairs, plan):
    pairs(2)
    Path("m").mkdir()
    with pytest.raises(UsageError, match=f"--{option} m/: is a folder") as caught:
        plan("a/", "b/", out="o/", **{option: "m/"})
    assert f"--{option} 'm/{{name}}.npy'" in caught.value.hint


def swap_for_a_link(path):
    """Somebody puts a link to `elsewhere` in the place of a file or a folder."""
    Path("elsewhere").mkdir(exist_ok=True)
    if Path(path).exists():
        Path(path).rename(f"{path}-before")
    Path(path).parent.mkdir(exist_ok=True)
    Path(path).symlink_to(Path("elsewhere/planted.npy" if path.endswith(".npy") else "elsewhere").resolve())


@pytest.mark.parametrize("out", ["o/{run}/{id}.npy", "o/{run}/all.h5::{id}", "o/{run}/{id}.h5"])
@pytest.mark.parametrize("there", [True, False])
def test_a_folder_that_is_swapped_for_a_link_after_planning(out, there, maps, plan):
    """Its items fail; nothing is made on the other side, no folder either."""
    maps("a/{}.npy", ["x/1", "y/1"])
    if there:
        Path("o/x").mkdir(parents=True)
    batch = plan("a/{run}/{id}.npy", out=out, method="strict", force=True)
    swap_for_a_link("o/x")
    done = {it.id: it for it in batch.outcomes() if it.status != "staged"}
    assert {name: it.status for name, it in done.items()} == {"x/1": "failed", "y/1": "done"}
    assert "leaves" in done["x/1"].error
    assert names("elsewhere") == []


@pytest.mark.parametrize("force", [True, False])
def test_a_link_that_is_planted_after_planning(force, maps, plan):
    maps("a/{}.npy", ["1"])
    batch = plan("a/", out="o/", method="strict", force=force)
    swap_for_a_link("o/1.npy")
    (done,) = batch.outcomes()
    assert done.status == "failed"
    assert "leaves" in done.error
    assert names("elsewhere") == []


@pytest.mark.parametrize("out", ["o/{name}.npy", "o/all.h5::{name}"])
def test_a_root_that_is_swapped_for_a_link_after_planning(out, maps, plan):
    maps("a/{}.npy", ["1"])
    Path("o").mkdir()
    batch = plan("a/", out=out, method="strict", manifest="m.jsonl")
    swap_for_a_link("o")
    assert {it.status for it in batch.outcomes()} == {"failed"}
    assert names("elsewhere") == []
