"""One suite for every format: what goes in comes out, as an independent reader sees it."""

import os
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from featfuse.errors import RunError, UsageError
from featfuse.formats import FORMATS, OutputTensor, Sink
from featfuse.io.readers import open_input
from featfuse.io.selection import select
from featfuse.io.sinks import check_output, create_sink
from featfuse.model.dtypes import DTYPES
from featfuse.model.tensor import Array, Window, whole
from safetensors import safe_open

from tests.support.amounts import slow_but
from tests.support.sources import MemoryOutput, MemorySource

SUFFIX = {name: row.suffixes[0] for name, row in FORMATS.items()}
CONTAINERS = [name for name, row in FORMATS.items() if row.container]
STORABLE = [(name, dtype) for name, row in FORMATS.items() for dtype in DTYPES if row.stores(DTYPES[dtype])]
RANGED = [name for name, row in FORMATS.items() if row.library is None]
"""Formats that read and write ranges; a library that opens files itself is given a path."""
SHAPES = [(), (1,), (0,), (3, 0, 2), (7,), (2, 3, 5, 4), (1, 600, 700)]


def independent(path: Path, key: str = "fused") -> Array:
    """The tensor as the format's own reference library reads it."""
    suffix = path.suffix
    if suffix == ".npy":
        return np.load(path, allow_pickle=False)
    if suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            return arrays[key]
    if suffix == ".h5":
        with h5py.File(path, "r") as file:
            return np.asarray(file[key][()])
    with safe_open(path, "numpy") as file:
        code = file.get_slice(key).get_dtype()
    if code not in {"F8_E4M3", "F8_E5M2"}:
        return safetensors.numpy.load_file(path)[key]
    # the reference library cannot give 8-bit floats to NumPy: take the bytes from its lower layer
    found = dict(safetensors.deserialize(path.read_bytes()))[key]
    dtype = ml_dtypes.float8_e4m3fn if code == "F8_E4M3" else ml_dtypes.float8_e5m2
    return np.frombuffer(bytes(found["data"]), dtype).reshape(found["shape"])


def sample(shape: tuple[int, ...], dtype: str, seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    if dtype == "bool":
        return np.asarray(rng.random(shape) < 0.5)
    if np.issubdtype(DTYPES[dtype], np.integer):
        info = np.iinfo(dtype)
        return np.asarray(rng.integers(info.min, info.max, shape, dtype, endpoint=True))
    return np.asarray(rng.standard_normal(shape)).astype(DTYPES[dtype])


def assert_same(actual: Array, expected: Array) -> None:
    """Equal in dtype, shape and every bit."""
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    assert actual.tobytes() == expected.tobytes()


def begin(path: Path, *arrays: tuple[str, Array], key: str | None = None, force: bool = False) -> Sink:
    tensors = [OutputTensor(name, array.shape, array.dtype) for name, array in arrays]
    return create_sink(str(path), tensors, provenance={"made-by": "test"}, key=key, force=force)


def save(
    path: Path, array: Array, name: str = "fused", *, key: str | None = None, force: bool = False
) -> int:
    sink = begin(path, (name, array), key=key, force=force)
    sink.write(name, whole(array.shape), array)
    return sink.commit()


def load(path: Path, key: str | None = None) -> Array:
    with open_input(str(path)) as reader:
        (spec,) = select(reader, key)
        return reader.read(spec.key or "", whole(spec.shape))


def blocks(shape: tuple[int, ...], step: int) -> Iterator[Window]:
    """A tiling of `shape` by boxes of up to `step` along every axis."""
    counts = [-(-size // step) for size in shape]
    for index in np.ndindex(*counts):
        yield tuple(slice(i * step, min((i + 1) * step, n)) for i, n in zip(index, shape, strict=True))


def random_window(rng: np.random.Generator, shape: tuple[int, ...]) -> Window:
    bounds = [sorted(rng.integers(0, size + 1, 2)) for size in shape]
    return tuple(slice(int(start), int(stop)) for start, stop in bounds)


@contextmanager
def small_files(limit: int) -> Iterator[None]:
    """No file may grow past `limit` bytes: the nearest thing to a full disk, also for the superuser."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(("name", "dtype"), STORABLE)
@pytest.mark.parametrize("shape", slow_but(SHAPES, (), (3, 0, 2), (2, 3, 5, 4)))
def test_every_dtype_survives(tmp_path: Path, name: str, dtype: str, shape: tuple[int, ...]) -> None:
    array, path = sample(shape, dtype), tmp_path / f"x{SUFFIX[name]}"
    size = save(path, array)
    assert size == path.stat().st_size
    assert_same(independent(path), array)
    with open_input(str(path)) as reader:
        (spec,) = select(reader, None)
        assert (spec.shape, spec.dtype, spec.format) == (shape, DTYPES[dtype], name)
        assert spec.name == (str(path) if name == "npy" else f"{path}::fused")
        assert (spec.path, spec.key) == (str(path), None if name == "npy" else "fused")
        back = reader.read(spec.key or "", whole(shape))
    assert_same(back, array)
    assert back.flags.writeable
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("shape", [(9,), (13, 11), (5, 300, 70), (3, 4, 5, 6), (4, 9, 9000), (2, 5, 40, 900)])
def test_windows_are_slices(tmp_path: Path, name: str, shape: tuple[int, ...]) -> None:
    array, path = sample(shape, "float32"), tmp_path / f"x{SUFFIX[name]}"
    save(path, array)
    rng = np.random.default_rng(1)
    with open_input(str(path)) as reader:
        key = next(iter(reader.specs()))
        for _ in range(60):
            window = random_window(rng, shape)
            assert_same(reader.read(key, window), array[window])


@pytest.mark.parametrize("name", FORMATS)
def test_blocks_of_any_strides_are_written(tmp_path: Path, name: str) -> None:
    shape, path = (6, 35, 40), tmp_path / f"x{SUFFIX[name]}"
    array = sample(shape, "float32")
    sink = begin(path, ("fused", array))
    for number, window in enumerate(blocks(shape, 4)):
        block = array[window]  # a view with gaps
        sink.write("fused", window, (block, np.asfortranarray(block), block[::-1].copy()[::-1])[number % 3])
    sink.commit()
    assert_same(independent(path), array)


@pytest.mark.parametrize("name", FORMATS)
def test_threads_share_reader_and_sink(tmp_path: Path, name: str) -> None:
    """The bytes of the file do not depend on who wrote what when."""
    shape, paths = (5, 300, 300), [tmp_path / f"{run}{SUFFIX[name]}" for run in range(2)]
    array = sample(shape, "float32")
    save(tmp_path / f"in{SUFFIX[name]}", array)
    windows = list(blocks(shape, 64))
    for run, path in enumerate(paths):
        sink = begin(path, ("fused", array))
        with open_input(str(tmp_path / f"in{SUFFIX[name]}")) as reader:
            key = next(iter(reader.specs()))

            def work(mine: list[Window], sink: Sink = sink, key: str = key) -> None:
                for window in mine:
                    sink.write("fused", window, reader.read(key, window))

            order = windows[::-1] if run else windows
            threads = [threading.Thread(target=work, args=(order[part::4],)) for part in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        sink.commit()
        assert_same(independent(path), array)
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize("name", FORMATS)
def test_wrong_blocks_are_bugs(tmp_path: Path, name: str) -> None:
    array = sample((4, 4), "float32")
    sink = begin(tmp_path / f"x{SUFFIX[name]}", ("fused", array))
    with pytest.raises(ValueError, match="block"):
        sink.write("fused", whole((4, 4)), array[:2])
    with pytest.raises(ValueError, match="block"):
        sink.write("fused", whole((4, 4)), array.astype(np.float64))
    sink.abort()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", CONTAINERS)
def test_several_tensors(tmp_path: Path, name: str) -> None:
    dtypes = {2: "uint8", 10: "float64", 1: "float16"}
    arrays = {f"layer{n}": sample((n, 3), dtype) for n, dtype in dtypes.items()}
    path = tmp_path / f"x{SUFFIX[name]}"
    sink = begin(path, *arrays.items())
    for key, array in arrays.items():
        sink.write(key, whole(array.shape), array)
    sink.commit()
    for key, array in arrays.items():
        assert_same(independent(path, key), array)
        assert_same(load(path, key), array)
    with open_input(str(path)) as reader:
        assert [spec.key for spec in select(reader, "layer*")] == ["layer1", "layer2", "layer10"]


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_key_is_added_and_replaced(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"x{SUFFIX[name]}"
    first, second, third = (sample((4, n), "float32", n) for n in (3, 5, 6))
    save(path, first, "a")
    path.chmod(0o640)
    save(path, second, "g/b", key="g/b")
    assert_same(independent(path, "a"), first)
    assert_same(independent(path, "g/b"), second)
    with pytest.raises(RunError, match="exists already") as refused:
        check_output(str(path), third.dtype, key="g/b")
    assert "--force" in refused.value.hint
    save(path, third, "g/b", key="g/b", force=True)
    assert_same(independent(path, "a"), first)
    assert_same(independent(path, "g/b"), third)
    assert_same(load(path, "g/b"), third)
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_key_for_a_new_file_makes_it(tmp_path: Path, name: str) -> None:
    path, array = tmp_path / f"x{SUFFIX[name]}", sample((4,), "int16")
    save(path, array, "deep/er", key="deep/er")
    assert_same(independent(path, "deep/er"), array)


@pytest.mark.parametrize("name", FORMATS)
def test_reading_leaves_the_input_alone(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"x{SUFFIX[name]}"
    save(path, sample((5, 6), "float32"))
    before, stat = path.read_bytes(), path.stat()
    path.chmod(0o444)
    block = load(path)
    block[...] = 0  # its own memory
    assert path.read_bytes() == before
    assert path.stat().st_mtime_ns == stat.st_mtime_ns


@pytest.mark.parametrize("name", FORMATS)
def test_abort_leaves_nothing(tmp_path: Path, name: str) -> None:
    array = sample((50, 60), "float32")
    sink = begin(tmp_path / f"x{SUFFIX[name]}", ("fused", array))
    sink.write("fused", whole(array.shape), array)
    sink.abort()
    sink.abort()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_is_visible_before_commit_and_abort_after_it_is_harmless(tmp_path: Path, name: str) -> None:
    path, array = tmp_path / f"x{SUFFIX[name]}", sample((5, 6), "float32")
    sink = begin(path, ("fused", array))
    sink.write("fused", whole(array.shape), array)
    assert not path.exists()
    sink.commit()
    sink.abort()
    assert_same(independent(path), array)


@pytest.mark.parametrize("name", FORMATS)
def test_the_old_file_stays_when_writing_fails(tmp_path: Path, name: str) -> None:
    path, old = tmp_path / f"x{SUFFIX[name]}", sample((3,), "float32")
    save(path, old)
    before = path.read_bytes()
    big = sample((64, 64, 64), "float32")

    def overwrite() -> None:
        sink = begin(path, ("fused", big), force=True)
        try:
            sink.write("fused", whole(big.shape), big)
            sink.commit()
        finally:
            sink.abort()

    with small_files(1 << 16), pytest.raises(RunError, match="cannot be written") as failed:
        overwrite()
    assert str(path) in failed.value.message
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", FORMATS)
def test_an_existing_output_is_refused(tmp_path: Path, name: str) -> None:
    path, array = tmp_path / f"x{SUFFIX[name]}", sample((3,), "float32")
    save(path, array)
    for attempt in (
        lambda: check_output(str(path), array.dtype),
        lambda: begin(path, ("fused", array)),
    ):
        with pytest.raises(RunError, match="exists already") as refused:
            attempt()
        assert "--force" in refused.value.hint
    save(path, -array, force=True)
    assert_same(independent(path), -array)


@pytest.mark.parametrize("name", FORMATS)
def test_an_output_that_appears_meanwhile_stays(tmp_path: Path, name: str) -> None:
    path, array = tmp_path / f"x{SUFFIX[name]}", sample((3,), "float32")
    sink = begin(path, ("fused", array))
    path.write_bytes(b"theirs")
    with pytest.raises(RunError, match="appeared"):
        sink.commit()
    assert path.read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", [name for name, row in FORMATS.items() if row.container])
@pytest.mark.parametrize("before", ["there", "not there"])
def test_a_file_that_others_add_to_meanwhile_stays(tmp_path: Path, name: str, before: str) -> None:
    """Where no lock keeps them out: what they have put there is not lost."""
    path, array = tmp_path / f"x{SUFFIX[name]}", sample((3,), "float32")
    if before == "there":
        save(path, array)
    sink = begin(path, ("mine", array), key="mine")
    path.unlink(missing_ok=True)
    save(path, -array)
    content = path.read_bytes()
    with pytest.raises(RunError, match=r"appeared|changed by another") as caught:
        sink.commit()
    assert "run the command again" in str(caught.value)
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", FORMATS)
def test_links_are_written_through(tmp_path: Path, name: str) -> None:
    array = sample((3,), "float32")
    real, link = tmp_path / f"real{SUFFIX[name]}", tmp_path / f"link{SUFFIX[name]}"
    save(real, array)
    link.symlink_to(real.name)
    save(link, -array, force=True)
    assert link.is_symlink()
    assert_same(independent(real), -array)


@pytest.mark.parametrize("name", FORMATS)
def test_the_mode_is_what_the_umask_says(tmp_path: Path, name: str) -> None:
    previous = os.umask(0o027)
    try:
        save(tmp_path / f"x{SUFFIX[name]}", sample((3,), "float32"))
    finally:
        os.umask(previous)
    assert (tmp_path / f"x{SUFFIX[name]}").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_types_that_a_format_lacks_are_refused_with_a_way_out(tmp_path: Path, name: str, dtype: str) -> None:
    path = str(tmp_path / f"x{SUFFIX[name]}")
    if FORMATS[name].stores(DTYPES[dtype]):
        check_output(path, DTYPES[dtype])
        return
    with pytest.raises(UsageError, match=f"cannot store {dtype}") as refused:
        check_output(path, DTYPES[dtype])
    assert "--dtype float32" in refused.value.hint
    assert "x.safetensors" in refused.value.hint


@pytest.mark.parametrize("name", FORMATS)
def test_no_format_is_imported_before_it_is_used(name: str) -> None:
    code = (
        "import sys, featfuse.formats as f; before = set(sys.modules);"
        f"assert 'h5py' not in before; f.FORMATS[{name!r}].load();"
        f"assert 'featfuse.formats.{name}' in sys.modules;"
        f"assert ('h5py' in sys.modules) == ({name!r} == 'hdf5')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def saved_in_memory(name: str, arrays: dict[str, Array], existing: bytes | None = None) -> bytes:
    output = MemoryOutput(existing)
    tensors = [OutputTensor(key, array.shape, array.dtype) for key, array in arrays.items()]
    sink = FORMATS[name].load().create_sink(output, tensors, {"made-by": "test"})
    for key, array in arrays.items():
        sink.write(key, whole(array.shape), array)
    assert output.data is None
    assert sink.commit() == output.length()
    assert output.data is not None
    return output.data


@pytest.mark.parametrize("name", RANGED)
@pytest.mark.parametrize("shape", [(), (0, 3), (5, 300, 70), (3, 9, 90_000)])
def test_a_format_does_not_know_where_its_bytes_are(
    tmp_path: Path, name: str, shape: tuple[int, ...]
) -> None:
    """No file is behind them: what is written is what a file would hold, and any window is read from it."""
    array, path = sample(shape, "float32"), tmp_path / f"x{SUFFIX[name]}"
    data = saved_in_memory(name, {"fused": array})
    save(path, array)
    assert data == path.read_bytes()
    source = MemorySource(data, f"somewhere/x{SUFFIX[name]}")
    with FORMATS[name].load().open_reader(source) as reader:
        ((key, spec),) = reader.specs().items()
        assert (spec.path, spec.shape) == (source.name, shape)
        rng = np.random.default_rng(2)
        for number in range(12):
            window = random_window(rng, shape) if number else whole(shape)
            assert_same(reader.read(key, window), np.asarray(array[(*window, ...)]))
    assert source.closed


@pytest.mark.parametrize("name", sorted(set(RANGED) & set(CONTAINERS)))
def test_a_format_does_not_know_where_what_it_adds_to_is(name: str) -> None:
    first, second, third = (sample((4, n), "float32", n) for n in (3, 5, 6))
    data = saved_in_memory(name, {"a": first, "b": second})
    data = saved_in_memory(name, {"b": third, "c": second}, existing=data)
    with FORMATS[name].load().open_reader(MemorySource(data)) as reader:
        for key, array in {"a": first, "b": third, "c": second}.items():
            assert_same(reader.read(key, whole(array.shape)), array)


@pytest.mark.parametrize("name", ["npy", "safetensors"])
def test_planning_asks_for_few_ranges(name: str) -> None:
    """Each range is a request where the bytes are far away."""
    source = MemorySource(saved_in_memory(name, {"fused": sample((4, 9), "float32")}))
    with FORMATS[name].load().open_reader(source) as reader:
        assert next(iter(reader.specs().values())).shape == (4, 9)
    assert len(source.asked) <= 2


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("shape", [(), (0, 3), (7,), (4, 5, 6)])
def test_one_pass_in_pieces_sees_everything_once(tmp_path: Path, name: str, shape: tuple[int, ...]) -> None:
    """And what was held for it can be given up, and read again."""
    array, path = sample(shape, "float32"), tmp_path / f"x{SUFFIX[name]}"
    save(path, array)
    with open_input(str(path)) as reader:
        (spec,) = select(reader, None)
        for _ in range(2):
            parts = [reader.read(spec.key or "", window) for window in reader.pieces(spec, 11)]
            assert all(part.size <= 11 for part in parts)
            assert b"".join(part.tobytes() for part in parts) == array.tobytes()
            reader.release(spec.key or "")
