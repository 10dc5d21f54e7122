"""What is in a file, and its statistics in one pass: as NumPy has them, in bounded memory."""

import tracemalloc
import warnings
from pathlib import Path
from typing import Any

import featfuse
import h5py
import numpy as np
import pytest
from featfuse import InputError, RunError, UsageError
from featfuse.formats.hdf5 import direct
from featfuse.io.inputs import Inputs
from featfuse.io.listing import list_contents
from featfuse.model.dtypes import DTYPES, is_float
from featfuse.model.tensor import Array
from featfuse.process.limits import Limits, TooLittleMemory
from featfuse.report.contents import TensorRow
from safetensors.numpy import save_file

from tests.support.files import entry, header

MEMORY = Limits(64 << 20)


def random(dtype: str, shape: tuple[int, ...], seed: int) -> Array:
    """Numbers of every kind that the type has: large ones, zeros, NaN and inf among them."""
    generator = np.random.default_rng(seed)
    if not is_float(DTYPES[dtype]):
        return np.asarray(generator.integers(0, 2 if dtype == "bool" else 100, shape)).astype(dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = np.asarray(generator.standard_normal(shape) * 10.0 ** generator.integers(-3, 3, shape))
        values[generator.random(shape) < 0.1] = 0
        for odd in (np.nan, np.inf, -np.inf):
            values[generator.random(shape) < 0.02] = odd
        return values.astype(DTYPES[dtype])


def told(row: TensorRow) -> dict[str, float]:
    """The statistics that there are."""
    assert row.stats is not None
    return {name: value for name, value in row.stats._asdict().items() if value is not None}


def by_numpy(values: Array) -> dict[str, float]:
    wide = values.astype(np.float64).ravel()
    finite = wide[np.isfinite(wide)]
    known = {name: getattr(finite, name)() for name in ("min", "max", "mean", "std")} if len(finite) else {}
    counted = {"nan": np.isnan(wide).sum(), "inf": np.isinf(wide).sum(), "zeros": (wide == 0).sum()}
    return {**known, **counted}


SHAPES = [(), (1,), (0,), (3, 0, 2), (7,), (2, 3, 5, 4), (40, 50, 60)]


@pytest.mark.parametrize("dtype", DTYPES)
def test_statistics_of_every_type_are_those_of_numpy(tmp_path: Path, dtype: str) -> None:
    arrays = {f"a{n}": random(dtype, shape, n) for n, shape in enumerate(SHAPES)}
    save_file(arrays, tmp_path / "x.safetensors")
    rows = list_contents([tmp_path / "x.safetensors"], MEMORY).rows
    assert [row.key for row in rows] == list(arrays)
    for row, values in zip(rows, arrays.values(), strict=True):
        assert (row.shape, row.dtype, row.bytes) == (values.shape, dtype, values.nbytes)
        assert told(row) == pytest.approx(by_numpy(values), rel=1e-12, abs=1e-12), row.name


def test_every_format_and_storage_gives_the_same(tmp_path: Path) -> None:
    values = random("float32", (60, 50, 40), 1)
    np.save(tmp_path / "a.npy", values)
    np.save(tmp_path / "fortran.npy", np.asfortranarray(values))
    np.save(tmp_path / "big.npy", values.astype(">f4"))
    np.savez_compressed(tmp_path / "a.npz", a=values, b=values)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["plain"] = values
        file.create_dataset("packed", data=values, chunks=(7, 50, 9), compression="gzip", shuffle=True)
        file.create_dataset("big", data=values.astype(">f4"), chunks=(13, 11, 17))
    np.savez(tmp_path / "odd.npz", **{"x y": values})
    places = [tmp_path / name for name in ("a.npy", "fortran.npy", "big.npy", "a.npz", "a.h5", "odd.npz")]
    found = list_contents([*places, values, values.T, values[::-1]], MEMORY)
    assert len(found) == 12
    assert found.source is None
    for row in found:
        assert told(row) == pytest.approx(by_numpy(values), rel=1e-12), row.name


def test_rows_come_in_the_order_of_the_inputs(tmp_path: Path) -> None:
    """Arrays between files, and what cannot be read between what can."""
    np.savez(tmp_path / "x.npz", a=np.ones(1), b=np.ones(2, complex), c=np.ones(3))
    ones = np.ones(4)
    found = list_contents([ones, tmp_path / "x.npz", ones * 2], MEMORY)
    assert [(row.name.removeprefix(f"{tmp_path}/"), row.stats and row.stats.max) for row in found] == [
        ("input 1", 1),
        ("x.npz::a", 1),
        ("x.npz::b", None),
        ("x.npz::c", 1),
        ("input 3", 2),
    ]
    assert found[2].unreadable == "holds complex numbers (complex128)"
    assert (found[2].shape, found[2].dtype, found[2].bytes) == ((2,), "complex128", 32)


def test_what_cannot_be_computed_with_is_listed(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(
        header(
            {"ok": entry("F32", [2], 0, 8), "c": entry("C64", [2], 8, 24), "s": entry("F4", [4], 24, 26)},
            bytes(26),
        )
    )
    for stats in (None, MEMORY):
        found = list_contents([path], stats)
        assert [(row.key, row.dtype, row.bytes, row.unreadable) for row in found] == [
            ("c", "C64", 16, "its dtype C64 is not supported"),
            ("ok", "float32", 8, None),
            ("s", "F4", 2, "its dtype F4 is not supported"),
        ]
        assert [row.stats is not None for row in found] == [False, stats is not None, False]
    assert (found.held, found.bytes, found.source) == (3, 26, str(path))


def test_dimension_scales_are_marked(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["lat"], file["map"] = np.arange(3.0), np.zeros((3, 4))
        file["lat"].make_scale("lat")
        file["map"].dims[0].attach_scale(file["lat"])
    found = list_contents([tmp_path / "x.h5"], MEMORY)
    assert [(row.key, row.coordinates, row.stats and row.stats.max) for row in found] == [
        ("lat", True, 2),
        ("map", False, 0),
    ]


@pytest.mark.parametrize("how", ["npy", "npz", "gzip", "chunks"])
def test_memory_is_bounded(tmp_path: Path, how: str) -> None:
    values = np.ones((64, 512, 512), np.float32)  # 64 MiB
    path = tmp_path / ("x.h5" if how in ("gzip", "chunks") else f"x.{how}")
    if how == "npy":
        np.save(path, values)
    elif how == "npz":
        np.savez(path, a=values)
    else:
        with h5py.File(path, "w") as file:
            packed: dict[str, Any] = {"compression": "gzip", "compression_opts": 1} if how == "gzip" else {}
            file.create_dataset("a", data=values, chunks=(8, 64, 512), **packed)
    del values
    list_contents([path])
    tracemalloc.start()
    try:
        found = list_contents([path], Limits(8 << 20))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found[0].stats == (1.0, 1.0, 1.0, 0.0, 0, 0, 0)
    assert peak < (8 << 20) + (60 << 20) * (how == "gzip"), "the cache of decoded chunks aside"


def test_progress_is_told_in_bytes(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "x.npz", a=np.zeros((3000, 1000), np.float32), b=np.zeros(5, np.int8), c=np.zeros(2, "U1")
    )
    seen: list[tuple[int, int]] = []
    list_contents([tmp_path / "x.npz"], Limits(1 << 20, None, lambda *done: seen.append(done)))
    total = 4 * 3_000_000 + 5
    assert len(seen) > 10
    assert seen == sorted(seen)
    assert seen[-1] == (total, total)
    assert {it[1] for it in seen} == {total}


def test_each_chunk_is_unpacked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("a", data=np.ones((40, 40, 40)), chunks=(16, 16, 16), compression="gzip")
    seen: list[tuple[int, ...]] = []
    kept = direct._Chunked._decode
    monkeypatch.setattr(
        direct._Chunked, "_decode", lambda self, index: seen.append(index) or kept(self, index)
    )
    monkeypatch.setattr(direct.CACHE, "limit", 0)
    list_contents([tmp_path / "x.h5"], Limits(1 << 20))
    assert len(seen) == len(set(seen)) == 27


def test_too_little_memory_is_told(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros(3))
    with pytest.raises(TooLittleMemory, match="1000 bytes is too small"):
        list_contents([tmp_path / "x.npy"], Limits(1000))
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("a", (4096, 4096), "f4", chunks=(4096, 4096), compression="gzip")
    with pytest.raises(TooLittleMemory, match="packed in chunks of 64 MiB"):
        list_contents([tmp_path / "x.h5"], Limits(1 << 20))
    assert list_contents([tmp_path / "x.h5"])[0].shape == (4096, 4096)


def test_a_damaged_tensor_ends_it(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=np.arange(9000.0))
    data = (tmp_path / "x.npz").read_bytes()
    (tmp_path / "x.npz").write_bytes(data.replace(np.float64(8000).tobytes(), np.float64(8001).tobytes()))
    assert len(list_contents([tmp_path / "x.npz"])) == 1
    with pytest.raises(InputError, match=r"x\.npz::a"):
        list_contents([tmp_path / "x.npz"], MEMORY)


def test_a_file_that_changes_meanwhile_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "x.npy", np.zeros(3))
    kept = Inputs.release

    def release(self: Inputs, index: int) -> None:
        kept(self, index)
        np.save(tmp_path / "x.npy", np.zeros(4))

    monkeypatch.setattr(Inputs, "release", release)
    with pytest.raises(RunError, match="changed while it was being read"):
        list_contents([tmp_path / "x.npy"], MEMORY)


# -------------------------------------------------------------------------------------- the Python verb


def test_one_file_or_array_is_listed(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a10=np.ones((2, 3)), a9=np.ones(4), b=np.ones(1))
    found = featfuse.inspect(tmp_path / "x.npz")
    assert [row.key for row in found] == ["a9", "a10", "b"]
    assert found[1].shape == (2, 3)
    assert [row.key for row in featfuse.inspect(f"{tmp_path}/x.npz::a*")] == ["a9", "a10"]
    assert [row.key for row in featfuse.inspect(f"{tmp_path}/x.npz::b")] == ["b"]
    array = featfuse.inspect(np.ones((3, 4), np.float16), stats=True)
    assert [(row.name, row.path, row.shape, row.stats and row.stats.mean) for row in array] == [
        ("input 1", None, (3, 4), 1.0)
    ]


def test_with_options_one_input_is_a_plan(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones((4, 4)))
    for options in ({"method": "nearest", "to": "8x8"}, {"layout": "HW"}, {"dtype": "float32"}):
        assert featfuse.inspect(tmp_path / "x.npy", **options).compatibility == "identical"  # type: ignore[arg-type]
    assert featfuse.inspect((4, 4)).compatibility == "identical", "a bare shape holds nothing"


def test_statistics_go_with_no_fusion(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones((4, 4)))
    path = str(tmp_path / "x.npy")
    with pytest.raises(UsageError, match="`stats` and `method` exclude each other"):
        featfuse.inspect(path, stats=True, method="nearest")
    with pytest.raises(UsageError, match="`memory` is not used without `stats`"):
        featfuse.inspect(path, memory="1G")
    with pytest.raises(UsageError, match='memory="zero": not a size'):
        featfuse.inspect(path, stats=True, memory="zero")
    with pytest.raises(InputError, match="is only a shape"):
        featfuse.inspect((4, 4), stats=True)
    assert len(featfuse.inspect(path, path, stats=True, memory="2M")) == 2
