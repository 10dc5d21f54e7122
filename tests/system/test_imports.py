"""The import budget: what a call must not load, so that small runs stay quick. No timing, only names."""

import sys
from pathlib import Path

import h5py
import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

NEVER = {"pydantic", "dask", "distributed", "featfuse.batches", "featfuse_cli.batch"}

SMALL = NEVER | {"h5py", "safetensors", "ml_dtypes", "rich.console", "rich.table"}

SMALL |= {"tempfile", "secrets", "random", "hashlib", "zipfile", "fractions", "multiprocessing"}

POOLS = {"concurrent.futures", "logging", "threadpoolctl"}


@pytest.fixture
def files():
    x, y = np.ones((1, 2, 8, 8), np.float32), np.ones((1, 2, 4, 4), np.float32)
    for name, array in (("a", x), ("b", y)):
        np.save(f"{name}.npy", array)
        save_file({"x": array}, f"{name}.safetensors")
        with h5py.File(f"{name}.h5", "w") as file:
            file["x"] = array


FUSE = "a.npy b.npy -m bilinear --layout NCHW"


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
