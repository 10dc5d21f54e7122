"""SIGKILL at any moment, for every kind of output: whole or absent, and a later run clears what was left.

Results are read by NumPy, h5py and safetensors. Slow runs kill ten times each.
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.support.amounts import few_or_many, only_slow, slow_but
from tests.support.readers import READ

FUSE = [sys.executable, "-m", "featfuse_cli"]


def hidden(folder="."):
    """Hidden files and folders below `folder`; what vanishes meanwhile is none."""
    found = (name for _, folders, files in os.walk(folder) for name in (*folders, *files))
    return sorted(name for name in found if name.startswith("."))


def kill_while_it_writes(words, moments, folder="."):
    """Start a run, kill it and its children soon after a temporary file was seen; those that it left."""
    before = set(hidden(folder))
    process = subprocess.Popen(
        [*FUSE, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    while process.poll() is None and not set(hidden(folder)) - before:
        time.sleep(0.001)
    time.sleep(moments.uniform(0, 0.03))
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    assert b"Traceback" not in process.communicate()[1]
    return set(hidden(folder)) - before


def kill_until_something_is_left(words, kills, folder="."):
    """As often as asked for, and on until there is something to clear."""
    moments = random.Random(1)
    left = [kill_while_it_writes(words, moments, folder) for _ in range(kills)]
    while not left[-1] and len(left) < kills + 20:
        left.append(kill_while_it_writes(words, moments, folder))
    assert left[-1], "nothing was ever left: the runs are too short for this test"


@pytest.fixture(params=few_or_many(2, 10))
def kills(request):
    """How often a command is killed, at least."""
    return request.param


@pytest.fixture
def image():
    """x.npy, and what it becomes at twice its size: 32 MB."""
    values = np.random.default_rng(0).normal(size=(1, 32, 256, 256)).astype(np.float32)
    np.save("x.npy", values)
    return values.repeat(2, axis=2).repeat(2, axis=3)


DOUBLE = ["x.npy", "--layout", "NCHW", "-m", "nearest", "--to", "512x512", "-q", "-f"]


@pytest.mark.parametrize("suffix", slow_but(READ, ".npy"))
def test_a_killed_run(image, suffix, kills):
    out = f"o{suffix}"
    kill_until_something_is_left([*DOUBLE, "-o", out], kills)
    if Path(out).exists():
        assert np.array_equal(READ[suffix](out), image)
    subprocess.run([*FUSE, *DOUBLE, "-o", out], check=True)
    assert np.array_equal(READ[suffix](out), image)
    assert hidden() == []


@pytest.mark.slow
def test_a_killed_run_with_a_sidecar(image, kills):
    words = [*DOUBLE, "-o", "o.npy", "--sidecar"]
    kill_until_something_is_left(words, kills)
    subprocess.run([*FUSE, *words], check=True)
    assert np.array_equal(np.load("o.npy"), image)
    assert sorted(path.name for path in Path().iterdir()) == ["o.npy", "o.npy.json", "x.npy"]


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".npy", ".h5", ".npz", ".safetensors"])
def test_a_killed_run_that_saves_its_kernel(image, suffix, kills):
    Path("kernels").mkdir()
    words = ["x.npy", "--layout", "NCHW", "--reduce", "conv1x1", "--out-channels", "64", "--seed", "1"]
    words += ["--save-kernel", f"kernels/k{suffix}", "-q", "-f", "-o", "o.npy"]
    kill_until_something_is_left(words, kills, "kernels")
    subprocess.run([*FUSE, *words], check=True)
    assert np.load("o.npy").shape == (1, 64, 256, 256)
    assert hidden() == []
    assert [path.name for path in Path("kernels").iterdir()] == [f"k{suffix}"]


@pytest.mark.parametrize("out", [*only_slow("o/{name}" + suffix for suffix in READ), "o/all.h5::{name}"])
def test_a_killed_batch(out, kills):
    values = np.random.default_rng(0).normal(size=(16, 128, 128)).astype(np.float32)
    Path("a").mkdir()
    for number in range(12):
        np.save(f"a/{number}.npy", values + number)
    words = ["batch", "a/", "--out", out, "--layout", "CHW", "-m", "nearest", "--to", "256x256", "-j", "2"]
    words += ["--resume", "-q"]
    Path("o").mkdir()
    kill_until_something_is_left(words, kills, "o")
    subprocess.run([*FUSE, *words], check=True)
    assert hidden() == []
    for number in range(12):
        expected = (values + number).repeat(2, axis=1).repeat(2, axis=2)
        if "::" in out:
            with h5py.File("o/all.h5") as file:
                assert np.array_equal(file[str(number)][...], expected)
        else:
            path = out.format(name=number)
            assert np.array_equal(READ[Path(path).suffix](path), expected)
