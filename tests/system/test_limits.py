"""Runs that get less memory, fewer open files or fewer processes than they need (`ulimit`).

Each ends with a documented exit code and a line or two, with a whole output or none, and nothing beside it.
Results are read by NumPy, h5py and safetensors. Slow runs try many more limits.
"""

import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.support.amounts import few_or_many, only_slow, slow_but
from tests.support.commands import check_end
from tests.support.readers import READ, SUFFIXES


def hidden(folder="."):
    return sorted(path.name for path in Path(folder).iterdir() if path.name.startswith("."))


@pytest.fixture
def limited(shell):
    """`limited("-n 8", "fuse a.npy")`, with that `ulimit`; `user` is a command that runs it as another."""

    def call(limit, line, user=""):
        return shell(f"{user} bash -c 'ulimit {limit} && exec {line}'")

    return call


START = f'{sys.executable} -c "import featfuse_cli, signal, runpy"'
MEGABYTES = range(12, 300, 6)
"""NumPy takes about 90, HDF5 about 20 more, each matrix product at a time 32."""


@pytest.fixture
def maps():
    """a and b in three formats; their sum is 5."""
    for name, size in (("a", 128), ("b", 64)):
        array = np.full((1, 8, size, size), 2 if name == "a" else 3, np.float32)
        np.save(f"{name}.npy", array)
        save_file({"x": array}, f"{name}.safetensors")
        with h5py.File(f"{name}.h5", "w") as file:
            file["x"] = array


@pytest.mark.parametrize("sizes", few_or_many((16, 88, 118, 220), MEGABYTES))
@pytest.mark.parametrize(
    "line",
    [
        "fuse a.npy b.npy -m bilinear --layout NCHW -q -f -o o.npy",
        "fuse a.h5 b.h5 -m bilinear --layout NCHW -q -f -o o.npy",
        *only_slow(
            [
                "fuse a.safetensors b.safetensors -m bilinear --layout NCHW -q -f -o o.npy --threads 8",
                "fuse inspect a.h5 b.h5 -m bilinear --layout NCHW",
            ]
        ),
    ],
)
def test_too_small_an_address_space(limited, maps, line, sizes):
    """Below some 12 MB Python, or what it loads before our first line, does not start, and says so itself."""
    codes = set()
    for size in sizes:
        if size < 24 and limited(f"-v {size * 1024}", START).returncode:
            continue
        result = limited(f"-v {size * 1024}", line)
        check_end(result, {0, 1})
        assert hidden() == []
        codes.add(result.returncode)
        if result.returncode == 0 and "o.npy" in line:
            assert np.array_equal(np.load("o.npy"), np.full((1, 8, 128, 128), 5, np.float32))
    assert codes == {0, 1}, "both must have been tried"


@pytest.mark.parametrize("size", [104, 400, *only_slow(MEGABYTES)])
def test_too_small_an_address_space_for_a_batch(limited, maps, size):
    """Each worker has as much as the batch itself: what does not fit fails its item."""
    Path("pairs.csv").write_text("a,b,out\na.npy,b.h5,1.npy\na.npy,b.h5,2.npy\na.npy,b.h5,3.npy\n")
    if size < 24 and limited(f"-v {size * 1024}", START).returncode:
        pytest.skip("Python itself does not start")
    line = "fuse batch --pairs pairs.csv --out o/ -m bilinear --layout NCHW -q -j 2"
    result = limited(f"-v {size * 1024}", line)
    told = result.stderr.decode()
    assert result.returncode in ((0,) if size >= 400 else (0, 1, 5)), told
    assert "Traceback" not in told
    assert "OpenBLAS" not in told
    assert told.count("failed: ") <= 3
    assert not told or "not enough memory" in told
    for path in Path().glob("o/*.npy"):
        assert np.array_equal(np.load(path), np.full((1, 8, 128, 128), 5, np.float32))
    assert not Path("o").exists() or hidden("o") == []


@pytest.fixture
def place():
    """A folder that anybody may write to; those of tests only their owner may even enter."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


@pytest.mark.parametrize("count", [2, *only_slow([1, 3, 4, 5, 6, 7, 8])])
def test_too_few_processes(limited, maps, stranger, place, count):
    """Threads count as processes: runs get by with fewer. HDF5's child and a batch's workers are needed."""
    line = f"fuse a.npy b.npy -m bilinear --layout NCHW -q -f --memory 4M --threads 8 -o {place}/o.npy"
    check_end(limited(f"-u {count}", line, stranger), {0})
    assert np.array_equal(np.load(place / "o.npy"), np.full((1, 8, 128, 128), 5, np.float32))
    check_end(limited(f"-u {count}", "fuse inspect a.h5 b.h5 -m bilinear --layout NCHW", stranger), {0, 1})
    Path("pairs.csv").write_text("a,b,out\na.npy,b.npy,1.npy\na.npy,b.npy,2.npy\n")
    line = (
        f"fuse batch --pairs pairs.csv --out {place} --manifest {place}/m -m bilinear --layout NCHW -q -j 2"
    )
    result = limited(f"-u {count}", line, stranger)
    check_end(result, {0, 1})
    assert count > 2 or b"no worker process" in result.stderr
    assert hidden(place) == []


@pytest.mark.parametrize("counts", few_or_many((8, 24, 60), range(5, 60)))
@pytest.mark.parametrize("suffix", slow_but(SUFFIXES, ".npy", ".h5"))
def test_too_few_open_files(limited, suffix, counts):
    """20 inputs need 20, the output one, each library that is loaded one for a moment."""
    array = np.ones((1, 2, 8, 8), np.float32)
    names = [f"{number}{suffix}" for number in range(20)]
    for name in names:
        if suffix == ".npy":
            np.save(name, array)
        elif suffix == ".npz":
            np.savez(name, x=array)
        elif suffix == ".h5":
            with h5py.File(name, "w") as file:
                file["x"] = array
        else:
            save_file({"x": array}, name)
    codes = set()
    for count in counts:
        result = limited(f"-n {count}", f"fuse {' '.join(names)} -q -f -o fused{suffix}")
        check_end(result, {0, 1})
        assert hidden() == []
        codes.add(result.returncode)
        assert Path(f"fused{suffix}").exists() == (0 in codes)
        if result.returncode == 0:
            assert np.array_equal(READ[suffix](f"fused{suffix}"), array * 20)
        else:
            assert b"Too many open files" in result.stderr
    assert codes == {0, 1}
