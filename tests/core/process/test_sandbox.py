"""A child process reads first: its crash is an error that names the file, its errors are no news."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

Told = Callable[..., list[str]]

SCRIPT = """
import os, signal, sys, time
from featfuse.errors import InputError
from featfuse.process import sandbox

PARENT = os.getpid()

class Reader:
    def __init__(self, path):
        print("opened", path, os.getpid() == PARENT, flush=True)
    def fine(self, number):
        print("asked", number, flush=True)
    def gives(self, size):
        return b"x" * size
    def fails(self):
        raise ValueError
    def dies(self, number):
        os.kill(os.getpid(), number)
    def waits(self):
        print("waits", os.getpid(), flush=True)
        time.sleep(1000)

def call(method, *arguments):
    try:
        answer = sandbox.try_in_child(Reader, 1, "x.h5", method, *arguments, name="x.h5::a")
        if answer:
            print("got", len(answer), set(answer) == {{120}}, flush=True)
    except InputError as error:
        print(error.message, flush=True)

if {enabled}:
    sandbox.enable()
{calls}
sandbox.release(Reader, 1, "x.h5")
"""


@pytest.fixture
def told(tmp_path: Path) -> Told:
    """What a process prints that reads on trial, itself and its children; the file must be there."""
    (tmp_path / "x.h5").touch()

    def run(calls: str, *, enabled: bool = True) -> list[str]:
        line = [sys.executable, "-c", SCRIPT.format(enabled=enabled, calls=calls)]
        done = subprocess.run(line, capture_output=True, check=True, text=True, timeout=60, cwd=tmp_path)
        return done.stdout.splitlines()

    return run


def test_calls_go_to_one_child(told: Told) -> None:
    assert told("call('fine', 1); call('fine', 2)") == ["opened x.h5 False", "asked 1", "asked 2"]


def test_nothing_happens_unless_it_is_enabled(told: Told) -> None:
    assert told("call('fine', 1); call('dies', 11)", enabled=False) == []


@pytest.mark.parametrize("size", [1, 10_000_000])
def test_bytes_come_back(told: Told, size: int) -> None:
    """More than a pipe holds, too; other calls and failures give none."""
    lines = told(f"call('gives', {size}); call('fine', 1); call('fails'); call('gives', 0); call('gives', 2)")
    assert lines == ["opened x.h5 False", f"got {size} True", "asked 1", "got 2 True"]
    assert told("call('gives', 5)", enabled=False) == []


def test_errors_are_no_news(told: Told) -> None:
    assert told("call('fails'); call('fine', 2)")[-1] == "asked 2"


@pytest.mark.parametrize("number", [6, 8, 11])
def test_a_crash_names_what_was_read(told: Told, number: int) -> None:
    lines = told(f"call('dies', {number}); call('fine', 2)")
    assert any(line.startswith("x.h5::a: the HDF5 library crashed on it (SIG") for line in lines)
    assert lines[-1] == "asked 2", "a new child goes on"


def test_a_child_that_was_killed_is_replaced_once(told: Told) -> None:
    lines = told("call('dies', 9)")
    assert lines.count("opened x.h5 False") == 2
    assert lines[-1] == "x.h5::a: the process that reads it on trial was killed (SIGKILL)"


def test_a_call_that_only_waits_comes_to_an_end(told: Told) -> None:
    """By the clock: it takes no processor time."""
    lines = told("sandbox._SECONDS = 1; call('waits'); call('fine', 2)")
    assert "x.h5::a: the HDF5 library never came to an end on it (SIGALRM)" in lines
    assert lines[-1] == "asked 2", "a new child goes on"


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_what_ends_the_parent_ends_the_child(tmp_path: Path, number: int) -> None:
    (tmp_path / "x.h5").touch()
    line = [sys.executable, "-c", SCRIPT.format(enabled=True, calls="call('waits')")]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=tmp_path) as process:
        assert process.stdout is not None
        child = next(int(words[1]) for words in map(bytes.split, process.stdout) if words[0] == b"waits")
        assert is_running(child)
        process.send_signal(number)
        process.wait(timeout=10)
        patience = time.monotonic() + 10
        while is_running(child) and time.monotonic() < patience:
            time.sleep(0.01)
        assert not is_running(child)
