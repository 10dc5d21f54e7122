"""Containers: keys as items, and many items in one file that appears whole at the end."""

from pathlib import Path

import featfuse
import h5py
import numpy as np
import pytest
from featfuse.errors import InputError, RunError

from tests.support.batches import KINDS, load, store


@pytest.fixture(params=KINDS)
def features(request):
    """feats.*, three items of two layers each: its name and what it holds."""
    generator = np.random.default_rng(0)
    tensors = {}
    for name in ("x1", "x2", "x10"):
        tensors[f"{name}/l3"] = generator.standard_normal((2, 8, 8)).astype(np.float32)
        tensors[f"{name}/l4"] = generator.standard_normal((2, 4, 4)).astype(np.float32)
    path = f"feats.{request.param}"
    store(path, tensors)
    return path


def patterns(features):
    return f"{features}::{{id}}/l3", f"{features}::{{id}}/l4"


@pytest.mark.parametrize("kind", KINDS)
def test_keys_of_one_file_to_keys_of_another(kind, features, run, plan, fused, left):
    assert [item.id for item in plan(*patterns(features), out="o.npz::{id}").items] == ["x1", "x2", "x10"]
    out = f"deep/fused.{kind}"
    done = run(*patterns(features), out=f"{out}::sums/{{id}}")
    assert {name: (it.status, it.out) for name, it in done.items()} == {
        name: ("done", f"{out}::sums/{name}") for name in ("x1", "x2", "x10")
    }
    made = load(out)
    assert sorted(made) == ["sums/x1", "sums/x10", "sums/x2"]
    for name in done:
        assert np.array_equal(made[f"sums/{name}"], fused(f"{features}::{name}/l3", f"{features}::{name}/l4"))
    assert left() == []


def test_keys_to_files(features, run, fused):
    done = run(*patterns(features), out="o/")
    suffix = Path(features).suffix
    assert {it.out for it in done.values()} == {f"o/{name}{suffix}" for name in ("x1", "x2", "x10")}
    assert np.array_equal(
        fused(f"o/x2{suffix}", method="strict"), fused(f"{features}::x2/l3", f"{features}::x2/l4")
    )


def test_several_containers_at_once(pairs, run):
    pairs(2)
    rows = [f"a/{i}.npy,b/{i}.npy,{out}" for i in (0, 1) for out in (f"p.h5::{i}", f"q.npz::{i}", f"{i}.npy")]
    Path("p.csv").write_text("\n".join(["a,b,out", *rows]))
    assert {it.status for it in run(pairs="p.csv", out="o").values()} == {"done"}
    assert sorted(load("o/p.h5")) == sorted(load("o/q.npz")) == ["0", "1"]
    assert Path("o/0.npy").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_failed_items_are_left_out_and_resume_adds_what_is_missing(kind, pairs, run, fused):
    pairs(4)
    good = Path("b/2.npy").read_bytes()
    Path("b/2.npy").write_bytes(good[:-100])
    out = f"o/f.{kind}::{{name}}"
    first = run("a/", "b/", out=out)
    assert {name: it.status for name, it in first.items()} == {**dict.fromkeys("013", "done"), "2": "failed"}
    assert sorted(load(f"o/f.{kind}")) == ["0", "1", "3"]
    Path("b/2.npy").write_bytes(good)
    again = run("a/", "b/", out=out, resume=True)
    assert {name: it.status for name, it in again.items()} == {**dict.fromkeys("013", "skipped"), "2": "done"}
    made = load(f"o/f.{kind}")
    assert sorted(made) == ["0", "1", "2", "3"]
    for name, data in made.items():
        assert np.array_equal(data, fused(f"a/{name}.npy", f"b/{name}.npy"))
    stamp = Path(f"o/f.{kind}").stat().st_mtime_ns
    assert {it.status for it in run("a/", "b/", out=out, resume=True).values()} == {"skipped"}
    assert Path(f"o/f.{kind}").stat().st_mtime_ns == stamp


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_file_holds_stays(kind, pairs, run, fused):
    """As with a single run: a new key is added, an existing one needs --force, others are never lost."""
    pairs(2)
    mine = np.ones((3,), np.float32)
    Path("o").mkdir()
    store(f"o/f.{kind}", {"mine": mine, "1": mine})
    before = Path(f"o/f.{kind}").read_bytes()
    with pytest.raises(RunError, match=rf"1 outputs exist already, the first is o/f\.{kind}::1"):
        run("a/", "b/", out=f"o/f.{kind}::{{name}}")
    assert Path(f"o/f.{kind}").read_bytes() == before
    run("a/", "b/", out=f"o/f.{kind}::{{name}}", exclude=("1",))
    assert np.array_equal(load(f"o/f.{kind}")["1"], mine)
    run("a/", "b/", out=f"o/f.{kind}::{{name}}", force=True)
    made = load(f"o/f.{kind}")
    assert sorted(made) == ["0", "1", "mine"]
    assert np.array_equal(made["mine"], mine)
    assert np.array_equal(made["1"], fused("a/1.npy", "b/1.npy"))


def test_it_appears_whole_at_the_end(pairs, plan):
    pairs(3)
    seen = []
    for outcome in plan("a/", "b/", out="o/f.h5::{name}", jobs=2).outcomes():
        seen.append((outcome.status, Path("o/f.h5").exists()))
    assert seen[:3] == [("staged", False)] * 3
    assert seen[3:] == [("done", True)] * 3


def test_stopping_early_leaves_nothing(pairs, plan, left):
    pairs(3)
    outcomes = plan("a/", "b/", out="o/f.h5::{name}", jobs=1).outcomes()
    assert next(outcomes).status == "staged"
    outcomes.close()
    assert [path.name for path in Path("o").iterdir()] == ["manifest.jsonl"]
    assert left() == []


def test_a_broken_container_stops_the_batch_before_work(pairs, plan):
    pairs(1)
    Path("o").mkdir()
    Path("o/f.h5").write_bytes(b"\x89HDF\r\n\x1a\n broken")
    with pytest.raises(InputError, match=r"o/f\.h5"):
        plan("a/", "b/", out="o/f.h5::{name}", force=True)
    store("o/g.npz", {"x": np.ones(2, np.float32)})
    Path("o/g.npz").rename("o/f.h5")
    assert "npz file in spite of its suffix" in str(plan("a/", "b/", out="o/f.h5::{name}").planned[0].error)


def test_a_type_that_the_container_cannot_hold_fails_in_planning(pairs, plan):
    pairs(1)
    batch = plan("a/", "b/", out="f.h5::{name}", dtype="bfloat16")
    assert "hdf5 cannot store bfloat16" in (batch.planned[0].error or "")
    assert plan("a/", "b/", out="f.safetensors::{name}", dtype="bfloat16").planned[0].status == "planned"


def test_bfloat16_small_and_empty_tensors(run):
    tensors = {
        "scalar": np.array(3, np.float32),
        "empty": np.zeros((2, 0), np.float32),
        "big": np.ones((9, 9)),
    }
    np.savez("f.npz", **tensors)
    for kind in KINDS:
        done = run("f.npz::{id}", out=f"o.{kind}::{{id}}", method="strict", layout=None)
        assert {it.error for it in done.values()} == {None}
        made = load(f"o.{kind}")
        for name, data in tensors.items():
            assert made[name].shape == data.shape
            assert np.array_equal(made[name], data)
    run("f.npz::{id}", out="h.safetensors::{id}", method="strict", layout=None, dtype="bfloat16")
    assert featfuse.fuse("h.safetensors::big", method="strict").dtype.name == "bfloat16"


def test_a_fold_gives_its_result(maps, run, fused):
    """A single run to ::KEY keeps the last level only; so does a container."""
    maps("a/{}.npy", [0], (2, 8, 8))
    maps("b/{}.npy", [0], (2, 4, 4))
    run("a/", "b/", out="f.safetensors::{name}", fold="coarse-to-fine")
    expected = fused("a/0.npy", "b/0.npy", fold="coarse-to-fine")
    assert np.array_equal(load("f.safetensors")["0"], expected)


def test_provenance_and_layout(pairs, run):
    pairs(1)
    run("a/", "b/", out="f.h5::{name}")
    with h5py.File("f.h5") as file:
        assert [dim.label for dim in file["0"].dims] == ["C", "H", "W"] or file["0"].attrs or file.attrs


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("force", [False, True])
def test_what_another_run_put_there_meanwhile_stays(kind, force, pairs, plan, fused):
    """Also under a key of this batch, which needs --force as ever; the other items are not concerned."""
    pairs(2)
    theirs = np.ones((3,), np.float32)
    Path("o").mkdir()
    told = []
    for outcome in plan("a/", "b/", out=f"o/f.{kind}::{{name}}", force=force).outcomes():
        if outcome.status == "staged" and not Path(f"o/f.{kind}").exists():
            store(f"o/f.{kind}", {"1": theirs, "theirs": theirs})
        elif outcome.status != "staged":
            told.append((outcome.id, outcome.status, outcome.error))
    made = load(f"o/f.{kind}")
    assert sorted(made) == ["0", "1", "theirs"]
    assert np.array_equal(made["0"], fused("a/0.npy", "b/0.npy"))
    if force:
        assert told == [("0", "done", None), ("1", "done", None)]
        assert np.array_equal(made["1"], fused("a/1.npy", "b/1.npy"))
    else:
        error = f"o/f.{kind}: 1 exists by now\n--force replaces it."
        assert told == [("0", "done", None), ("1", "failed", error)]
        assert np.array_equal(made["1"], theirs)
