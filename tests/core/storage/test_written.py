"""What a process put in its place last."""

import subprocess
import sys
from pathlib import Path

from featfuse.storage.atomic import AtomicFile
from featfuse.storage.written import forget_written, last_written


def test_only_what_stands_is_told(tmp_path: Path) -> None:
    forget_written()
    first, second = (AtomicFile(str(tmp_path / name)) for name in "ab")
    second.abort()
    assert last_written() is None
    first.commit()
    assert last_written() == str(tmp_path / "a")
    forget_written()
    assert last_written() is None


def test_asking_loads_no_storage() -> None:
    code = "import sys, featfuse.storage.written; print([name for name in sys.modules if 'featfuse' in name])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert run.stdout.strip() == "['featfuse', 'featfuse.storage', 'featfuse.storage.written']"
