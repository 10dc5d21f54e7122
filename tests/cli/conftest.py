"""Running `fuse` in this process (fast) and as a shell would (for pipes, completion and imports)."""

import os
import subprocess
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import featfuse
import featfuse_cli
import h5py
import numpy as np
import pytest
from featfuse_cli.app import app
from safetensors.numpy import load_file
from typer.testing import CliRunner, Result

Fuse = Callable[..., Result]
Shell = Callable[..., "subprocess.CompletedProcess[bytes]"]
MakeNpy = Callable[..., None]

READ: dict[str, Callable[[str | Path], Any]] = {
    ".npy": np.load,
    ".npz": lambda path: np.load(path)["fused"],
    ".h5": lambda path: h5py.File(path)["fused"][...],
    ".safetensors": lambda path: load_file(path)["fused"],
}
SUFFIXES = tuple(READ)
"""The suffixes of outputs, and what reads them that is not ours."""

LAUNCHER = """\
#!{python}
import sys
sys.argv[0] = "fuse"
from featfuse_cli import main
main()
"""


def check_end(result: "subprocess.CompletedProcess[bytes]", codes: Collection[int]) -> None:
    """A documented exit code, and if it is none of success two lines at most, for people."""
    told = result.stderr.decode()
    assert result.returncode in codes, told
    assert "Traceback" not in told
    assert "OpenBLAS" not in told
    if result.returncode:
        assert told.startswith("error: ")
        assert len(told.splitlines()) <= 2, told


@pytest.fixture(autouse=True)
def in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs in a folder of its own, with a plain terminal."""
    monkeypatch.chdir(tmp_path)
    for name in ("COLUMNS", "FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def fuse() -> Fuse:
    """`fuse("a.npy", "--json")`, in this process."""

    def call(*args: str) -> Result:
        result = CliRunner().invoke(app, list(args), prog_name="fuse")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call


@pytest.fixture(scope="session")
def shell_env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which a shell finds `fuse`, installed or not."""
    folder = tmp_path_factory.mktemp("bin")
    launcher = folder / "fuse"
    launcher.write_text(LAUNCHER.format(python=sys.executable))
    launcher.chmod(0o755)
    roots = {str(Path(package.__file__ or "").parents[1]) for package in (featfuse, featfuse_cli)}
    env = {name: value for name, value in os.environ.items() if not name.startswith(("_FUSE", "COLUMNS"))}
    return env | {
        "PATH": f"{folder}{os.pathsep}{env['PATH']}",
        "PYTHONPATH": os.pathsep.join([*sorted(roots), env.get("PYTHONPATH", "")]).rstrip(os.pathsep),
    }


@pytest.fixture
def shell(shell_env: dict[str, str]) -> Shell:
    """`shell("fuse a.npy | wc -c")`, as typed; keywords are further environment variables."""

    def call(command: str, **extra: str) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(
            command, shell=True, env=shell_env | extra, capture_output=True, check=False, timeout=120
        )

    return call


@pytest.fixture
def make_npy() -> MakeNpy:
    """`make_npy("a.npy", (1, 4, 4, 2))` writes random numbers here."""

    def make(name: str, shape: Sequence[int], dtype: str = "float32") -> None:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        values = np.random.default_rng(len(name)).normal(size=tuple(shape)) * 10
        np.save(name, values.astype(dtype))

    return make
