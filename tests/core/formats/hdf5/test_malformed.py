"""HDF5 files that are no good, or were made to do harm: refused in words, with exit 4."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.support.amounts import only_slow, slow_but
from tests.support.malformed import check_bounded, check_refused

CRASHER = """\
import ctypes, os, sys
from featfuse.formats.hdf5 import reader as hdf5
from featfuse_cli import main
def crash(*arguments, **options): {crash}
hdf5.{place} = crash
sys.argv = ["fuse", "inspect", *sys.argv[1:]]
main()
"""
CRASHES = {
    "SIGSEGV": "ctypes.string_at(0)",
    "SIGABRT": "os.abort()",
    "SIGBUS": "os.kill(os.getpid(), 7)",
    "SIGFPE": "os.kill(os.getpid(), 8)",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.h5"


def _vlen(file: h5py.File) -> None:
    file.create_dataset("a", (2,), h5py.vlen_dtype(np.float32))


def _virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((3,), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "d", (3,))
    file.create_virtual_dataset("a", layout)


def _unknown_filter(file: h5py.File) -> None:
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((4,))
    properties.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, (3,))  # Zstandard
    space = h5py.h5s.create_simple((8,))
    made = h5py.h5d.create(file.id, b"a", h5py.h5t.IEEE_F32LE, space, properties)
    made.write_direct_chunk((0,), b"packed", 0)


def _doubling(file: h5py.File) -> None:
    node = file
    for _ in range(40):
        node = node.create_group("l")
        node.parent["r"] = node
    node["a"] = np.zeros(3)


NO_TENSORS: dict[str, tuple[Callable[[h5py.File], object], str]] = {
    "nothing": (lambda _: None, "no numeric tensor"),
    "text": (lambda file: file.create_dataset("a", data=["x", "y"]), "a: holds text"),
    "fixed text": (lambda file: file.create_dataset("a", data=np.array([b"x"])), "a: holds text"),
    "rows": (_vlen, "a: holds rows of unequal length"),
    "records": (lambda file: file.create_dataset("a", (2,), "f4,i4"), "a: holds records"),
    "references": (lambda file: file.create_dataset("a", (2,), h5py.ref_dtype), "a: holds references"),
    "empty": (lambda file: file.create_dataset("a", data=h5py.Empty("f4")), "a: is empty"),
    "complex": (lambda file: file.create_dataset("a", (2,), "c8"), "a: holds complex"),
    "virtual": (_virtual, "a: is a virtual dataset"),
    "external": (
        lambda file: file.create_dataset("a", (2,), "f4", external=[("/etc/passwd", 0, 8)]),
        "a: has external storage",
    ),
    "claims 4 TB": (lambda file: file.create_dataset("a", (1 << 40,), "f4", chunks=(1 << 20,)), "a: claims"),
    "claims 4 TB at once": (lambda file: file.create_dataset("a", (1 << 40,), "f4"), "a: claims"),
    "claims 2**30 chunks": (
        lambda file: file.create_dataset("a", (1 << 30,), "u1", chunks=(1,)),
        "chunks in a",
    ),
    "doubling": (_doubling, "paths"),
}

LINKS = {
    "out": ("/g", "is an external link"),
    "out/deeper": ("/g", "is an external link"),
    "soft": ("/g", "is an external link"),
    "group/out/x": ("/g", "is an external link"),
    "circle": ("/g", "circle"),
    "ping": ("/g", "circle"),
    "group": ("/g", "is a group"),
}


@pytest.mark.parametrize("case", slow_but(NO_TENSORS, *(set(NO_TENSORS) - {"doubling"})))
def test_what_is_no_tensor(path: Path, case: str) -> None:
    make, words = NO_TENSORS[case]
    with h5py.File(path, "w") as file:
        make(file)
    check_refused(path, words)


@pytest.mark.parametrize("key", LINKS)
def test_links_lead_nowhere_else(path: Path, key: str) -> None:
    with h5py.File(path.with_name("secret.h5"), "w") as secret:
        secret["g/x"] = np.zeros(3)
    with h5py.File(path, "w") as file:
        file["out"] = h5py.ExternalLink("secret.h5", "/g")
        file["group/out"] = h5py.ExternalLink("secret.h5", "/g")
        file["soft"] = h5py.SoftLink("/out/x")
        file["circle"] = h5py.SoftLink("/circle")
        file["ping"] = h5py.SoftLink("/pong")
        file["pong"] = h5py.SoftLink("/ping")
    check_refused(path, LINKS[key][1], key)


def test_unknown_filters(path: Path) -> None:
    with h5py.File(path, "w") as file:
        _unknown_filter(file)
    check_refused(path, "filter", "a", inspect=False)


@pytest.mark.parametrize("length", [8, 9, 48, 96, 500, 2000, 4000])
def test_truncated(path: Path, length: int) -> None:
    with h5py.File(path, "w") as file:
        file["a"] = np.arange(1000.0)
    path.write_bytes(path.read_bytes()[:length])
    check_refused(path, "truncated: its header promises|cannot be read as HDF5")


@pytest.mark.parametrize("options", [{}, {"shuffle": True}, {"fletcher32": True}])
def test_damaged_chunks(path: Path, options: dict[str, bool]) -> None:
    with h5py.File(path, "w") as file:
        data = file.create_dataset("a", (99,), "f4", chunks=(99,), compression="gzip", **options)
        data.id.write_direct_chunk((0,), b"this is not deflated")
    check_refused(path, r"chunk \(0,\)", inspect=False)


def test_a_chunk_of_gigabytes(path: Path) -> None:
    with h5py.File(path, "w") as file:
        data = file.create_dataset("a", (1 << 30,), "u1", chunks=(1 << 30,), compression="gzip")
        data.id.write_direct_chunk((0,), b"tiny")
    check_refused(path, "claims 1,073,741,824 bytes, packed into 4", more=("--memory", "1G"), inspect=False)
    words = "--memory 256 MiB is too small: .*packed in chunks of 1 GiB.*\\n.*--memory 1024M"
    check_bounded(path, words, code=2)


@pytest.mark.parametrize("case", ["claims 4 TB", "claims 2**30 chunks", *only_slow(["doubling"])])
def test_small_files_cost_little(path: Path, case: str) -> None:
    make, words = NO_TENSORS[case]
    with h5py.File(path, "w") as file:
        make(file)
    check_bounded(path, words)


# -------------------------------------------------------------------------------- a crash inside the library


@pytest.mark.parametrize("number", slow_but(CRASHES, "SIGSEGV"))
@pytest.mark.parametrize("place", ["h5py.File", "walk", "tensor_facts"])
def test_a_crash_is_an_error_that_names_the_file(path: Path, place: str, number: str) -> None:
    with h5py.File(path, "w") as file:
        file["a"] = np.zeros(3)
    code = CRASHER.format(crash=CRASHES[number], place=place)
    run = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, check=False, text=True, timeout=60
    )
    assert (run.returncode, run.stdout) == (4, "")
    assert run.stderr.startswith(f"error: {path}: the HDF5 library crashed on it ({number})\n")


def test_no_end_is_an_error_too(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["a"] = np.zeros(3)
    code = "from featfuse.process import sandbox\nsandbox._SECONDS = 1\n" + CRASHER.format(
        crash="exec('while True: pass')", place="walk"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, check=False, text=True, timeout=60
    )
    assert run.returncode == 4
    assert "never came to an end" in run.stderr
