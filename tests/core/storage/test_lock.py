"""One writer at a time: threads, processes, dead ones, and file systems without locks."""

import errno
import fcntl
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from featfuse.storage.lock import LOCK_NAME, hold
from featfuse.storage.sweep import sweep

pytestmark = pytest.mark.usefixtures("in_tmp_path")

HOLD = """
import sys, time
from featfuse.storage.lock import hold
with hold(sys.argv[1:]):
    print("held", flush=True)
    time.sleep(60)
"""


def locks():
    return [path for path in Path().iterdir() if LOCK_NAME.fullmatch(path.name)]


@pytest.fixture
def holder():
    """A process that holds k.h5 until the end of the test."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, "k.h5"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.communicate()


def test_threads_take_turns():
    inside, most = [], []

    def work():
        with hold(["k.h5"]):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.01)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 8
    assert locks() == []


def test_whoever_waits_is_told_for_whom(holder, caplog):
    waited = []

    def work():
        with hold(["./k.h5"]):
            waited.append(time.monotonic())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(0.5)
    assert not caplog.messages, "a short wait is not worth a word"
    thread.join(1.5)
    assert caplog.messages == [
        f"waiting for process {holder.pid}, which is writing to ./k.h5 (Ctrl-C ends the wait)"
    ]
    assert not waited
    holder.send_signal(signal.SIGKILL)
    thread.join(10)
    assert waited
    assert locks() == []


def test_ctrl_c_ends_the_wait(holder):
    code = HOLD.replace("print", "raise SystemExit(3) or print")
    waiting = subprocess.Popen([sys.executable, "-c", code, "k.h5"], stderr=subprocess.PIPE)
    assert waiting.stderr is not None
    assert f"process {holder.pid}".encode() in waiting.stderr.readline()
    waiting.send_signal(signal.SIGINT)
    waiting.communicate(timeout=10)
    assert waiting.returncode not in (0, 3)
    assert holder.poll() is None
    assert len(locks()) == 1


def test_a_name_that_a_terminal_would_act_on(caplog):
    with hold(["\x1b[31m.h5"]):
        thread = threading.Thread(target=lambda: hold(["\x1b[31m.h5"]).__enter__(), daemon=True)
        thread.start()
        thread.join(1.5)
    thread.join(5)
    assert "'\\x1b[31m.h5'" in caplog.messages[0]


def test_the_dead_hold_nothing(holder):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert len(locks()) == 1
    with hold(["k.h5"]):
        pass
    assert locks() == []


def test_locks_of_the_dead_are_swept_and_those_of_the_living_stay(holder):
    (lock,) = locks()
    sweep(".")
    assert locks() == [lock]
    holder.kill()
    holder.wait()
    sweep(".")
    assert locks() == []


def test_several_are_held_in_one_order():
    """Two runs that write to the same two files, named the other way round, do not wait for each other."""
    threads = [
        threading.Thread(target=lambda names=names: [_hold_shortly(names) for _ in range(50)])
        for names in (["a.h5", "b.h5"], ["b.h5", "a.h5"])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)


def _hold_shortly(names):
    with hold(names):
        pass


def test_other_files_wait_for_nobody(holder, caplog):
    del holder
    started = time.monotonic()
    with hold([f"k.h5{'x' * 240}"]), hold([f"k.h5{'x' * 239}y"]), hold(["other/k.h5", "nul\0.h5"]):
        assert time.monotonic() - started < 1
    assert not caplog.messages


@pytest.mark.parametrize("error", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_without_locks_everybody_goes_on(error, monkeypatch):
    def refuse(*_):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with hold(["k.h5"]), hold(["k.h5"]):
        pass


@pytest.mark.parametrize("kind", ["link", "fifo", "folder"])
def test_what_stands_in_the_place_of_a_lock_is_left_alone(kind, caplog):
    with hold(["k.h5"]):
        (lock,) = locks()
    if kind == "link":
        Path("precious").write_bytes(b"precious")
        lock.symlink_to("precious")
    elif kind == "fifo":
        os.mkfifo(lock)
    else:
        lock.mkdir()
    with caplog.at_level(logging.WARNING), hold(["k.h5"]):
        pass
    sweep(".")
    assert os.path.lexists(lock)
    if kind == "link":
        assert Path("precious").read_bytes() == b"precious"
