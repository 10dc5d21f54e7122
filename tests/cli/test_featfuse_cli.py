"""Starting and ending the process: signals, and the garbage collector."""

import subprocess
import sys

import pytest

LOST = """
import os, signal, sys, time, weakref
from featfuse_cli import _end_on_signals
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # not as under nohup
_end_on_signals()
class It: pass
it = It()
ref = weakref.ref(it, lambda _: os.kill(os.getpid(), signal.{name}))
try:
    del it
    time.sleep(5)
    print("went on")
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGINT", 130)])
def test_a_signal_within_a_callback_is_not_lost(name, code):
    """What is raised in a callback of a weak reference (Python's import has some) ends nothing by itself."""
    line = [sys.executable, "-c", LOST.format(name=name)]
    result = subprocess.run(line, capture_output=True, check=False, timeout=60)
    assert (result.returncode, result.stdout, result.stderr) == (code, b"", b"")
