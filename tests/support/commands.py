"""Running `fuse` in this process (fast) and as a shell would (for pipes, completion and imports)."""

import os
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import featfuse
import featfuse_cli
import numpy as np
from featfuse_cli.app import app
from typer.testing import CliRunner, Result

Fuse = Callable[..., Result]
Shell = Callable[..., "subprocess.CompletedProcess[bytes]"]
MakeNpy = Callable[..., None]

LAUNCHER = """\
#!{python}
import sys
sys.argv[0] = "fuse"
from featfuse_cli import main
main()
"""


def call_fuse(*args: str) -> Result:
    """`fuse ARGS` in this process. An exit is a result; any other exception is a bug, and raised."""
    result = CliRunner().invoke(app, list(args), prog_name="fuse")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def make_environment(folder: Path) -> dict[str, str]:
    """An environment in which a shell finds `fuse`, installed or not: a launcher in `folder`."""
    launcher = folder / "fuse"
    launcher.write_text(LAUNCHER.format(python=sys.executable))
    launcher.chmod(0o755)
    roots = {str(Path(package.__file__ or "").parents[1]) for package in (featfuse, featfuse_cli)}
    env = {name: value for name, value in os.environ.items() if not name.startswith(("_FUSE", "COLUMNS"))}
    return env | {
        "PATH": f"{folder}{os.pathsep}{env['PATH']}",
        "PYTHONPATH": os.pathsep.join([*sorted(roots), env.get("PYTHONPATH", "")]).rstrip(os.pathsep),
    }


def shell_in(env: Mapping[str, str]) -> Shell:
    """A shell with that environment."""

    def call(command: str, **extra: str) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(
            command, shell=True, env={**env, **extra}, capture_output=True, check=False, timeout=120
        )

    return call


def on_terminal(env: Mapping[str, str], *arguments: str) -> bytes:
    """What a terminal gets to see of `fuse ARGUMENTS`."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(["fuse", *arguments], env=env, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = b""
    with suppress(OSError):  # how Linux tells that nobody is at the other end any more
        while part := os.read(ours, 65536):
            seen += part
    os.close(ours)
    process.wait()
    return seen


def make_random(name: str, shape: Sequence[int], dtype: str = "float32") -> None:
    """A .npy of random numbers in the working folder."""
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(len(name)).normal(size=tuple(shape)) * 10
    np.save(name, values.astype(dtype))


def check_end(result: "subprocess.CompletedProcess[bytes]", codes: Collection[int]) -> None:
    """A documented exit code, and if it is none of success two lines at most, for people."""
    told = result.stderr.decode()
    assert result.returncode in codes, told
    assert "Traceback" not in told
    assert "OpenBLAS" not in told
    if result.returncode:
        assert told.startswith("error: ")
        assert len(told.splitlines()) <= 2, told
