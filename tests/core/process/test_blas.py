"""BLAS is kept to one thread: from the start where that is possible, else while it counts."""

import os
import subprocess
import sys
from pathlib import Path

import featfuse

INFO = """
import threadpoolctl
def blas():
    infos = threadpoolctl.threadpool_info()
    return [info["num_threads"] for info in infos if info["user_api"] == "blas"]
"""


def run(code: str) -> str:
    """What a new process prints that is offered two BLAS threads."""
    env = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    env |= {"OPENBLAS_NUM_THREADS": "2", "PYTHONPATH": str(Path(featfuse.__file__ or "").parents[1])}
    told = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    return told.stdout.strip()


HELD = "from featfuse.process.blas import hold_to_one_thread, one_thread\nhold_to_one_thread()\n"


def test_held_before_numpy_loads() -> None:
    assert run(f"{HELD}import numpy{INFO}print(set(blas()) - {{1}})") == "set()"


def test_held_in_the_processes_it_starts() -> None:
    child = f"import numpy{INFO}print(blas())"
    told = run(f"{HELD}import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}])")
    assert set(told) <= set("[1, ]")


def test_held_needs_no_threadpoolctl() -> None:
    code = f"{HELD}import numpy, sys\nwith one_thread(): print('threadpoolctl' in sys.modules)"
    assert run(code) == "False"


def test_limited_for_a_while_where_numpy_is_loaded_already() -> None:
    code = f"import numpy\n{HELD}{INFO}before = blas()\nwith one_thread(): inside = blas()\n"
    assert run(f"{code}print(set(inside) - {{1}}, blas() == before)") == "set() True"
    assert run(f"{code}with one_thread(): print(set(blas()) - {{1}})") == "set()"
