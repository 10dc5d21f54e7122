"""Several runs that add to one container at a time: nothing that one of them reported as done may be missing.

Results are read by NumPy, h5py and safetensors. Slow runs try every format.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.support.amounts import slow_but
from tests.support.batches import KINDS, load, store

FUSE = [sys.executable, "-m", "featfuse_cli"]
SINGLE = ["a.npy", "b.npy", "--layout", "CHW", "-m", "nearest", "-q"]


@pytest.fixture(autouse=True)
def maps():
    rng = np.random.default_rng(0)
    np.save("a.npy", rng.normal(size=(2, 32, 32)).astype(np.float32))
    np.save("b.npy", rng.normal(size=(2, 16, 16)).astype(np.float32))


def start(*words):
    return subprocess.Popen([*FUSE, *words], stderr=subprocess.PIPE, text=True)


def end(processes):
    """Each one's exit code and what it said, the waiting apart."""
    said = [process.communicate(timeout=120)[1] for process in processes]
    told = ["\n".join(it for it in text.splitlines() if not it.startswith("waiting for")) for text in said]
    return list(zip([process.returncode for process in processes], told, strict=True))


def hidden():
    return [path.name for path in Path().iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("kind", slow_but(KINDS, "h5"))
@pytest.mark.parametrize("there", slow_but(["nothing", "a file"], "nothing"))
def test_six_runs(kind, there):
    if there == "a file":
        store(f"k.{kind}", {"mine": np.ones(3, np.float32)})
    runs = [start(*SINGLE, "-o", f"k.{kind}::k{number}") for number in range(6)]
    assert end(runs) == [(0, "")] * 6
    made = load(f"k.{kind}")
    assert set(made) == {f"k{number}" for number in range(6)} | ({"mine"} if there == "a file" else set())
    expected = np.load("a.npy") + np.load("b.npy").repeat(2, axis=1).repeat(2, axis=2)
    for number in range(6):
        assert np.array_equal(made[f"k{number}"], expected)
    assert hidden() == []


@pytest.mark.slow
def test_runs_that_read_what_they_add_to():
    store("x.h5", {"a": np.load("a.npy"), "b": np.load("b.npy")})
    words = ["x.h5::a", "x.h5::b", *SINGLE[2:]]
    assert end([start(*words, "-o", f"x.h5::k{number}") for number in range(4)]) == [(0, "")] * 4
    assert sorted(load("x.h5")) == ["a", "b", "k0", "k1", "k2", "k3"]


@pytest.mark.slow
def test_one_that_writes_the_whole_file_among_those_that_add():
    runs = [start(*SINGLE, "-o", "k.h5::k1"), start(*SINGLE, "-o", "k.h5"), start(*SINGLE, "-o", "k.h5::k2")]
    (first, _), (whole, told), (second, _) = end(runs)
    assert (first, second) == (0, 0)
    assert sorted(load("k.h5")) == (["fused", "k1", "k2"] if whole == 0 else ["k1", "k2"]), told


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_two_batches_into_one_file(kind):
    for part in "xy":
        store(f"{part}.npz", {f"{part}{number}": np.full((2, 4, 4), number) for number in range(100)})
    words = ["--out", f"tc.{kind}::{{id}}", "-m", "strict", "--layout", "CHW", "-q", "-j", "1"]
    runs = [start("batch", f"{part}.npz::{{id}}", *words, "--manifest", f"{part}.jsonl") for part in "xy"]
    assert end(runs) == [(0, "")] * 2
    made = load(f"tc.{kind}")
    assert len(made) == 200
    assert all((made[f"{part}{number}"] == number).all() for part in "xy" for number in range(100))
    assert hidden() == []


def test_the_holder_is_killed_and_the_others_go_on():
    np.save("large.npy", np.zeros((64, 2048, 1024), np.float32))
    holder = start(
        "large.npy", "--layout", "CHW", "-m", "bilinear", "--to", "4096x2048", "-o", "k.h5::large", "-q"
    )
    while not [name for name in hidden() if name.endswith(".tmp")]:
        assert holder.poll() is None
        time.sleep(0.005)
    holder.send_signal(signal.SIGSTOP)
    others = [start(*SINGLE, "-o", f"k.h5::k{number}") for number in range(2)]
    for process in others:
        assert process.stderr is not None
        told = process.stderr.readline()
        assert told == f"waiting for process {holder.pid}, which is writing to k.h5 (Ctrl-C ends the wait)\n"
    os.kill(holder.pid, signal.SIGKILL)
    assert end(others) == [(0, "")] * 2
    holder.communicate()
    assert sorted(load("k.h5")) == ["k0", "k1"]
    assert hidden() == []
