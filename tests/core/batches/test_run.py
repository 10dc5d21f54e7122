"""Running: thousands of items, some broken, some workers killed; and the Python API."""

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import featfuse
import numpy as np
import pytest
from featfuse.batches import batch
from featfuse.batches.pool import run_in_processes
from featfuse.batches.work import Task, fuse_item
from featfuse.errors import UsageError


def make_pairs(count):
    """Maps of 64×32×32 and 64×16×16, all different, of which three are broken."""
    generator = np.random.default_rng(0)
    fine = generator.standard_normal((64, 32, 32)).astype(np.float32)
    coarse = generator.standard_normal((64, 16, 16)).astype(np.float32)
    for folder in ("a", "b"):
        Path(folder).mkdir()
    for number in range(count):
        np.save(f"a/m{number}.npy", fine + number)
        np.save(f"b/m{number}.npy", coarse * (number + 1))
    truncated = Path("a/m5.npy").read_bytes()
    Path("a/m5.npy").write_bytes(truncated[:-1000])
    Path("b/m7.npy").unlink()
    np.save("b/m9.npy", np.zeros((48, 16, 16), np.float32))
    return truncated, coarse


@pytest.mark.parametrize("count", [120, pytest.param(2000, marks=pytest.mark.slow)])
def test_thousands_of_pairs(count, run, fused, statuses, left):
    truncated, coarse = make_pairs(count)
    done = run("a/", "b/", out="o/", method="bilinear")
    assert statuses(done.values()) == {
        f"m{number}": "failed" if number in (5, 7, 9) else "done" for number in range(count)
    }
    assert "a/m5.npy" in done["m5"].error
    assert done["m7"].error == "no partner in b/: b/m7.*"
    assert "64" in done["m9"].error
    assert "48" in done["m9"].error
    for number in range(count):
        if number not in (5, 7, 9):
            expected = fused(f"a/m{number}.npy", f"b/m{number}.npy", method="bilinear", out=None)
            assert np.array_equal(np.load(f"o/m{number}.npy"), expected)
    assert left() == []
    stamps = {path: path.stat().st_mtime_ns for path in Path("o").glob("*.npy")}
    assert len(stamps) == count - 3

    Path("a/m5.npy").write_bytes(truncated)
    np.save("b/m7.npy", coarse)
    again = run("a/", "b/", out="o/", method="bilinear", resume=True)
    assert {name: it.status for name, it in again.items() if it.status != "skipped"} == {
        "m5": "done",
        "m7": "done",
        "m9": "failed",
    }
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert np.array_equal(np.load("o/m7.npy"), fused("a/m7.npy", "b/m7.npy", method="bilinear"))


def test_outputs_are_those_of_single_runs_byte_for_byte(pairs, run):
    pairs(2)
    for suffix in ("npy", "safetensors", "h5", "npz"):
        run("a/", "b/", out=f"o/{{name}}.{suffix}")
        featfuse.fuse("a/1.npy", "b/1.npy", out=f"single.{suffix}", method="nearest", layout="CHW")
        assert Path(f"o/1.{suffix}").read_bytes() == Path(f"single.{suffix}").read_bytes()


def test_planning_writes_nothing(pairs, plan):
    pairs(2)
    batch = plan("a/", "b/", out="o/")
    assert [it.status for it in batch.planned] == ["planned"] * 2
    assert [it.shape for it in batch.planned] == [(2, 8, 8)] * 2
    assert batch.total_bytes == 2 * 2 * 8 * 8 * 4
    assert not Path("o").exists()


def test_problems_come_first_and_cost_only_their_items(pairs, run):
    pairs(3)
    Path("b/2.npy").unlink()
    assert [it.status for it in run("a/", "b/", out="o/").values()] == ["failed", "done", "done"]


def test_allow_missing(pairs, run):
    pairs(3)
    Path("b/1.npy").unlink()
    assert run("a/", "b/", out="o/", allow_missing=True)["1"].status == "missing"
    assert not Path("o/1.npy").exists()


def test_fail_fast(pairs, run):
    pairs(40)
    Path("b/20.npy").write_bytes(b"rubbish")
    done = run("a/", "b/", out="o/", fail_fast=True, jobs=1)
    assert [it.status for it in done.values()] == ["failed"], "planning finds it, so nothing is begun"
    assert not list(Path("o").glob("*.npy"))


def test_fail_fast_at_work(maps, run):
    """Integers that do not fit are found when the data are read."""
    Path("a").mkdir()
    for number in range(40):
        np.save(f"a/{number}.npy", np.full((2, 2), 200 if number == 3 else 1, np.uint8))
    done = run("a/", "a/{name}.npy", out="o/", method="strict", layout=None, fail_fast=True, jobs=1)
    assert [it.status for it in done.values()] == ["done"] * 3 + ["failed"]
    assert len(list(Path("o").glob("*.npy"))) == 3


def test_a_killed_worker_costs_its_item_only(pairs, plan, left):
    pairs(60)
    outcomes = plan("a/", "b/", out="o/", jobs=2).outcomes()
    done = [next(outcomes) for _ in range(5)]
    victim = multiprocessing.active_children()[0]
    os.kill(victim.pid, signal.SIGKILL)
    done += outcomes
    failed = [it for it in done if it.status == "failed"]
    assert len(done) == 60
    assert [it.error for it in failed] == ["the worker was killed by SIGKILL, perhaps for lack of memory"]
    assert len(list(Path("o").glob("*.npy"))) >= 59
    assert left() == []


def test_workers_killed_again_and_again(pairs, plan):
    pairs(30)
    killed, done = 0, []
    for outcome in plan("a/", "b/", out="o/", jobs=1).outcomes():
        done.append(outcome)
        children = multiprocessing.active_children()
        if len(done) % 10 == 5 and children:
            os.kill(children[0].pid, signal.SIGKILL)
            killed += 1
    assert killed == 3
    assert len(done) == 30
    assert sum(it.status == "failed" for it in done) == 3


def test_without_a_successor_the_others_go_on(pairs, plan, monkeypatch):
    pairs(30)
    outcomes = plan("a/", "b/", out="o/", jobs=2).outcomes()
    done = [next(outcomes) for _ in range(3)]

    def refuse(*_):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("multiprocessing.context.ForkServerProcess.start", refuse)
    os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)
    done += outcomes
    assert len(done) == 30
    assert sum(it.status == "failed" for it in done) == 1


def test_the_share_of_memory_is_told_as_a_whole(maps, run):
    maps("a/{}.npy", range(2), (1, 1, 400_000))
    maps("b/{}.npy", range(2), (1, 1, 400_004))
    whole = {"method": "pad", "pad_mode": "median"}
    failed = run("a/", "b/", out="o/", memory="2M", jobs=2, **whole)["0"]
    assert "--memory 1 MiB for each of 2 jobs is too small" in failed.error
    needed = int(failed.error.split("Give --memory ")[1].split("M")[0])
    assert "or give fewer --jobs" in failed.error
    assert run("a/", "b/", out="o/", memory=f"{needed}M", jobs=2, force=True, **whole)["0"].status == "done"


def test_a_worker_that_ends_by_itself():
    tasks = [Task("x", (), "x", {}, 0, 1), Task("y", (), "y", {}, 0, 1)]
    outcomes = list(run_in_processes(tasks, 2))
    assert {it.status for it in outcomes} == {"failed"}
    assert not multiprocessing.active_children()


def test_a_bug_costs_its_item_and_keeps_its_traceback(pairs, monkeypatch):
    pairs(1)
    monkeypatch.setattr("featfuse.fusion.plan_for", lambda *_: 1 / 0)
    outcome = fuse_item(Task("0", ("a/0.npy", "b/0.npy"), "o/0.npy", {"method": "nearest"}, 1 << 20, 1))
    assert outcome.status == "failed"
    assert "a bug in featfuse" in (outcome.error or "")
    assert "ZeroDivisionError" in (outcome.error or "")


def test_no_worker_outlives_the_batch(pairs, run, plan):
    pairs(6)
    run("a/", "b/", out="o/")
    assert multiprocessing.active_children() == []
    outcomes = plan("a/", "b/", out="p/", jobs=2).outcomes()
    next(outcomes)
    outcomes.close()
    assert multiprocessing.active_children() == []


def test_each_item_has_its_own_mask(maps, run, fused):
    maps("a/{}.npy", range(3), (2, 8, 8))
    maps("b/{}.npy", range(3), (2, 4, 4))
    maps("m/{}.npy", range(3), (1, 8, 8))
    run("a/{id}.npy", "b/{id}.npy", out="o/{id}.npy", mask="m/{id}.npy")
    for number in range(3):
        expected = fused(f"a/{number}.npy", f"b/{number}.npy", mask=f"m/{number}.npy")
        assert np.array_equal(np.load(f"o/{number}.npy"), expected)


def test_a_field_of_an_option_that_no_item_has(pairs, plan):
    pairs(1)
    for name in ("m/{nr}.npy", "m/{id.__class__}{nr}.npy"):
        with pytest.raises(UsageError, match=r"--mask .* no item has the field \{nr\}") as caught:
            plan("a/{id}.npy", "b/{id}.npy", out="o/{id}.npy", mask=name)
        assert "{id}" in caught.value.hint
    Path("p.csv").write_text("a,b,out\na/0.npy,b/0.npy,c.npy\n")
    with pytest.raises(UsageError, match="no item has the field"):
        plan(pairs="p.csv", out="o", mask="m/{id}.npy")


def test_masks_of_the_python_api(maps, run, fused):
    """Paths and arrays are taken, and told in the manifest."""
    maps("a/{}.npy", [0], (2, 8, 8))
    maps("b/{}.npy", [0], (2, 4, 4))
    maps("m/{}.npy", [0], (1, 8, 8))
    for mask in (Path("m/0.npy"), np.load("m/0.npy")):
        expected = fused("a/0.npy", "b/0.npy", mask=mask)
        assert run("a/", "b/", out="o/", mask=mask, force=True)["0"].error is None
        assert np.array_equal(np.load("o/0.npy"), expected)
        assert run("a/", "b/", out="o/", mask=mask, resume=True)["0"].status == "skipped"
    assert run("a/", "b/", out="o/", mask=np.ones((1, 8, 8)), resume=True)["0"].status == "done"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"jobs": 0}, "--jobs 0: at least 1"),
        ({"method": "bilinaer"}, "Did you mean bilinear"),
        ({"pad_value": 1.0}, "--pad-value is not used"),
        ({"memory": "much"}, "--memory"),
        ({"nonsense": 1}, "unknown option 'nonsense'"),
        ({"dask": "tcp://127.0.0.1:1", "jobs": 2}, "--jobs is not used by --dask"),
    ],
)
def test_wrong_options_stop_the_batch_before_work(options, words, pairs, run):
    pairs(1)
    with pytest.raises(UsageError) as caught:
        run("a/", "b/", out="o/", **options)
    assert words in str(caught.value)
    assert not Path("o").exists()


def test_a_script_needs_no_guard(pairs):
    """Workers do not run the caller's script."""
    pairs(3)
    script = 'import featfuse\nprint("once")\noptions = {"method": "nearest", "layout": "CHW", "jobs": 2}\n'
    Path("script.py").write_text(
        script + 'print(*sorted(it.status for it in featfuse.batch("a/", "b/", out="o/", **options)))\n'
    )
    told = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, check=True)
    assert told.stdout == "once\ndone done done\n"
    assert told.stderr == ""


def test_the_function_is_public():
    assert featfuse.batch is batch
    assert "batch" in featfuse.__all__


@pytest.mark.parametrize(("error", "told"), [("EOFError", False), ("MemoryError", False), ("KeyError", True)])
def test_what_a_worker_that_never_began_tells(error, told):
    """EOFError: its batch was ended (a SIGTERM) before it had read what to do."""
    code = f"import featfuse.batch_server; raise {error}"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert ("Traceback" in result.stderr) == told
