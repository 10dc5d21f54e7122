"""Faults while an output is made: the old output stays or the new one is whole, and nothing else is left.

What is there afterwards is read by NumPy. Slow runs kill 200 times, and write more.
"""

import os
import random
import signal
import stat
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace

import featfuse
import numpy as np
import pytest
from featfuse.batches.container import Container
from featfuse.batches.items import Item
from featfuse.batches.run import BatchOptions, task_of
from featfuse.batches.work import fuse_item
from featfuse.errors import RunError
from featfuse.io.address import Address
from featfuse.storage import local

from tests.support.amounts import few_or_many, only_slow

FUSE = [sys.executable, "-m", "featfuse_cli", "a.npy", "b.npy", "-m", "bilinear", "--layout", "NCHW", "-q"]


@pytest.fixture
def maps(tmp_path, monkeypatch):
    """a.npy and b.npy in the working folder, and what they fuse to."""
    monkeypatch.chdir(tmp_path)
    return write_maps(64)


def write_maps(side):
    rng = np.random.default_rng(0)
    for name, size in (("a", side), ("b", side // 2)):
        np.save(f"{name}.npy", rng.normal(size=(16, 64, size, size)).astype(np.float32))
    featfuse.fuse("a.npy", "b.npy", method="bilinear", layout="NCHW", out="expected.npy")
    return np.load("expected.npy", mmap_mode="r")


def leftovers():
    return sorted({path.name for path in Path().iterdir()} - {"a.npy", "b.npy", "expected.npy", "out.npy"})


@pytest.mark.parametrize("amount", few_or_many((5, 128, 1.2), (60, 512, 3.0)))
def test_kills_at_random_moments(tmp_path, monkeypatch, amount):
    """SIGKILL cannot be caught: the output is absent, old or whole, and the next run clears what is left."""
    kills, side, longest = amount
    monkeypatch.chdir(tmp_path)
    maps = write_maps(side)
    moments = random.Random(1)
    for _ in range(kills):
        process = subprocess.Popen([*FUSE, "-f", "-o", "out.npy"], stderr=subprocess.PIPE)
        time.sleep(moments.uniform(0.0, longest))
        process.kill()
        assert b"Traceback" not in process.communicate()[1]
        if Path("out.npy").exists():
            assert np.array_equal(np.load("out.npy", mmap_mode="r"), maps)
    subprocess.run([*FUSE, "-f", "-o", "out.npy"], check=True)
    assert np.array_equal(np.load("out.npy"), maps)
    assert leftovers() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, *only_slow([signal.SIGINT, signal.SIGHUP])])
def test_signals_that_can_be_caught_leave_nothing(maps, number):
    Path("out.npy").write_bytes(b"old")
    for delay in (0.2, 0.45):
        process = subprocess.Popen([*FUSE, "-f", "-o", "out.npy"], stderr=subprocess.PIPE)
        time.sleep(delay)
        process.send_signal(number)
        said = process.communicate()[1]
        assert process.returncode in (0, 130, 128 + number, -number), said
        assert leftovers() == []
        if process.returncode:
            content = Path("out.npy").read_bytes()
            assert content == b"old" or np.array_equal(np.load("out.npy"), maps)


def test_a_file_size_limit_is_told_before_the_work(maps):
    Path("out.npy").write_bytes(b"old")
    line = " ".join([*FUSE, "-f", "-o", "out.npy"])
    done = subprocess.run(["bash", "-c", f"ulimit -f 100; {line}"], capture_output=True, check=False)
    assert done.returncode == 1
    assert b"out.npy" in done.stderr
    assert b"Traceback" not in done.stderr
    assert Path("out.npy").read_bytes() == b"old"
    assert leftovers() == []


def test_a_full_disk_is_told_before_the_first_byte(maps, monkeypatch):
    room = namedtuple("Room", "f_bavail f_frsize f_blocks")(10, 4096, 1000)
    monkeypatch.setattr(
        local, "os", SimpleNamespace(**{**vars(os), "fstatvfs": lambda *_: room, "pwrite": None})
    )
    with pytest.raises(RunError, match="do not fit on the disk, where 40,960 are free"):
        featfuse.fuse("a.npy", "b.npy", method="bilinear", layout="NCHW", out="out.npy")
    assert not Path("out.npy").exists()
    assert leftovers() == []


@pytest.mark.parametrize("fault", ["touched", "cut short"])
def test_an_input_that_changes_meanwhile_is_noticed(maps, fault):
    del maps
    changes = []

    def change(done, total):
        if not changes:
            changes.append(done)
            if fault == "touched":
                os.utime("b.npy", ns=(1, 1))
            else:
                os.truncate("b.npy", 4096)

    with pytest.raises(RunError, match=r"b\.npy"):
        featfuse.fuse(
            "a.npy", "b.npy", method="bilinear", layout="NCHW", out="out.npy", memory="8M", threads=1,
            progress=change,
        )  # fmt: skip
    assert changes
    assert not Path("out.npy").exists()
    assert leftovers() == []


@pytest.fixture
def steps(monkeypatch):
    """What a run asks of the disk, in order: each flush of a file or a folder, and the rename."""
    calls = []
    real_fsync, real_replace = os.fsync, os.replace

    def fsync(fd):
        calls.append("folder" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file")
        real_fsync(fd)

    def replace(*names, **folders):
        calls.append("rename")
        real_replace(*names, **folders)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    return calls


def test_the_file_is_flushed_before_it_takes_its_name(maps, steps):
    del maps
    Path("out.npy").write_bytes(b"old")
    featfuse.fuse("a.npy", "b.npy", method="bilinear", layout="NCHW", out="out.npy", force=True)
    assert steps == ["file", "rename", "folder"]


@pytest.mark.parametrize("out", ["out.npy", "out.h5", *only_slow(["out.safetensors", "out.npz"])])
def test_no_sync_waits_for_no_disk(maps, steps, out):
    del maps
    featfuse.fuse("a.npy", "b.npy", method="bilinear", layout="NCHW", out=out, force=True, sync=False)
    assert steps == ["rename"]


def test_no_sync_on_the_command_line(maps, steps, fuse):
    arguments = ["a.npy", "b.npy", "--layout", "NCHW", "-m", "bilinear", "-q", "-f", "-o", "out.npy"]
    for flags, expected in ((["--no-sync"], ["rename"]), ([], ["file", "rename", "folder"])):
        steps.clear()
        Path("out.npy").write_bytes(b"old")
        assert fuse(*arguments, *flags).exit_code == 0
        assert steps == expected
        assert np.array_equal(np.load("out.npy"), maps)


@pytest.mark.parametrize("sync", [*only_slow([True]), False])
def test_no_sync_in_a_batch(maps, steps, sync):
    """Each item's worker is told; of a container only the whole waits for the disk."""
    del maps
    Path("o").mkdir()
    options = {"method": "bilinear", "layout": "NCHW"}
    how = BatchOptions(out="o/{id}.npy", sync=sync)
    item = Item("a", (Address("a.npy"), Address("b.npy")), Address("o/a.npy"), {"id": "a"})
    assert fuse_item(task_of(item, options, how)).status == "done"
    assert steps.count("file") == int(sync)
    steps.clear()
    with Container("c.h5", sync=sync) as container:
        keyed = Item("a", item.inputs, Address("c.h5", "a"))
        task = container.stage(task_of(keyed, options, how), 0)
        container.add(fuse_item(task), keyed.out, {})
        assert steps.count("file") == 0
        container.finish({})
    assert steps.count("file") == int(sync)


def test_two_writers_leave_one_whole_result(maps):
    writers = [subprocess.Popen([*FUSE, "-f", "-o", "out.npy"]) for _ in range(2)]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert np.array_equal(np.load("out.npy"), maps)
    assert leftovers() == []


def test_a_device_is_not_replaced(maps):
    del maps
    Path("out.npy").symlink_to("/dev/full")
    done = subprocess.run([*FUSE, "-f", "-o", "out.npy"], capture_output=True, check=False)
    assert done.returncode == 1
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)
    assert leftovers() == []


def test_an_input_may_be_the_output(maps):
    subprocess.run([*FUSE, "-f", "-o", "a.npy"], check=True)
    assert np.array_equal(np.load("a.npy"), maps)
