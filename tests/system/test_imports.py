"""The import budget: what a call must not load, so that small runs stay quick. No timing, only names."""

import sys
from pathlib import Path

import h5py
import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

NEVER = {"pydantic", "dask", "distributed", "featfuse.batches", "featfuse_cli.batch"}
NO_ARRAYS = NEVER | {"numpy", "h5py", "safetensors", "ml_dtypes", "rich.console", "featfuse.fusion"}
SMALL = NEVER | {"h5py", "safetensors", "ml_dtypes", "rich.console", "rich.table"}
SMALL |= {"tempfile", "secrets", "random", "hashlib", "zipfile", "fractions", "multiprocessing"}
POOLS = {"concurrent.futures", "logging", "threadpoolctl"}


@pytest.fixture
def loaded(shell):
    """The modules that `fuse LINE` imports; stdout and stderr are pipes."""

    def call(line, exit_code=0):
        result = shell(f"fuse {line}", PYTHONPROFILEIMPORTTIME="1")
        assert result.returncode == exit_code, result.stderr.decode()
        rows = [row for row in result.stderr.decode().splitlines() if row.startswith("import time:")]
        modules = {row.split("|")[-1].strip() for row in rows}
        assert "featfuse_cli.app" in modules
        return modules

    return call


@pytest.fixture
def files():
    x, y = np.ones((1, 2, 8, 8), np.float32), np.ones((1, 2, 4, 4), np.float32)
    for name, array in (("a", x), ("b", y)):
        np.save(f"{name}.npy", array)
        save_file({"x": array}, f"{name}.safetensors")
        with h5py.File(f"{name}.h5", "w") as file:
            file["x"] = array


FUSE = "a.npy b.npy -m bilinear --layout NCHW"


def test_the_version_needs_no_command(loaded):
    modules = loaded("--version")
    assert not modules & NO_ARRAYS
    assert not modules & {"featfuse.request.options", "featfuse_cli.run", "featfuse_cli.inspect", "rich"}


@pytest.mark.parametrize("line", ["run --help", "inspect --help", "methods --help"])
def test_help_builds_one_command(loaded, line):
    modules = loaded(line)
    assert not modules & ({"numpy", "featfuse.fusion"} | NEVER)
    others = {"run", "inspect", "methods"} - {line.split()[0]}
    assert not modules & {f"featfuse_cli.{name}" for name in others}


def test_a_small_fusion(loaded, files):
    modules = loaded(FUSE)
    assert "numpy" in modules
    assert not modules & SMALL


def test_a_small_fusion_needs_no_pools(loaded, files):
    assert not loaded(FUSE) & POOLS


@pytest.mark.parametrize("suffix", ["npy", "safetensors"])
def test_inspect(loaded, files, suffix):
    modules = loaded(f"inspect a.{suffix} b.{suffix} --layout NCHW", exit_code=3)
    assert not modules & SMALL
    assert "threadpoolctl" not in modules


def test_inspect_of_hdf5(loaded, files):
    modules = loaded("inspect a.h5 b.h5 --layout NCHW", exit_code=3)
    assert "h5py" in modules
    assert not modules & ({"ml_dtypes", "safetensors", "rich.console"} | NEVER)


def test_types_that_numpy_lacks_still_load(loaded):
    save_file({"x": np.ones((1, 2, 8, 8), ml_dtypes.bfloat16)}, "c.safetensors")
    assert "ml_dtypes" in loaded("c.safetensors --layout NCHW")


def test_garbage_is_collected_again_once_all_is_loaded(shell, files):
    """Also the process's own garbage must stay bounded in a run that lasts."""
    code = f"""\
import atexit, gc, sys
sys.argv = ["fuse", *"{FUSE}".split()]
atexit.register(lambda: print("collecting", gc.isenabled(), gc.get_freeze_count() > 1000))
from featfuse_cli import main
main()
"""
    Path("call.py").write_text(code)
    assert b"collecting True True" in shell(f"{sys.executable} call.py").stdout
