"""Dask: a real scheduler and two workers on loopback give the same bytes, whatever dies."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from featfuse.batches import cluster
from featfuse.errors import RunError

from tests.support.amounts import only_slow

distributed = pytest.importorskip("distributed")

pytestmark = pytest.mark.filterwarnings("default", "ignore::featfuse.FeatfuseWarning")

WORKER = "from distributed.cli.dask_worker import main; main()"
SCHEDULER = "from distributed.cli.dask_scheduler import main; main()"


class Cluster:
    """A scheduler and workers, as `dask scheduler` and `dask worker` start them."""

    def __init__(self, folder):
        self.folder = folder
        self.file = folder / "scheduler.json"
        self.env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        self.processes = []
        place = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
        self.start(SCHEDULER, *place, "--scheduler-file", str(self.file))
        limit = time.monotonic() + 60
        while not self.file.exists() or not self.file.read_text().endswith("}"):
            assert time.monotonic() < limit
            time.sleep(0.05)
        self.address = json.loads(self.file.read_text())["address"]

    def start(self, code, *words):
        with open(self.folder / "log", "ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", code, *words],
                cwd=self.folder,
                env=self.env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def add_worker(self, name):
        place = self.folder / name
        words = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(place)]
        return self.start(WORKER, self.address, *words, "--name", name)

    def stop(self):
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def dask(tmp_path_factory):
    """A cluster whose workers stand in another folder than the tests."""
    made = Cluster(tmp_path_factory.mktemp("dask"))
    made.add_worker("w1")
    made.add_worker("w2")
    with distributed.Client(made.address) as client:
        client.wait_for_workers(2, timeout=60)
    yield made
    made.stop()


SCRIPT = "from featfuse_cli import main\n\nif __name__ == '__main__':\n    main()\n"


def fuse(*words, code=None):
    """`fuse batch`, in a process that has the script as its main module, as the command has."""
    Path("fuse.py").write_text(SCRIPT)
    start = ["fuse.py"] if code is None else ["-c", code]
    line = [sys.executable, *start, "batch", *words, "--out", "o/", "-m", "nearest", "--layout", "CHW"]
    return subprocess.run(line, capture_output=True, text=True, check=False, timeout=100)


def bytes_of(folder):
    return {
        path.name: path.read_bytes() for path in Path(folder).rglob("*") if path.suffix in (".npy", ".h5")
    }


def test_the_same_bytes_as_here(dask, pairs, maps, run, left):
    pairs(12)
    maps("m/{}.npy", range(12), (1, 8, 8))
    options = {"method": "bilinear", "mask": "m/"}
    Path("b/3.npy").write_bytes(b"rubbish")
    here = run("a/", "b/", out="here/", **options)
    there = run("a/", "b/", out="there/", dask=dask.address, **options)
    assert {name: it.status for name, it in there.items()} == {name: it.status for name, it in here.items()}
    assert there["1"].out == "there/1.npy", "as the caller wrote it"
    assert bytes_of("there") == bytes_of("here")
    assert len(bytes_of("there")) == 11
    assert left() == []
    again = run("a/", "b/", out="there/", dask=dask.address, resume=True, **options)
    assert {it.status for name, it in again.items() if name != "3"} == {"skipped"}


def test_into_a_container(dask, pairs, run, left):
    pairs(4)
    run("a/", "b/", out="here/f.h5::{name}")
    run("a/", "b/", out="there/f.h5::{name}", dask=dask.address)
    assert bytes_of("there") == bytes_of("here")
    assert left() == []


def test_a_worker_that_dies_costs_nothing(tmp_path, plan, fused):
    generator = np.random.default_rng(0)
    for folder, size in (("a", 64), ("b", 32)):
        Path(folder).mkdir()
        for number in range(40):
            np.save(f"{folder}/{number}.npy", generator.standard_normal((32, size, size)).astype(np.float32))
    (tmp_path / "dask").mkdir()
    own = Cluster(tmp_path / "dask")
    try:
        victim = own.add_worker("w1")
        own.add_worker("w2")
        with distributed.Client(own.address) as client:
            client.wait_for_workers(2, timeout=60)
        done = []
        for outcome in plan("a/", "b/", out="o/", method="bilinear", dask=own.address).outcomes():
            done.append(outcome)
            if len(done) == 8:
                os.kill(victim.pid, signal.SIGKILL)
        assert victim.wait() == -signal.SIGKILL
    finally:
        own.stop()
    assert {it.status for it in done} == {"done"}, [it.error for it in done if it.error]
    assert sorted(int(it.id) for it in done) == list(range(40))
    for number in (0, 20, 39):
        expected = fused(f"a/{number}.npy", f"b/{number}.npy", method="bilinear")
        assert np.array_equal(np.load(f"o/{number}.npy"), expected)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", *only_slow(["nonsense://x", "127.0.0.1:port"])])
def test_a_scheduler_that_cannot_be_reached(address, pairs):
    """In a process of its own: a client that failed to start leaves its event loop in disorder."""
    pairs(1)
    code = "from featfuse.batches import cluster; cluster.TIMEOUT = '1s'; import fuse; fuse.main()"
    told = fuse("a/", "b/", "--dask", address, code=code)
    assert told.returncode == 1
    assert f"error: --dask {address}: the scheduler cannot be reached" in told.stderr
    assert "dask scheduler" in told.stderr
    assert "Traceback" not in told.stderr
    assert not Path("o/0.npy").exists()


def test_a_scheduler_without_workers(tmp_path, pairs, run, monkeypatch):
    pairs(1)
    monkeypatch.setattr(cluster, "WORKERS_WITHIN", 1)
    (tmp_path / "dask").mkdir()
    own = Cluster(tmp_path / "dask")
    try:
        with pytest.raises(RunError, match="the scheduler has no workers") as caught:
            run("a/", "b/", out="o/", dask=own.address)
        assert "dask worker" in caught.value.hint
    finally:
        own.stop()


def test_workers_of_another_version(dask, pairs, run, monkeypatch):
    pairs(1)
    monkeypatch.setattr("featfuse.batches.cluster.__version__", "99.0")
    with pytest.raises(RunError, match=r"worker tcp://127\S+ runs featfuse \S+, here it is 99\.0") as caught:
        run("a/", "b/", out="o/", dask=dask.address)
    assert "same version" in caught.value.hint
    assert not Path("o/0.npy").exists()


@pytest.mark.parametrize("hidden", ["inputs", "outputs"])
def test_workers_that_cannot_see_the_files(hidden, dask, pairs, run, monkeypatch):
    """Loopback workers see everything here, so they are asked for files elsewhere."""
    pairs(1)
    real = cluster._check_sight

    def check(client, path):
        found = ("/a/" in path) == (hidden == "inputs")
        real(client, "/nowhere" + path if found else path)

    monkeypatch.setattr(cluster, "_check_sight", check)
    with pytest.raises(RunError, match=r"worker tcp://127\S+ cannot see /nowhere") as caught:
        run("a/", "b/", out="o/", dask=dask.address)
    assert "storage that all machines share" in caught.value.hint
    assert not Path("o/0.npy").exists()


def test_waves_are_bounded(dask, pairs, run, monkeypatch):
    """The scheduler never holds more than a few items for each worker."""
    pairs(40)
    flying = []
    most = 0
    submit = distributed.Client.submit

    def count(self, *args, **more):
        nonlocal most
        future = submit(self, *args, **more)
        flying.append(future)
        most = max(most, sum(it.status == "pending" for it in flying))
        return future

    monkeypatch.setattr(distributed.Client, "submit", count)
    assert {it.status for it in run("a/", "b/", out="o/", dask=dask.address).values()} == {"done"}
    assert len(flying) == 40
    assert 1 < most <= cluster.WAVE * 2


def test_stopping_early_cancels_the_rest(dask, pairs, plan):
    pairs(40)
    outcomes = plan("a/", "b/", out="o/", dask=dask.address).outcomes()
    next(outcomes)
    outcomes.close()
    with distributed.Client(dask.address) as client:
        limit = time.monotonic() + 20
        while client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)):
            assert time.monotonic() < limit
            time.sleep(0.05)
    assert len(list(Path("o").glob("*.npy"))) < 40


@pytest.mark.slow
def test_a_scheduler_that_dies(tmp_path, pairs, plan, run, monkeypatch, left):
    pairs(40)
    monkeypatch.setattr(cluster, "TIMEOUT", "2s")
    (tmp_path / "dask").mkdir()
    own = Cluster(tmp_path / "dask")
    done = []
    try:
        own.add_worker("w1")
        outcomes = plan("a/", "b/", out="o/", dask=own.address).outcomes()
        done += [next(outcomes) for _ in range(3)]
        own.processes[0].kill()
        with pytest.raises(RunError, match="the scheduler was lost") as caught:
            done.extend(outcomes)
    finally:
        own.stop()
    assert "--resume" in caught.value.hint
    again = run("a/", "b/", out="o/", resume=True)
    assert sum(it.status == "skipped" for it in again.values()) == len(done)
    assert {it.status for it in again.values()} == {"skipped", "done"}
    assert left() == []


def test_a_local_cluster(pairs):
    pairs(6)
    told = fuse("a/", "b/", "--dask", "local", "--jobs", "1")
    assert told.returncode == 0, told.stderr
    assert "6 items: 6 done" in told.stdout
    assert told.stderr == ""


def test_without_dask_the_error_names_the_extra(pairs, run, monkeypatch):
    from featfuse.errors import UsageError

    pairs(1)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match="`dask` needs Dask") as caught:
        run("a/", "b/", out="o/", dask="local")
    assert "featfuse[dask]" in caught.value.hint
