"""Somebody swaps folders for links while runs go on: nothing is written outside the output's folder."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from tests.support.amounts import few_or_many, slow_but

FUSE = [sys.executable, "-m", "featfuse_cli"]


@pytest.fixture
def swapping():
    """Threads that put a link to `elsewhere` in a path's place, and what was there back, over and over."""
    end = threading.Event()
    threads = []

    def swap(path):
        there, aside = Path(path), Path(f"{path}-aside")
        while not end.is_set():
            try:
                there.rename(aside)
                there.symlink_to(Path("elsewhere").resolve())
                time.sleep(0.002)
                there.unlink()
                aside.rename(there)
            except OSError:
                pass
            time.sleep(0.002)

    def begin(path):
        threads.append(threading.Thread(target=swap, args=(path,)))
        threads[-1].start()

    yield begin
    end.set()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(
    "out", slow_but(["o/{run}/{id}.npy", "o/{run}/{id}.npz", "o/{run}/all.h5::{id}"], "o/{run}/{id}.npy")
)
@pytest.mark.parametrize("times", few_or_many(1, 6))
def test_a_folder_that_is_swapped_all_the_time(out, times, swapping):
    for folder in ("a/x", "o/x", "elsewhere"):
        Path(folder).mkdir(parents=True)
    for number in range(40):
        np.save(f"a/x/{number}.npy", np.full((2, 4, 4), number, np.float32))
    Path("elsewhere/precious").write_bytes(b"precious")
    swapping("o/x")
    words = ["a/{run}/{id}.npy", "--out", out, "-m", "strict", "--layout", "CHW", "-q", "-f", "-j", "2"]
    for _ in range(times):
        done = subprocess.run(
            [*FUSE, "batch", *words, "--manifest", "m.jsonl"], capture_output=True, check=False, text=True
        )
        # 4: the container was there, and not when it was opened to plan what is added to it
        assert done.returncode in (0, 1, 4, 5), done.stderr
        assert "Traceback" not in done.stderr
        assert [path.name for path in Path("elsewhere").iterdir()] == ["precious"]
        assert Path("elsewhere/precious").read_bytes() == b"precious"
