"""What the tests of malformed files share: one case, tried through the library and the command line."""

import io
import re
import resource
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from featfuse.errors import InputError
from featfuse.io.readers import open_input
from featfuse.io.selection import select
from featfuse.model.tensor import Array, whole
from featfuse_cli.app import app
from typer.testing import CliRunner

Refused = Callable[..., str]
MOST_SECONDS, MOST_MEMORY = 60, 1 << 30


def load(path: Path, key: str | None = None) -> Array:
    with open_input(str(path)) as reader:
        (spec,) = select(reader, key)
        return reader.read(spec.key or "", whole(spec.shape))


def check_refused(
    path: Path, words: str, key: str | None = None, *, inspect: bool = True, more: tuple[str, ...] = ()
) -> str:
    """`path` is refused in `words` (a regular expression), by the library and, with exit 4, by `fuse`.

    `inspect` reads headers only, and so cannot see damage further on.
    """
    with pytest.raises(InputError) as refused:
        load(path, key)
    text = str(refused.value)
    assert re.search(words, text), text
    assert str(path) in refused.value.message
    assert len(text) < 2_000
    name = f"{path}::{key}" if key else str(path)
    lines = [["inspect", name, "-c", "add"], [name, "-o", str(path.with_name("out.safetensors")), *more]]
    for line in lines if inspect else lines[1:]:
        result = CliRunner().invoke(app, line, prog_name="fuse")
        assert result.exit_code == 4, (result.output, result.exception)
        assert isinstance(result.exception, SystemExit)
        assert result.stdout == ""
        assert result.stderr.startswith("error: ")
        assert not re.search(r"[^\n\x20-\x7e\xa0-\U0010ffff]", result.stderr)
    assert not path.with_name("out.safetensors").exists()
    if inspect:  # a list shows what is no tensor, too
        listed = CliRunner().invoke(app, ["inspect", name], prog_name="fuse")
        assert listed.exit_code in (0, 4), (listed.output, listed.exception)
        assert isinstance(listed.exception, SystemExit) or listed.exception is None
        assert listed.exit_code == 4 or "unreadable: " in listed.stdout or "  0 tensors, " in listed.stdout
    return text


def check_bounded(
    path: Path, words: str, key: str | None = None, *, code: int = 4, memory: int = MOST_MEMORY
) -> None:
    """`fuse` refuses `path` with exit 4 (or ends with `code`) in little processor time and memory."""
    name = f"{path}::{key}" if key else str(path)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = subprocess.run(
        [sys.executable, "-m", "featfuse_cli", name, "-o", str(path.with_name("out.safetensors"))],
        capture_output=True,
        check=False,
        text=True,
        timeout=10 * MOST_SECONDS,
        preexec_fn=limit,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < MOST_SECONDS
    assert run.returncode == code, run.stderr
    assert "Traceback" not in run.stderr
    assert re.search(words, run.stderr or run.stdout), run.stderr
    assert path.with_name("out.safetensors").exists() == (code == 0)


def saved(array: Array) -> bytes:
    """A .npy file, by NumPy."""
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def zipped(members: dict[str, bytes], kind: int = zipfile.ZIP_STORED) -> bytes:
    """A zip file, by Python."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", kind) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()
