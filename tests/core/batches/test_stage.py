"""What a killed batch has finished for a container is taken over by --resume, if nothing has changed."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from featfuse.batches import stage
from featfuse.batches.stage import staged_name
from featfuse.storage.sweep import STAGE_NOTES, sweep
from safetensors.numpy import save_file

from tests.support.batches import KINDS, load

MARK = np.full((2, 8, 8), 7, np.float32)


def stages():
    return sorted(Path("o").glob(".*.stage"))


@pytest.fixture
def killed(pairs, plan):
    """`killed("o/f.h5")`: three items of a process that is gone wait beside it. They hold MARK, no sums."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()

    def make(path):
        pairs(4)
        outcomes = plan("a/", "b/", out=f"{path}::{{name}}", jobs=1).outcomes()
        ids = [next(outcomes).id for _ in range(3)]
        (live,) = stages()
        dead = live.with_name(live.name.replace(f".{os.getpid()}.", f".{process.pid}."))
        shutil.copytree(live, dead, ignore=shutil.ignore_patterns(".*"))  # what is on its way vanishes
        outcomes.close()
        assert stages() == [dead]
        for name in ids:
            save_file({"fused": MARK}, dead / staged_name(name))
        return dead

    return make


def marked(path):
    return {name: np.array_equal(data, MARK) for name, data in load(path).items()}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_finished_is_taken_over(kind, killed, run):
    killed(f"o/f.{kind}")
    done = run("a/", "b/", out=f"o/f.{kind}::{{name}}", resume=True)
    assert {it.status for it in done.values()} == {"done"}
    assert done["0"].out == f"o/f.{kind}::0"
    assert marked(f"o/f.{kind}") == {"0": True, "1": True, "2": True, "3": False}
    assert stages() == []
    lines = [json.loads(line) for line in Path("o/manifest.jsonl").read_text().splitlines()]
    assert sorted(line["id"] for line in lines if line["status"] == "done") == ["0", "1", "2", "3"]
    again = run("a/", "b/", out=f"o/f.{kind}::{{name}}", resume=True)
    assert {it.status for it in again.values()} == {"skipped"}


def test_what_has_changed_since_is_made_again(killed, run, fused):
    dead = killed("o/f.h5")
    os.utime("b/0.npy", ns=(1, 1))
    (dead / staged_name("1")).write_bytes(b"torn")
    done = run("a/", "b/", out="o/f.h5::{name}", resume=True)
    assert {it.status for it in done.values()} == {"done"}
    assert marked("o/f.h5") == {"0": False, "1": False, "2": True, "3": False}
    for name in "013":
        assert np.array_equal(load("o/f.h5")[name], fused(f"a/{name}.npy", f"b/{name}.npy"))
    assert stages() == []


@pytest.mark.parametrize("how", [{}, {"force": True}, {"resume": True, "method": "bilinear"}])
def test_another_recipe_or_no_resume_begins_anew(how, killed, run):
    killed("o/f.h5")
    run("a/", "b/", out="o/f.h5::{name}", **how)
    assert not any(marked("o/f.h5").values())
    assert stages() == []


@pytest.mark.parametrize("boot", ["another start", ""])
def test_after_the_machine_was_started_anew(boot, killed, run, monkeypatch):
    """Nobody had waited for the disk."""
    killed("o/f.h5")
    monkeypatch.setattr(stage, "_boot", lambda: boot)
    run("a/", "b/", out="o/f.h5::{name}", resume=True)
    assert not any(marked("o/f.h5").values())
    assert stages() == []


@pytest.mark.parametrize("notes", ["torn", "deep", "rubbish", "a pipe", "writable by others", "none"])
def test_notes_that_cannot_be_trusted(notes, killed, run):
    dead = killed("o/f.h5")
    place = dead / STAGE_NOTES
    lines = place.read_bytes().splitlines(keepends=True)
    if notes == "writable by others":
        dead.chmod(0o777)
    else:
        place.unlink()
    if notes == "a pipe":
        os.mkfifo(place)
    elif notes == "deep":
        place.write_bytes(lines[0] + b"[" * 100_000 + b"\n" + lines[1])
    elif notes == "torn":
        place.write_bytes(lines[0] + lines[1] + lines[2][:-9])
    elif notes == "rubbish":
        place.write_bytes(b'{"container": "f.h5"}\n[]\n{"file": 1}\n\xff\n')
    done = run("a/", "b/", out="o/f.h5::{name}", resume=True)
    assert {it.status for it in done.values()} == {"done"}
    assert sum(marked("o/f.h5").values()) == (1 if notes in ("torn", "deep") else 0)


def test_another_container_leaves_it_alone_and_a_sweep_for_a_week(killed, run):
    dead = killed("o/f.h5")
    run("a/", "b/", out="o/g.h5::{name}", resume=True)
    sweep("o")
    assert stages() == [dead]
    old = time.time() - 8 * 24 * 3600
    os.utime(dead / STAGE_NOTES, (old, old))
    sweep("o")
    assert stages() == []


def test_a_stage_that_a_link_leads_to(killed, run):
    dead = killed("o/f.h5")
    dead.rename("elsewhere")
    before = sorted(Path("elsewhere").iterdir())
    dead.symlink_to(Path("elsewhere").resolve())
    run("a/", "b/", out="o/f.h5::{name}", resume=True)
    assert not any(marked("o/f.h5").values())
    assert sorted(Path("elsewhere").iterdir()) == before
