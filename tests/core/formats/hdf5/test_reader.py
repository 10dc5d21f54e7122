"""HDF5 files that others wrote, and data that the library itself decodes: its crash is an error."""

import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import featfuse
import h5py
import numpy as np
import pytest
from featfuse.io.readers import open_input
from featfuse.io.selection import select
from featfuse.model.tensor import Array, TensorSpec

from tests.support.amounts import only_slow
from tests.support.malformed import load

VALUES = (np.arange(6000, dtype=np.int32) % 97).reshape(60, 100)

INJECT = """\
import ctypes, os
import {module}
real = {place}
def crash(self, *arguments, **options):
    if "bad" in {name}:
        {crash}
    return real(self, *arguments, **options)
{place} = crash
"""

READ, OPEN, LOCATE = (
    {"module": "h5py", "place": "h5py.Dataset.__getitem__", "name": "self.file.filename"},
    {"module": "h5py", "place": "h5py.File.__init__", "name": "str(arguments[0])"},
    {
        "module": "featfuse.formats.hdf5.reader",
        "place": "featfuse.formats.hdf5.reader.open_direct",
        "name": "self.file.filename",
    },
)

CRASHES = {"SIGSEGV": "ctypes.string_at(0)", "SIGABRT": "os.abort()", "SIGFPE": "os.kill(os.getpid(), 8)"}


def fuse(*words: str | Path, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own; a `sitecustomize.py` in `folder` is run by each Python in it."""
    paths = [str(folder)] if folder else []
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([*paths, *sys.path])}
    return subprocess.run(
        [sys.executable, "-m", "featfuse_cli", *map(str, words)],
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
        env=environment,
    )


def inject(folder: Path, crash: str, where: dict[str, str]) -> Path:
    """A folder whose `sitecustomize.py` makes h5py crash on files called bad."""
    made = folder / "inject"
    made.mkdir()
    (made / "sitecustomize.py").write_text(INJECT.format(crash=crash, **where))
    return made


def scale_offset(file: h5py.File) -> None:
    file.create_dataset("a", data=VALUES, chunks=(20, 50), scaleoffset=0)


def nbit(file: h5py.File) -> None:
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((20, 50))
    properties.set_filter(h5py.h5z.FILTER_NBIT)
    kind = h5py.h5t.STD_I32LE.copy()
    kind.set_precision(9)
    made = h5py.h5d.create(file.id, b"a", kind, h5py.h5s.create_simple(VALUES.shape), properties)
    made.write(h5py.h5s.ALL, h5py.h5s.ALL, VALUES)


def lzf(file: h5py.File) -> None:
    file.create_dataset("a", data=VALUES, chunks=(20, 50), compression="lzf")


def szip(file: h5py.File) -> None:
    file.create_dataset("a", data=VALUES, chunks=(20, 50), compression="szip")


def lzf_summed(file: h5py.File) -> None:
    file.create_dataset("a", data=VALUES, chunks=(20, 50), compression="lzf", shuffle=True, fletcher32=True)


FILTERS: dict[str, Callable[[h5py.File], None]] = {
    "lzf": lzf,
    "lzf, shuffle, fletcher32": lzf_summed,
    "nbit": nbit,
    "scaleoffset": scale_offset,
    "szip": szip,
}


def make(path: Path, case: str) -> None:
    with h5py.File(path, "w") as file:
        try:
            FILTERS[case](file)
        except ValueError:
            pytest.skip(f"this h5py cannot write {case}")


def spec_of(path: Path, key: str | None = None) -> TensorSpec:
    with open_input(str(path)) as reader:
        return select(reader, key)[0]


# ------------------------------------------------------------------------------- crashes inside the library


@pytest.mark.parametrize("number", CRASHES)
@pytest.mark.parametrize("where", [READ, LOCATE], ids=["read", "locate"])
def test_a_crash_names_file_and_dataset(tmp_path: Path, where: dict[str, str], number: str) -> None:
    path, out = tmp_path / "bad.h5", tmp_path / "out.npy"
    make(path, "lzf")
    run = fuse(f"{path}::a", "-o", out, folder=inject(tmp_path, CRASHES[number], where))
    assert (run.returncode, run.stdout) == (4, "")
    assert run.stderr.startswith(f"error: {path}::a: the HDF5 library crashed on it ({number})\n")
    assert sorted(made.name for made in tmp_path.iterdir()) == ["bad.h5", "inject"]


def test_a_crash_while_threads_are_running(tmp_path: Path) -> None:
    """No new child can be forked then, so the other threads must stop too."""
    path = tmp_path / "bad.h5"
    with h5py.File(path, "w") as file:
        data = np.zeros((64, 512, 512), np.float32)
        file.create_dataset("a", data=data, chunks=(1, 512, 512), compression="lzf")
    crash = "os.calls = getattr(os, 'calls', 0) + 1; os.calls > 3 and os.abort()"
    run = fuse(
        f"{path}::a", "-o", tmp_path / "o.npy", "--threads", "4", "--memory", "64M",
        folder=inject(tmp_path, crash, READ),
    )  # fmt: skip
    assert run.returncode == 4, run.stderr
    assert f"{path}::a: the HDF5 library crashed on it (SIGABRT)" in run.stderr


def test_what_is_read_past_the_library_is_not_rehearsed(tmp_path: Path) -> None:
    path = tmp_path / "bad.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("a", data=VALUES, chunks=(20, 50), compression="gzip", shuffle=True)
        file["b"] = VALUES
    folder = inject(tmp_path, "os.abort()", READ)
    run = fuse(f"{path}::a", f"{path}::b", "--combine", "mean", "-o", tmp_path / "o.npy", folder=folder)
    assert run.returncode == 0, run.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "o.npy"), VALUES)


def test_a_child_that_something_else_kills(tmp_path: Path) -> None:
    path = tmp_path / "bad.h5"
    make(path, "lzf")
    run = fuse(
        f"{path}::a", "-o", tmp_path / "o.npy", folder=inject(tmp_path, "os.kill(os.getpid(), 9)", READ)
    )
    assert run.returncode == 4, run.stderr
    assert f"{path}::a: the process that reads it on trial was killed (SIGKILL)" in run.stderr


@pytest.mark.parametrize(
    ("where", "words"), [(READ, "was killed by SIGABRT"), (OPEN, "crashed on it (SIGABRT)")]
)
def test_in_a_batch_a_crash_costs_its_item_only(tmp_path: Path, where: dict[str, str], words: str) -> None:
    """Items are planned in the command's own process, and read in workers."""
    for name in ("bad", "good", "well"):
        (tmp_path / "a").mkdir(exist_ok=True)
        make(tmp_path / "a" / f"{name}.h5", "lzf")
    run = fuse(
        "batch", tmp_path / "a", "-o", tmp_path / "out", "--jobs", "2",
        folder=inject(tmp_path, "os.abort()", where),
    )  # fmt: skip
    assert run.returncode not in (0, -6), run.stderr
    assert words in run.stderr + run.stdout
    assert sorted(path.stem for path in (tmp_path / "out").glob("*.h5")) == ["good", "well"]


# ------------------------------------------------------------------------------------------ damaged chunks


@pytest.mark.parametrize("case", FILTERS)
def test_whole_files_are_read_right(tmp_path: Path, case: str) -> None:
    make(tmp_path / "x.h5", case)
    run = fuse(f"{tmp_path / 'x.h5'}::a", "-o", tmp_path / "o.npy")
    assert run.returncode == 0, run.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "o.npy"), VALUES)


def damaged(path: Path, rng: random.Random) -> None:
    """Other bytes, or fewer, in one chunk: the file around it stays right."""
    with h5py.File(path, "r+") as file:
        stored = file["a"].id
        mask, chunk = stored.read_direct_chunk((20, 50))
        data = bytearray(chunk)
        for _ in range(rng.choice((1, 8, 40))):
            data[rng.randrange(len(data))] = rng.randrange(256)
        stored.write_direct_chunk(
            (20, 50), bytes(data[: rng.choice((len(data), rng.randrange(1, len(data))))]), mask
        )


@pytest.mark.parametrize("seed", [0, *only_slow(range(1, 4))])
@pytest.mark.parametrize("case", FILTERS)
def test_damage_is_refused_or_read_as_h5py_reads_it(tmp_path: Path, case: str, seed: int) -> None:
    """Not every filter has a checksum; but the process lives, and other chunks are right."""
    path = tmp_path / "x.h5"
    make(path, case)
    damaged(path, random.Random(seed))
    run = fuse(f"{path}::a", "-o", tmp_path / "o.npy")
    assert run.returncode in (0, 4), run.stderr
    if run.returncode:
        assert run.stderr.startswith(f"error: {path}::a: ")
        return
    result: Array = np.load(tmp_path / "o.npy")
    result[20:40, 50:] = VALUES[20:40, 50:]
    np.testing.assert_array_equal(result, VALUES)


@pytest.mark.parametrize("case", ["lzf", "gzip", "fletcher32"])
def test_a_kilobyte_cannot_claim_a_gigabyte(tmp_path: Path, case: str) -> None:
    path = tmp_path / "x.h5"
    options = {"fletcher32": True} if case == "fletcher32" else {"compression": case}
    with h5py.File(path, "w") as file:
        made = file.create_dataset("a", (1 << 30,), "u1", chunks=(1 << 30,), **options)
        made.id.write_direct_chunk((0,), bytes(8))
    code = (
        "import resource, subprocess, sys\n"
        "run = subprocess.run(sys.argv[1:])\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
        "sys.exit(run.returncode)"
    )
    command = [sys.executable, "-m", "featfuse_cli", f"{path}::a", "-o", str(tmp_path / "o.npy")]
    run = subprocess.run(
        [sys.executable, "-c", code, *command], capture_output=True, check=False, text=True, timeout=60
    )
    assert run.returncode == 2
    assert "--memory 256 MiB is too small" in run.stderr
    assert "Give --memory 1024M" in run.stderr
    assert int(run.stdout) < 200 << 10  # KiB
    assert not (tmp_path / "o.npy").exists()


def test_large_chunks_without_filters_are_read_piecewise(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    values = np.arange(1 << 23, dtype=np.int32).reshape(64, -1)
    with h5py.File(path, "w") as file:
        file.create_dataset("a", data=values, chunks=values.shape)
    run = fuse(f"{path}::a", "-o", tmp_path / "o.npy", "--memory", "8M")
    assert run.returncode == 0, run.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "o.npy"), values)


@pytest.mark.slow
@pytest.mark.parametrize(("memory", "helpers"), [("100M", 0), ("300M", 1)])
def test_threads_that_unpack_large_chunks_share_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: str, helpers: int
) -> None:
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        chunks = (1, 64, 512, 512)
        made = file.create_dataset("a", (4, *chunks[1:]), "f4", chunks=chunks, compression="gzip")
        made[0, :, 0] = 1
        made[1, :, 0] = 2
    started: list[int] = []

    def count_threads(_work: object, count: int) -> list[object]:
        started.append(count)
        return []

    monkeypatch.setattr("featfuse.steps.execute._start", count_threads)
    result = featfuse.fuse(path, method="stride", to="64x64", layout="NCHW", memory=memory, threads=2)
    assert started == [helpers]
    assert result[:, 0, 0, 0].tolist() == [1, 2, 0, 0]


@pytest.mark.parametrize("options", [{}, {"chunks": (2, 3)}, {"chunks": (3, 4), "compression": "gzip"}])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f2", ">i8", "?", "u1"])
def test_every_hdf5(tmp_path: Path, options: dict[str, Any], dtype: str) -> None:
    array = np.arange(35).reshape(5, 7).astype(dtype)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("a/b", data=array, **options)
    spec = spec_of(tmp_path / "x.h5")
    assert (spec.key, spec.chunks) == ("a/b", options.get("chunks"))
    back = load(tmp_path / "x.h5", "/a/b")
    assert back.dtype == array.dtype.newbyteorder("=")
    assert back.dtype.isnative
    np.testing.assert_array_equal(back, array)


def test_hdf5_scalars_preambles_and_other_suffixes(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.mat", "w", userblock_size=512) as file:
        file["s"] = np.float16(3)
    back = load(tmp_path / "x.mat")
    assert (back.shape, back.dtype, back[()]) == ((), np.float16, 3)


def test_a_file_open_for_writing_elsewhere_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    with h5py.File(path, "w", locking=True) as file:
        file["a"] = np.zeros(3)
        file.flush()
        code = (
            "import sys; from featfuse.io.readers import open_input; from featfuse.errors import InputError\n"
            "try: open_input(sys.argv[1])\nexcept InputError as error: print(error)"
        )
        run = subprocess.run(
            [sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True
        )
    assert "another process" in run.stdout
