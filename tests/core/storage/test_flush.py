"""Flushing while a file is written."""

import os
import threading
import time
from pathlib import Path

import pytest
from featfuse.storage import flush


def test_it_flushes_until_it_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr(flush, "_SECONDS", 0.001)
    monkeypatch.setattr(flush, "_flusher", lambda fd: lambda: calls.append(fd))
    early = flush.EarlyFlush(42)
    while len(calls) < 3:
        time.sleep(0.001)
    early.stop()
    count = len(calls)
    time.sleep(0.02)
    assert calls == [42] * count
    assert "featfuse flush" not in {thread.name for thread in threading.enumerate()}


def test_a_file_that_cannot_be_flushed_is_nobody_s_error_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OSError

    monkeypatch.setattr(flush, "_SECONDS", 0.001)
    monkeypatch.setattr(flush, "_flusher", lambda _fd: fail)
    early = flush.EarlyFlush(-1)
    early.stop()


def test_the_system_s_own_call_takes_an_open_file(tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb") as file:
        os.write(file.fileno(), bytes(1 << 16))
        flush._flusher(file.fileno())()
    assert (tmp_path / "x").read_bytes() == bytes(1 << 16)
