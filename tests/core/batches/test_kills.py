"""Processes killed at any moment: what is there is whole, and --resume does the rest."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.support.amounts import only_slow

FUSE = [sys.executable, "-c", "from featfuse_cli import main; main()"]
COUNT = 120


@pytest.fixture
def inputs():
    generator = np.random.default_rng(0)
    for folder, size in (("a", 32), ("b", 16)):
        Path(folder).mkdir()
        for number in range(COUNT):
            np.save(f"{folder}/{number}.npy", generator.standard_normal((64, size, size)).astype(np.float32))


def start(*words):
    """`fuse batch` in a process group of its own, as a shell would."""
    return subprocess.Popen(
        [*FUSE, "batch", *words, "-m", "bilinear", "--layout", "CHW", "-j", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(condition, process):
    """Until the condition holds, or the process has ended."""
    limit = time.monotonic() + 60
    while not condition() and process.poll() is None:
        assert time.monotonic() < limit
        time.sleep(0.002)


def count_lines(path):
    return path.read_bytes().count(b"\n") if path.exists() else 0


def kill_group(process):
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def check_outputs(fused, wanted):
    paths = sorted(Path("o").glob("*.npy"))
    assert len(paths) == wanted if wanted is not None else paths
    for path in paths:
        assert np.array_equal(
            np.load(path), fused(f"a/{path.stem}.npy", f"b/{path.stem}.npy", method="bilinear")
        )


@pytest.mark.parametrize("times", only_slow([4, 10]))
def test_killed_over_and_over(times, inputs, fused, left):
    rng = random.Random(1)
    manifest = Path("o/manifest.jsonl")
    for number in range(times):
        process = start("a/", "b/", "--out", "o/", "--resume")
        target = count_lines(manifest) + rng.choice([0, 1, 2, 4])
        wait_for(lambda target=target: manifest.exists() and count_lines(manifest) >= target, process)
        time.sleep(rng.random() * 0.03)
        if process.poll() is None:
            kill_group(process)
        else:  # everything was done already
            process.communicate()
            assert process.returncode == 0
        if number % 3 == 0:
            check_outputs(fused, None if list(Path("o").glob("*.npy")) else 0)
    process = start("a/", "b/", "--out", "o/", "--resume")
    told, errors = process.communicate()
    assert process.returncode == 0, errors
    assert f"{COUNT} items" in told
    check_outputs(fused, COUNT)
    assert left() == []


@pytest.mark.slow
def test_what_is_failed_now_when_it_is_killed(inputs):
    """At any moment: what was broken before, and has not been done since."""
    good = {name: Path(f"b/{name}.npy").read_bytes() for name in map(str, range(COUNT))}
    for name in good:
        Path(f"b/{name}.npy").write_bytes(b"rubbish")
    assert start("a/", "b/", "--out", "o/", "--quiet").communicate()[0] == ""
    for name, data in good.items():
        Path(f"b/{name}.npy").write_bytes(data)
    manifest = Path("o/manifest.jsonl")
    assert manifest.read_bytes().count(b'"status": "failed"') == COUNT
    rng = random.Random(3)
    for _ in range(3):
        process = start("a/", "b/", "--out", "o/", "--resume")
        target = count_lines(manifest) + 5
        wait_for(lambda target=target: count_lines(manifest) >= target, process)
        time.sleep(rng.random() * 0.02)
        kill_group(process)
        entries = [json.loads(line) for line in manifest.read_bytes().splitlines()]
        last = {entry["id"]: entry["status"] for entry in entries}
        failed = {entry["id"] for entry in entries if entry["status"] == "failed"}
        now = {name for name, status in last.items() if status == "failed"}
        assert now <= failed <= now | {entries[-1]["id"]}, "the mark follows its line by an instant"
        assert set(last.values()) <= {"failed", "done"}


@pytest.mark.parametrize("times", only_slow([5]))
def test_killed_before_a_container_is_written(times, inputs, fused, left):
    """What is finished is not done again: each time it is more."""
    rng = random.Random(2)
    for number in range(times):
        process = start("a/", "b/", "--out", "o/f.h5::{name}", "--resume")
        wait_for(lambda number=number: noted() > 8 * number + 3, process)
        time.sleep(rng.random() * 0.03)
        kill_group(process)
        assert not Path("o/f.h5").exists()
        assert noted() >= 8 * number + 3, "but for one that was on its way from folder to folder"
    process = start("a/", "b/", "--out", "o/f.h5::{name}", "--resume")
    assert process.communicate()[1] == ""
    assert process.returncode == 0
    with h5py.File("o/f.h5") as file:
        assert len(file) == COUNT
        for name in file:
            expected = fused(f"a/{name}.npy", f"b/{name}.npy", method="bilinear")
            assert np.array_equal(file[name], expected)
    assert left() == []


def noted():
    """The finished items that wait beside the container."""
    found = set()
    for path in Path().glob("o/.*/items.jsonl"):
        with suppress(FileNotFoundError):  # the folder is another batch's by now
            lines = path.read_bytes().split(b"\n")[1:-1]
            found |= {file for line in lines if path.with_name(file := json.loads(line)["file"]).exists()}
    return len(found)


@pytest.mark.slow
def test_the_main_process_alone_is_killed(inputs, fused, left):
    """Its workers end by themselves, with whole files."""
    process = start("a/", "b/", "--out", "o/")
    wait_for(lambda: count_lines(Path("o/manifest.jsonl")) > 5, process)
    process.kill()
    process.communicate()  # waits until the last worker has closed its end
    wait_for_the_end_of(process.pid)
    check_outputs(fused, None)
    process = start("a/", "b/", "--out", "o/", "--resume")
    process.communicate()
    check_outputs(fused, COUNT)
    assert left() == []


def members(group):
    """The processes of the group (the dead whom nobody asked about do not count)."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, process_group = path.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(process_group) == group and state not in "ZX":
            found.append(int(path.parent.name))
    return found


def wait_for_the_end_of(group):
    limit = time.monotonic() + 30
    while members(group):
        assert time.monotonic() < limit
        time.sleep(0.01)


def interrupted_in_time(out, moment):
    """A batch that got Ctrl-C before it was done; on a busy machine it may be too fast for us at first."""
    for _ in range(10):
        process = start("a/", "b/", "--out", out)
        manifest = Path("o/manifest.jsonl")
        wait_for(manifest.exists if moment == 0 else lambda: len(files()) >= moment, process)
        time.sleep(0.02 * moment)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate()
        if process.returncode:
            return process, errors
        shutil.rmtree("o")
    raise AssertionError("every batch was done before it was interrupted")


@pytest.mark.parametrize("out", ["o/f.h5::{name}", *only_slow(["o/"])])
@pytest.mark.parametrize("moment", [0, *only_slow([2])])
def test_ctrl_c(out, moment, inputs, fused, left):
    process, errors = interrupted_in_time(out, moment)
    manifest = Path("o/manifest.jsonl")
    assert process.returncode == 130, errors
    assert "interrupted" in errors
    assert "--resume" in errors
    assert "Traceback" not in errors, errors
    assert all(name.endswith(".stage") for name in left()), "finished items wait for --resume"
    wait_for_the_end_of(process.pid)
    if out == "o/":
        check_outputs(fused, None if list(Path("o").glob("*.npy")) else 0)
        noted = [json.loads(line)["out"] for line in manifest.read_text().splitlines()]
        assert {Path(out) for out in noted} <= {*files()}, "what is noted is there; the rest is done again"
    else:
        # it is made in the last moment, and whole: only then may it be there
        assert not Path("o/f.h5").exists() or len(h5py.File("o/f.h5")) == COUNT
    process = start("a/", "b/", "--out", out, "--resume")
    process.communicate()
    assert process.returncode == 0
    assert left() == []


def files():
    return [*Path("o").glob("*.npy"), *Path().glob("o/.*/*.safetensors")]


@pytest.mark.slow
def test_a_stuck_worker_does_not_hold_up_ctrl_c(inputs):
    """A worker that is stopped cannot answer SIGTERM; it is killed in the end."""
    process = start("a/", "b/", "--out", "o/")
    wait_for(lambda: count_lines(Path("o/manifest.jsonl")) > 3, process)
    workers = members(process.pid)
    os.kill(max(workers), signal.SIGSTOP)
    started = time.monotonic()
    os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=40)
    assert process.returncode == 130
    assert time.monotonic() - started < 20
