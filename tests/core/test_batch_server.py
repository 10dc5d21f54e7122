"""The server that forks a batch's workers."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(("error", "told"), [("EOFError", False), ("MemoryError", False), ("KeyError", True)])
def test_what_a_worker_that_never_began_tells(error, told):
    """EOFError: its batch was ended (a SIGTERM) before it had read what to do."""
    code = f"import featfuse.batch_server; raise {error}"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert ("Traceback" in result.stderr) == told
