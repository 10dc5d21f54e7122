"""The manifest, and --resume, which trusts it."""

import json
import os
import time
from pathlib import Path

import featfuse
import numpy as np
import pytest
from featfuse.batches.manifest import Manifest
from featfuse.errors import RunError, UsageError


def names(folder="."):
    return sorted(path.name for path in Path(folder).iterdir())


def lines(path="o/manifest.jsonl"):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def resume(run, **options):
    return {name: it.status for name, it in run("a/", "b/", out="o/", resume=True, **options).items()}


def test_a_line_for_each_item(pairs, run):
    pairs(2)
    Path("b/1.npy").write_bytes(b"rubbish")
    run("a/", "b/", out="o/", method="linear", memory="8M")
    failed, done = sorted(lines(), key=lambda line: line["status"], reverse=True)
    assert done["id"] == "0"
    assert done["status"] == "done"
    assert done["out"] == "o/0.npy"
    assert done["inputs"][0] == {
        "path": "a/0.npy",
        "key": None,
        "size": Path("a/0.npy").stat().st_size,
        "mtime_ns": Path("a/0.npy").stat().st_mtime_ns,
    }
    assert done["recipe"]["method"] == "bilinear", "resolved: an alias has its proper name"
    assert done["recipe"]["combine"] == "add", "resolved: with the defaults"
    assert done["shape"] == [2, 8, 8]
    assert done["dtype"] == "float32"
    assert done["seconds"] >= 0
    assert done["error"] is None
    assert done["featfuse"] == featfuse.__version__
    assert failed["id"] == "1"
    assert failed["status"] == "failed"
    assert "b/1.npy" in failed["error"]


def test_it_only_grows(pairs, run):
    pairs(2)
    run("a/", "b/", out="o/")
    before = Path("o/manifest.jsonl").read_bytes()
    run("a/", "b/", out="o/", force=True)
    after = Path("o/manifest.jsonl").read_bytes()
    assert after.startswith(before)
    assert len(lines()) == 4


def test_nothing_done_is_touched(pairs, run):
    pairs(3)
    run("a/", "b/", out="o/")
    before = {path: path.stat().st_mtime_ns for path in Path("o").iterdir()}
    assert resume(run) == dict.fromkeys("012", "skipped")
    assert {path: path.stat().st_mtime_ns for path in Path("o").iterdir()} == before


def test_what_is_missing_is_done(pairs, run, fused):
    pairs(3)
    run("a/", "b/", out="o/")
    Path("o/1.npy").unlink()
    assert resume(run) == {"0": "skipped", "1": "done", "2": "skipped"}
    assert np.array_equal(np.load("o/1.npy"), fused("a/1.npy", "b/1.npy"))


def test_what_has_changed_is_done_again(pairs, run, fused):
    pairs(2)
    run("a/", "b/", out="o/")
    np.save("b/1.npy", np.zeros((2, 2, 2), np.float32))
    assert resume(run) == {"0": "skipped", "1": "done"}
    assert np.array_equal(np.load("o/1.npy"), fused("a/1.npy", "b/1.npy"))
    os.utime("a/0.npy", ns=(1, 1))
    assert resume(run) == {"0": "done", "1": "skipped"}


def test_another_recipe_does_everything_again(pairs, run):
    pairs(2)
    run("a/", "b/", out="o/", method="bilinear")
    assert resume(run, method="linear") == dict.fromkeys("01", "skipped"), "an alias of the same"
    assert resume(run, method="bilinear", combine="add") == dict.fromkeys("01", "skipped"), "the default"
    assert resume(run, method="bicubic") == dict.fromkeys("01", "done")
    assert resume(run, method="bicubic", combine="mul") == dict.fromkeys("01", "done")
    assert resume(run, method="bilinear") == dict.fromkeys("01", "done"), "the last line counts"


def test_a_changed_mask_is_a_change(pairs, maps, run):
    pairs(2)
    maps("m/{}.npy", range(2), (1, 8, 8))
    run("a/", "b/", out="o/", mask="m/{name}.npy")
    assert resume(run, mask="m/{name}.npy") == dict.fromkeys("01", "skipped")
    np.save("m/1.npy", np.zeros((1, 8, 8), np.float32))
    assert resume(run, mask="m/{name}.npy") == {"0": "skipped", "1": "done"}
    assert np.array_equal(np.load("o/1.npy"), np.load("a/1.npy"))


def test_resources_are_no_part_of_the_recipe(pairs, run):
    pairs(1)
    run("a/", "b/", out="o/", memory="4M", threads=1, jobs=1)
    assert resume(run, memory="16M", threads=2, jobs=2) == {"0": "skipped"}


def test_a_torn_last_line_is_survived(pairs, run):
    pairs(3)
    run("a/", "b/", out="o/")
    path = Path("o/manifest.jsonl")
    path.write_bytes(path.read_bytes()[:-40])
    torn = lines_of_text(path)[-1]
    states = resume(run)
    assert sorted(states.values()) == ["done", "skipped", "skipped"]
    text = lines_of_text(path)
    assert torn in text, "closed off, not mended"
    assert json.loads(text[-1])["status"] == "done"
    assert set(resume(run).values()) == {"skipped"}


def lines_of_text(path):
    return path.read_text().splitlines()


@pytest.mark.parametrize(
    "rubbish", [b"\x00\xff\xfe\n", b"[1, 2]\n", b'"text"\n', b"{}\n", b"null\n", b"\n\n"]
)
def test_lines_that_are_no_entries_are_passed_over(rubbish, pairs, run):
    pairs(1)
    run("a/", "b/", out="o/")
    path = Path("o/manifest.jsonl")
    path.write_bytes(rubbish + path.read_bytes() + rubbish)
    assert resume(run) == {"0": "skipped"}


def test_an_output_without_a_line_is_made_again(pairs, run, fused):
    pairs(1)
    Path("o").mkdir()
    Path("o/0.npy").write_bytes(b"half a file")
    assert resume(run) == {"0": "done"}
    assert np.array_equal(np.load("o/0.npy"), fused("a/0.npy", "b/0.npy"))


def test_a_failed_item_is_tried_again(pairs, run):
    pairs(2)
    good = Path("b/1.npy").read_bytes()
    Path("b/1.npy").write_bytes(good[:100])
    run("a/", "b/", out="o/")
    assert resume(run) == {"0": "skipped", "1": "failed"}
    Path("b/1.npy").write_bytes(good)
    assert resume(run) == {"0": "skipped", "1": "done"}


def test_two_batches_share_a_folder(pairs, run):
    pairs(2)
    run("a/", "b/", out="o/{name}-n.npy")
    run("a/", "b/", out="o/{name}-b.npy", method="bilinear")
    for out, method in (("o/{name}-n.npy", "nearest"), ("o/{name}-b.npy", "bilinear")):
        again = run("a/", "b/", out=out, method=method, resume=True)
        assert {it.status for it in again.values()} == {"skipped"}


def test_a_manifest_elsewhere(pairs, run):
    pairs(1)
    run("a/", "b/", out="o/", manifest="logs/m.jsonl")
    assert names("o") == ["0.npy"]
    assert resume(run, manifest="logs/m.jsonl") == {"0": "skipped"}
    assert resume(run) == {"0": "done"}, "the default manifest knows nothing"


def test_a_manifest_that_cannot_be_written_stops_the_batch_before_work(pairs, run):
    pairs(1)
    Path("file").touch()
    with pytest.raises(RunError, match="the manifest cannot be"):
        run("a/", "b/", out="o/", manifest="file/m.jsonl")
    with pytest.raises(RunError, match="the manifest cannot be"):
        run("a/", "b/", out="o/", manifest="a")
    assert not Path("o/0.npy").exists()


def test_existing_outputs_stop_the_batch(pairs, run):
    pairs(2)
    Path("o").mkdir()
    Path("o/1.npy").write_bytes(b"mine")
    with pytest.raises(RunError, match=r"1 outputs exist already, the first is o/1\.npy") as caught:
        run("a/", "b/", out="o/")
    assert "resume=True" in caught.value.hint
    assert "force=True" in caught.value.hint
    assert names("o") == ["1.npy"]
    assert {it.status for it in run("a/", "b/", out="o/", force=True).values()} == {"done"}


def test_resume_and_force_exclude_each_other(pairs, run):
    pairs(1)
    with pytest.raises(UsageError, match="exclude each other"):
        run("a/", "b/", out="o/", force=True, resume=True)


def test_an_input_that_changes_while_it_is_read_is_done_again(pairs, plan, run):
    """The line tells what the input was when the work began."""
    pairs(1)
    batch = plan("a/", "b/", out="o/", jobs=1)
    for _ in batch.outcomes():  # the line is written before the outcome is told
        pass
    stamp = lines()[0]["inputs"][0]["mtime_ns"]
    assert stamp == Path("a/0.npy").stat().st_mtime_ns
    begun = batch._task(0, {})
    os.utime("a/0.npy", ns=(time.time_ns(), time.time_ns()))
    assert begun.id == "0"
    batch._record(0, batch.planned[0])
    assert lines()[-1]["inputs"][0]["mtime_ns"] == stamp


def test_concurrent_lines_do_not_mix(tmp_path):
    first, second = Manifest(tmp_path / "m"), Manifest(tmp_path / "m")
    for number in range(50):
        for manifest in (first, second):
            manifest.append({"id": str(number), "out": "x" * 500, "status": "done"})
    first.close()
    second.close()
    assert len(lines(tmp_path / "m")) == 100
