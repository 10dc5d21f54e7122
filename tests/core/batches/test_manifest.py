"""The manifest, and --resume, which trusts it."""

import errno
import json
import os
import time
from pathlib import Path

import featfuse
import numpy as np
import pytest
from featfuse.batches.manifest import OLD, Manifest
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


def failed(path="o/manifest.jsonl"):
    """What the README's recipe names."""
    return sorted(line["id"] for line in lines(path) if line["status"] == "failed")


def last_words(path="o/manifest.jsonl"):
    """Every item with the one status that is not old."""
    found = [(line["id"], line["status"]) for line in lines(path) if line["status"] != OLD]
    assert len(dict(found)) == len(found), "one last word each"
    return dict(found)


def spoil(path):
    """The same file cut short; what mends it."""
    data = Path(path).read_bytes()
    Path(path).write_bytes(data[:-9])
    return lambda: Path(path).write_bytes(data)


def test_what_was_said_before_is_marked_as_old(pairs, run):
    pairs(2)
    run("a/", "b/", out="o/")
    before = lines()
    run("a/", "b/", out="o/", force=True)
    assert lines()[:2] == [{**line, "status": OLD} for line in before], "nothing else of it has changed"
    assert last_words() == {"0": "done", "1": "done"}
    assert len(lines()) == 4


def test_what_is_failed_now_after_every_resume(pairs, run):
    pairs(4)
    mend_1, mend_2, _ = spoil("b/1.npy"), spoil("b/2.npy"), spoil("b/3.npy")
    run("a/", "b/", out="o/")
    assert failed() == ["1", "2", "3"]
    mend_1()
    run("a/", "b/", out="./o", resume=True)
    assert failed() == ["2", "3"], "the output's folder is the same, though spelt otherwise"
    mend_2()
    spoil("a/0.npy")
    run("a/", "b/", out="o/", resume=True)
    assert last_words() == {"0": "failed", "1": "done", "2": "done", "3": "failed"}
    again = run("a/", "b/", out="o/", resume=True)
    assert {name: it.status for name, it in again.items()} == {
        **dict.fromkeys("03", "failed"),
        **dict.fromkeys("12", "skipped"),
    }
    assert last_words() == {"0": "failed", "1": "done", "2": "done", "3": "failed"}


def test_what_is_failed_now_while_a_batch_runs(pairs, plan):
    """After each item, not only at the end: a batch may be killed at any moment."""
    pairs(3)
    mend = [spoil(f"b/{number}.npy") for number in range(3)]
    for _ in plan("a/", "b/", out="o/").outcomes():
        pass
    for each in mend:
        each()
    still = ["0", "1", "2"]
    for outcome in plan("a/", "b/", out="o/", resume=True).outcomes():
        still.remove(outcome.id)
        assert failed() == still


def test_items_that_are_not_tried_again_are_still_failed(pairs, run):
    pairs(3)
    mend_1, _ = spoil("b/1.npy"), spoil("b/2.npy")
    run("a/", "b/", out="o/")
    mend_1()
    run("a/", "b/", out="o/", resume=True, include=("1",))
    assert failed() == ["2"]
    run("a/", "b/", out="o/", resume=True, include=("0",))
    assert failed() == ["2"]


def test_a_missing_partner_that_is_allowed_is_no_failure(pairs, run):
    pairs(2)
    Path("b/1.npy").unlink()
    run("a/", "b/", out="o/")
    assert failed() == ["1"]
    run("a/", "b/", out="o/", resume=True, allow_missing=True)
    assert last_words() == {"0": "done", "1": "missing"}


def test_items_that_are_no_more(maps, run):
    """A broken file was removed, has another suffix now, or is a container that can be read by now."""
    maps("a/{}.npy", ["0", "1", "2"])
    for name in ("1", "2"):
        spoil(f"a/{name}.npy")
    run("a/", out="o/", method="strict")
    maps("other/{}.npy", ["1"])
    spoil("other/1.npy")
    run("other/", out="o/{name}-2.npy", method="strict")
    assert failed() == ["1", "1", "2"]
    Path("a/1.npy").unlink()
    maps("a/{}.safetensors", ["2"])
    Path("a/2.npy").unlink()
    run("a/", out="o/", method="strict", resume=True)
    assert [line["out"] for line in lines() if line["status"] == "failed"] == ["o/1-2.npy"], (
        "of another batch"
    )
    maps("runs/{}.h5", ["x"])
    maps("runs/{}.safetensors", ["y"])
    mend = spoil("runs/x.h5")
    run("runs/{run}.h5::{id}", out="p/{run}/{id}.npy", method="strict")
    assert failed("p/manifest.jsonl") == ["x/*"]
    mend()
    run("runs/{run}.h5::{id}", out="p/{run}/{id}.npy", method="strict", resume=True)
    assert last_words("p/manifest.jsonl") == {"x/feat": "done"}


def test_manifests_that_were_joined(pairs, run):
    """Also those of earlier versions, which marked nothing: the last line of each output counts."""
    pairs(3)
    mend = spoil("b/1.npy")
    run("a/", "b/", out="o/", manifest="first.jsonl")
    mend()
    spoil("b/2.npy")
    run("a/", "b/", out="o/", manifest="second.jsonl", force=True)
    joined = Path("first.jsonl").read_bytes() + Path("second.jsonl").read_bytes()
    Path("joined.jsonl").write_bytes(joined + joined)
    assert failed("joined.jsonl") == ["1", "1", "2", "2"]
    again = run("a/", "b/", out="o/", manifest="joined.jsonl", resume=True)
    assert {name: it.status for name, it in again.items()} == {"0": "skipped", "1": "skipped", "2": "failed"}
    assert last_words("joined.jsonl") == {"0": "done", "1": "done", "2": "failed"}


def test_rows_without_an_output_keep_a_word_each(pairs, run):
    pairs(1)
    Path("p.csv").write_text("a,b,out\na/0.npy,b/0.npy,\n,,none.npy\na/0.npy,b/0.npy,x.npy\n")
    for _ in range(2):
        run(pairs="p.csv", out="o", resume=True)
        assert last_words() == {"row 1": "failed", "none.npy": "failed", "x.npy": "done"}


def test_an_output_whose_renewal_failed_is_still_no_input(pairs, run):
    pairs(2)
    run("a/{id}.npy", "b/{id}.npy", out="a/{id}-f.npy")
    spoil("b/1.npy")
    for _ in range(2):
        done = run("a/{id}.npy", "b/{id}.npy", out="a/{id}-f.npy", resume=True)
        assert {name: it.status for name, it in done.items()} == {"0": "skipped", "1": "failed"}


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
    states = resume(run)
    assert sorted(states.values()) == ["done", "skipped", "skipped"]
    assert last_words() == dict.fromkeys("012", "done"), "the rest of the line is gone, every other is whole"
    assert set(resume(run).values()) == {"skipped"}


@pytest.mark.parametrize("rest", [b'{"id": "1", "sta', b"\0" * 700, b'{"id": "1"'])
def test_torn_lines_that_were_closed_off(rest, pairs, run):
    """As earlier versions left them in the middle, and power cuts do."""
    pairs(2)
    run("a/", "b/", out="o/")
    path = Path("o/manifest.jsonl")
    path.write_bytes(rest + b"\n" + path.read_bytes())
    assert set(resume(run).values()) == {"skipped"}
    first, *others = path.read_bytes().splitlines()
    assert first == b" " * len(rest), "white space between the lines, as jq reads it"
    assert len([json.loads(line) for line in others]) == 2


def test_a_file_of_the_users_own_is_left_as_it_is(pairs, run):
    pairs(1)
    Path("notes").write_text("to do\n[1, 2]\nno end of line")
    run("a/", "b/", out="o/", manifest="notes")
    assert Path("notes").read_text().startswith("to do\n[1, 2]\nno end of line\n{")


def test_while_another_batch_has_it_open_nothing_is_taken_out(pairs, run):
    pairs(2)
    run("a/", "b/", out="o/")
    other = Manifest(Path("o/manifest.jsonl"))
    other.open()
    torn = b'{"id": "not yet wri'
    with other.path.open("ab") as file:
        file.write(torn)
    assert set(resume(run).values()) == {"skipped"}
    assert torn in other.path.read_bytes(), "who knows: the other may be about to write the rest"
    other.close()
    assert set(resume(run).values()) == {"skipped"}
    assert torn not in other.path.read_bytes()


def test_a_line_that_moved_is_not_marked(pairs, plan):
    """Somebody has edited the file while the batch was planned."""
    pairs(2)
    for _ in plan("a/", "b/", out="o/").outcomes():
        pass
    path = Path("o/manifest.jsonl")
    batch = plan("a/", "b/", out="o/", force=True)
    path.write_bytes(b"   " + path.read_bytes())
    for _ in batch.outcomes():
        pass
    assert [line["status"] for line in lines()] == ["done"] * 4
    for _ in plan("a/", "b/", out="o/", resume=True).outcomes():
        pass
    assert [line["status"] for line in lines()] == [OLD, OLD, "done", "done"], "seen the next time"


def test_what_is_no_plain_file_takes_lines(pairs, run):
    pairs(1)
    for _ in range(2):
        assert run("a/", "b/", out="o/", manifest="/dev/null", force=True)["0"].status == "done"


def test_a_disk_that_fills_up_tears_a_line(tmp_path, monkeypatch):
    """What the system took of it is no entry, and is gone the next time."""
    entry = {"id": "1", "status": "done", "out": "o/1.npy", "inputs": [], "error": None}
    manifest = Manifest(tmp_path / "m")
    manifest.append(entry)
    write, left = os.write, [20]

    def some(fd, data):
        if not left[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken, left[0] = write(fd, data[: left[0]]), 0
        return taken

    monkeypatch.setattr(os, "write", some)
    with pytest.raises(RunError, match="the manifest cannot be written: No space left"):
        manifest.append({**entry, "id": "2", "out": "o/2.npy"})
    manifest.close()
    monkeypatch.undo()
    assert len((tmp_path / "m").read_bytes().splitlines()) == 2
    manifest = Manifest(tmp_path / "m").load()
    manifest.append({**entry, "id": "3", "out": "o/3.npy"})
    manifest.close()
    assert list(last_words(tmp_path / "m")) == ["1", "3"]


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
        for manifest, name in ((first, "x"), (second, "y")):
            manifest.append({"id": str(number), "out": name * 500, "status": "done"})
    first.close()
    second.close()
    found = lines(tmp_path / "m")
    assert len(found) == 100
    assert [line["out"][0] for line in found if line["status"] == "done"] == ["x", "y"], (
        "marks hit their lines"
    )


@pytest.mark.parametrize("there", [True, False])
def test_a_manifest_that_is_a_link(there, pairs, run, plan):
    """It is not written through: neither what it leads to, nor what it would make."""
    pairs(1)
    Path("o").mkdir()
    if there:
        Path("precious").write_bytes(b"precious\n")
    Path("o/manifest.jsonl").symlink_to("../precious")
    with pytest.raises(RunError, match="the manifest is a link, which is not followed") as caught:
        run("a/", "b/", out="o/")
    assert "manifest=FILE" in caught.value.hint
    Path("o/manifest.jsonl").unlink()
    batch = plan("a/", "b/", out="o/")
    Path("o/manifest.jsonl").symlink_to("../precious")
    with pytest.raises(RunError, match="is a link"):
        list(batch.outcomes())
    assert Path("precious").exists() == there
    assert not there or Path("precious").read_bytes() == b"precious\n"


def test_a_manifest_that_is_a_pipe_is_not_waited_for(pairs, run):
    pairs(1)
    Path("o").mkdir()
    os.mkfifo("o/manifest.jsonl")
    with pytest.raises(RunError, match=r"manifest\.jsonl: the manifest cannot be read: Not a regular file"):
        run("a/", "b/", out="o/")


def test_a_manifest_whose_folder_is_swapped_for_a_link(pairs, plan):
    pairs(1)
    for folder in ("logs", "elsewhere"):
        Path(folder).mkdir()
    batch = plan("a/", "b/", out="o/", manifest="logs/m.jsonl")
    Path("logs").rmdir()
    Path("logs").symlink_to("elsewhere")
    with pytest.raises(RunError, match="the manifest cannot be written: Not a directory"):
        list(batch.outcomes())
    assert names("elsewhere") == []
