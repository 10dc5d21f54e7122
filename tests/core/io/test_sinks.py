"""Outputs: what is refused before any work, what is written beside the data, and streams."""

import io
import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from featfuse.errors import InputError, RunError, UsageError
from featfuse.formats import FORMATS, OutputTensor
from featfuse.io.readers import open_input
from featfuse.io.selection import select
from featfuse.io.sinks import check_output, create_sink
from featfuse.model.dtypes import DTYPES
from featfuse.model.tensor import whole
from safetensors import safe_open

F32 = DTYPES["float32"]

PROVENANCE = {"featfuse.version": "0.1.0", "featfuse.pipeline": json.dumps({"note": "x" * 100_000})}


def write(path: Path, key: str = "fused", layout: str | None = "NHWC", *, add: bool = False) -> None:
    tensor = OutputTensor(key, (1, 2, 3, 4), F32, layout)
    sink = create_sink(str(path), [tensor], provenance=PROVENANCE, key=key if add else None, force=False)
    sink.write(key, whole(tensor.shape), np.ones(tensor.shape, F32))
    sink.commit()


@pytest.mark.parametrize(
    ("path", "key", "error", "words"),
    [
        ("x.tif", None, UsageError, "suffix names no format"),
        ("x", None, UsageError, "suffix names no format"),
        ("x.npy", "a", UsageError, "one tensor without a key"),
        ("-", "a", UsageError, "one tensor without a key"),
        ("nowhere/x.npy", None, RunError, "does not exist"),
        ("dir.npy", None, RunError, "is a directory"),
        ("n" * 300 + ".npy", None, RunError, "too long"),
        ("x.h5", "a//b", UsageError, "not a name"),
        ("x.h5", "a/../b", UsageError, "not a name"),
        ("x.safetensors", "__metadata__", UsageError, "not a name"),
        ("x.npz", "a\0b", UsageError, "not a name"),
        ("x.npz", "/a", UsageError, "not a name"),
        ("x.npz", "../a", UsageError, "not a name"),
        ("x.safetensors", "a\udcff", UsageError, "not a name"),
        ("old.h5", "g", RunError, "group"),
        ("old.h5", "g/d/deeper", RunError, "not a group"),
        ("old.h5", "out", RunError, "external link"),
        ("old.h5", "out/x", RunError, "external link"),
        ("old.h5", "soft", RunError, "link"),
        ("old.h5", "soft/x", RunError, "not a group"),
        ("liar.npz", "a", RunError, "is a hdf5 file in spite of its suffix"),
        ("junk.h5", "a", InputError, "is plain text, not a tensor file"),
        ("user.h5", "a", RunError, "user block"),
    ],
)
@pytest.mark.parametrize("force", [False, True])
def test_what_cannot_be_is_refused_before_work(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    key: str | None,
    error: type[Exception],
    words: str,
    force: bool,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dir.npy").mkdir()
    Path("junk.h5").write_text("hello")
    for name, block in {"old.h5": 0, "liar.npz": 0, "user.h5": 512}.items():
        with h5py.File(name, "w", userblock_size=block) as file:
            file["g/d"] = np.zeros(3)
            file["out"] = h5py.ExternalLink("other.h5", "/")
            file["soft"] = h5py.SoftLink("/g")
    before = {item: item.read_bytes() for item in Path().iterdir() if item.is_file()}
    for attempt in (
        lambda: check_output(path, F32, key=key, force=force),
        lambda: create_sink(
            path, [OutputTensor(key or "fused", (3,), F32)], provenance={}, key=key, force=force
        ),
    ):
        with pytest.raises(error, match=words):
            attempt()
    assert {item: item.read_bytes() for item in Path().iterdir() if item.is_file()} == before


def test_what_can_be_passes(tmp_path: Path) -> None:
    for row in FORMATS.values():
        for suffix in row.suffixes:
            check_output(str(tmp_path / f"x{suffix.upper()}"), F32)
    check_output("-", F32)
    write(tmp_path / "x.h5")
    check_output(str(tmp_path / "x.h5"), F32, key="other")
    check_output(str(tmp_path / "x.h5"), F32, key="fused", force=True)
    check_output(str(tmp_path / "x.h5"), F32, force=True)


def test_a_type_without_a_name_in_npy_is_refused_on_stdout_too() -> None:
    with pytest.raises(UsageError, match="cannot store bfloat16") as refused:
        check_output("-", DTYPES["bfloat16"])
    assert "--dtype float32" in refused.value.hint


@pytest.mark.parametrize("count", [0, 2])
def test_npy_holds_one_tensor(tmp_path: Path, count: int) -> None:
    tensors = [OutputTensor(f"t{n}", (3,), F32) for n in range(count)]
    with pytest.raises(UsageError, match="holds one tensor"):
        create_sink(str(tmp_path / "x.npy"), tensors, provenance={}, key=None, force=False)


def test_two_tensors_of_one_name_are_refused(tmp_path: Path) -> None:
    tensors = [OutputTensor("same", (3,), F32)] * 2
    with pytest.raises(UsageError, match="same key"):
        create_sink(str(tmp_path / "x.npz"), tensors, provenance={}, key=None, force=False)


@pytest.mark.parametrize("suffix", [".h5", ".safetensors"])
def test_layout_and_provenance_are_kept(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    write(path)
    with open_input(str(path)) as reader:
        (spec,) = select(reader, None)
        assert spec.layout == "NHWC"
    if suffix == ".h5":
        with h5py.File(path, "r") as file:
            assert dict(file["fused"].attrs).items() >= PROVENANCE.items()
            assert [axis.label for axis in file["fused"].dims] == list("NHWC")
    else:
        with safe_open(path, "numpy") as file:
            assert file.metadata() == {**PROVENANCE, "layout": "NHWC"}


@pytest.mark.parametrize("suffix", [".h5", ".safetensors"])
def test_adding_a_key_keeps_the_words_about_the_others(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    write(path)
    write(path, "b", "NCHW", add=True)
    write(path, "c", None, add=True)
    with open_input(str(path)) as reader:
        assert {key: spec.layout for key, spec in reader.specs().items()} == {
            "fused": "NHWC",
            "b": "NCHW",
            "c": None,
        }
    if suffix == ".safetensors":
        with safe_open(path, "numpy") as file:
            words = file.metadata()
        assert words["featfuse.version"] == words["featfuse.version.b"] == "0.1.0"


def test_safetensors_data_is_aligned(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    tensors = [OutputTensor(dtype, (3,), DTYPES[dtype]) for dtype in ("uint8", "float16", "float64")]
    create_sink(str(path), tensors, provenance={}, key=None, force=False).commit()
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    assert length % 8 == 0
    entries = json.loads(data[8 : 8 + length])
    for tensor in tensors:
        assert entries[tensor.key]["data_offsets"][0] % tensor.dtype.itemsize == 0


class Pipe(io.RawIOBase):
    """A stream that can only be read once, from front to back."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        return self._data.readinto(buffer)


def npy_bytes(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def test_stdin_is_a_pipe_or_a_file(tmp_path: Path) -> None:
    array = np.arange(12.0).reshape(3, 4)
    (tmp_path / "x.npy").write_bytes(npy_bytes(array))
    with (tmp_path / "x.npy").open("rb") as regular, (tmp_path / "x.npy").open("rb") as part_read:
        for stdin in (Pipe(npy_bytes(array)), io.BytesIO(npy_bytes(array)), regular):
            with open_input("-", stdin=stdin) as reader:  # type: ignore[arg-type]
                (spec,) = select(reader, None)
                assert (spec.name, spec.path, spec.key) == ("-", "-", None)
                np.testing.assert_array_equal(reader.read("", (slice(1, 3), slice(0, 4))), array[1:3])
        part_read.read(10)
        with pytest.raises(InputError, match="not a readable"):
            open_input("-", stdin=part_read)


@pytest.mark.parametrize(("data", "words"), [(b"", "is empty"), (b"hello", "is plain text")])
def test_bad_streams_are_refused(data: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words) as refused:
        open_input("-", stdin=Pipe(data))  # type: ignore[arg-type]
    assert "-" in refused.value.message


def test_stdout_gets_all_or_nothing() -> None:
    array, stdout = np.arange(12, dtype=F32).reshape(3, 4), io.BytesIO()
    tensor = OutputTensor("", array.shape, array.dtype)
    for finish in (False, True):
        sink = create_sink("-", [tensor], provenance={}, key=None, force=False, stdout=stdout)
        sink.write("", (slice(1, 3), slice(0, 4)), array[1:])
        sink.write("", (slice(0, 1), slice(0, 4)), array[:1])
        assert stdout.getvalue() == b""
        if finish:
            assert sink.commit() == len(stdout.getvalue())
        sink.abort()
    np.testing.assert_array_equal(np.load(io.BytesIO(stdout.getvalue())), array)


def test_missing_files_and_directories(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(3))
    with pytest.raises(InputError, match="no such file") as refused:
        open_input(str(tmp_path / "a.h5"))
    assert refused.value.hint == f"Did you mean {tmp_path / 'a.npy'}?"
    with pytest.raises(InputError, match="is a directory"):
        open_input(str(tmp_path))
    with pytest.raises(InputError, match="cannot be opened"):
        open_input("a\0b.npy")
    with pytest.raises(InputError, match="not a regular file"):
        open_input("/dev/null")
