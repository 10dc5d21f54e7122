"""Files that others wrote: byte orders, orderings, labels, links, and everything that must be refused."""

import io
import json
import os
import struct
import subprocess
import sys
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from featfuse.errors import FeatfuseError, InputError
from featfuse.formats import open_input, select
from featfuse.model.tensor import Array, TensorSpec, whole


def load(path: Path, key: str | None = None) -> Array:
    with open_input(str(path)) as reader:
        (spec,) = select(reader, key)
        return reader.read(spec.key or "", whole(spec.shape))


def spec_of(path: Path, key: str | None = None) -> TensorSpec:
    with open_input(str(path)) as reader:
        return select(reader, key)[0]


def header(entries: dict[str, Any] | str, data: bytes = b"") -> bytes:
    """A .safetensors file from its header's JSON."""
    text = (entries if isinstance(entries, str) else json.dumps(entries)).encode()
    return len(text).to_bytes(8, "little") + text + data


def entry(dtype: str, shape: list[Any], *offsets: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": list(offsets)}


def npy(descr: str, shape: str, data: bytes = b"", *, version: bytes = b"\x01\x00") -> bytes:
    """A .npy file from the words of its header."""
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}\n".encode()
    length = struct.pack("<H" if version == b"\x01\x00" else "<I", len(text))
    return b"\x93NUMPY" + version + length + text + data


def saved(array: Array) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def zipped(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "."), data)
    return stream.getvalue()


# ------------------------------------------------------------------------------- what others write is read


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("fortran", [False, True])
@pytest.mark.parametrize("shape", [(), (0, 3), (5,), (4, 5, 6)])
def test_every_npy(
    tmp_path: Path, version: tuple[int, int], order: str, fortran: bool, shape: tuple[int, ...]
) -> None:
    array = np.arange(np.prod(shape), dtype=f"{order}i4").reshape(shape)
    path = tmp_path / "x.npy"
    with path.open("wb") as file:
        stored = np.asarray(array, order="F" if fortran else "C")
        np.lib.format.write_array(file, stored, version)
    back = load(path)
    assert back.dtype == np.int32
    assert back.dtype.isnative
    assert back.flags.writeable
    np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize("order", ["<", ">"])
def test_windows_of_fortran_files(tmp_path: Path, order: str) -> None:
    array = np.asfortranarray(np.random.default_rng(0).random((30, 40, 50)).astype(f"{order}f8"))
    np.save(tmp_path / "x.npy", array)
    window = (slice(3, 20), slice(5, 6), slice(0, 50))
    with open_input(str(tmp_path / "x.npy")) as reader:
        np.testing.assert_array_equal(reader.read("", window), array[window])


def test_headers_by_python_2_are_read(tmp_path: Path) -> None:
    (tmp_path / "x.npy").write_bytes(npy("'<f4'", "(2L,)", np.float32([1, 2]).tobytes()))
    np.testing.assert_array_equal(load(tmp_path / "x.npy"), [1, 2])


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_every_npz(tmp_path: Path, save: Callable[..., None]) -> None:
    arrays = {
        "big": np.arange(12, dtype=">f4").reshape(3, 4),
        "fortran": np.asfortranarray(np.arange(24.0).reshape(2, 3, 4)),
        "scalar": np.array(3, np.uint8),
        "void": np.zeros((0, 4), np.int64),
    }
    save(tmp_path / "x.npz", **arrays, objects=np.array([None, {}]))
    with open_input(str(tmp_path / "x.npz")) as reader:
        assert list(reader.specs()) == list(arrays)
        for key, array in arrays.items():
            np.testing.assert_array_equal(reader.read(key, whole(array.shape)), array)
        np.testing.assert_array_equal(reader.read("big", (slice(1, 2), slice(2, 4))), arrays["big"][1:2, 2:4])
        with pytest.raises(InputError, match=r"x\.npz::objects: holds Python objects"):
            select(reader, "objects")


def test_an_npz_named_npy_is_read_as_what_it_is(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=np.arange(3))
    (tmp_path / "x.npz").rename(tmp_path / "x.npy")
    assert spec_of(tmp_path / "x.npy").format == "npz"


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


def test_bfloat16_by_the_reference_library(tmp_path: Path) -> None:
    array = np.arange(6).reshape(2, 3).astype(ml_dtypes.bfloat16)
    safetensors.numpy.save_file({"a": array, "odd": np.arange(3, dtype=np.uint8)}, tmp_path / "x.safetensors")
    back = load(tmp_path / "x.safetensors", "a")
    assert back.dtype == array.dtype
    assert back.tobytes() == array.tobytes()


def test_unaligned_safetensors_and_padded_headers(tmp_path: Path) -> None:
    data = b"\x01" + np.float64([1, 2]).tobytes()
    text = json.dumps({"b": entry("U8", [1], 0, 1), "a": entry("F64", [2], 1, 17)}) + "     "
    (tmp_path / "x.safetensors").write_bytes(header(text, data))
    np.testing.assert_array_equal(load(tmp_path / "x.safetensors", "a"), [1, 2])


def test_legal_dtypes_that_are_not_supported_hurt_only_when_asked_for(tmp_path: Path) -> None:
    entries = {"c": entry("C64", [1], 0, 8), "f4": entry("F4", [4], 8, 10), "a": entry("U8", [2], 10, 12)}
    (tmp_path / "x.safetensors").write_bytes(header(entries, bytes(12)))
    assert spec_of(tmp_path / "x.safetensors").key == "a"
    with pytest.raises(InputError, match=r"x.safetensors::c: its dtype C64 is not supported"):
        load(tmp_path / "x.safetensors", "c")


# ------------------------------------------------------------------------------------------------- layouts


@pytest.mark.parametrize(
    ("labels", "layout"),
    [
        (["N", "H", "W", "C"], "NHWC"),
        (["batch", "Channel", "height", "WIDTH"], "NCHW"),
        (["time", "latitude", "longitude"], "THW"),
        (["n", "z", "y", "x"], "NDHW"),
        (["N", "H", "H", "C"], None),  # twice the same
        (["N", "H", "W", "colour"], None),  # unknown
        (["N", "H", "W", ""], None),  # incomplete
    ],
)
def test_dimension_labels(tmp_path: Path, labels: list[str], layout: str | None) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        dataset = file.create_dataset("a", shape=tuple(range(2, 2 + len(labels))), dtype="f4")
        for axis, label in enumerate(labels):
            dataset.dims[axis].label = label
    spec = spec_of(tmp_path / "x.h5")
    assert (spec.layout, spec.layout_source) == (layout, layout and "dimension labels")


@pytest.mark.parametrize("name", ["lat", "This is a netCDF dimension but not a netCDF variable.         3"])
def test_dimension_scales(tmp_path: Path, name: str) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["t2m"] = np.zeros((3, 4))
        for axis, (scale, size) in enumerate({"lat": 3, "lon": 4}.items()):
            file[scale] = np.arange(size)
            file[scale].make_scale(name if scale == "lat" else "lon")
            file["t2m"].dims[axis].attach_scale(file[scale])
    spec = spec_of(tmp_path / "x.h5")  # the scales themselves are not among the tensors
    assert (spec.key, spec.layout, spec.layout_source) == ("t2m", "HW", "dimension scales")
    np.testing.assert_array_equal(load(tmp_path / "x.h5", "lat"), [0, 1, 2])


@pytest.mark.parametrize("labels", [3, "no", ["N"], ["N", "H", "W"], [1.5, 2.5], np.zeros((2, 2))])
def test_damaged_labels_are_no_labels(tmp_path: Path, labels: Any) -> None:
    """HDF5's own function for labels crashes the process on some of these."""
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["a"] = np.zeros((2, 3))
        file["a"].attrs["DIMENSION_LABELS"] = labels
        file["b"] = np.zeros((2, 3))
        file["b"].attrs["DIMENSION_LIST"] = labels
        file["b"].attrs["CLASS"] = labels
    for key in "ab":
        assert spec_of(tmp_path / "x.h5", key).layout is None


@pytest.mark.parametrize(
    ("metadata", "layout", "source"),
    [
        ({"layout": "NCHW"}, "NCHW", "metadata entry layout"),
        ({"layout": "nhwc"}, "NHWC", "metadata entry layout"),
        ({"layout": "NCHW", "layout.a": "NHWC"}, "NHWC", "metadata entry layout.a"),
        ({"layout": "CHW"}, None, None),  # of another rank
        ({"layout": "row-major"}, None, None),
        ({"layout.b": "NHWC"}, None, None),
        ({"layout": "NHHC"}, None, None),
    ],
)
def test_layout_metadata(
    tmp_path: Path, metadata: dict[str, str], layout: str | None, source: str | None
) -> None:
    path = tmp_path / "x.safetensors"
    safetensors.numpy.save_file({"a": np.zeros((1, 2, 3, 4))}, path, metadata)
    spec = spec_of(path)
    assert (spec.layout, spec.layout_source) == (layout, source)


# ------------------------------------------------------------------------------------ sizes beyond memory


def test_a_window_of_100_gigabytes_is_instant_and_small(tmp_path: Path) -> None:
    path, shape = tmp_path / "huge.npy", (100, 1000, 1000, 256)
    head = npy("'<f4'", str(shape))
    path.write_bytes(head)
    os.truncate(path, len(head) + 4 * 100 * 1000 * 1000 * 256)
    tracemalloc.start()
    started = time.perf_counter()
    with open_input(str(path)) as reader:
        (spec,) = select(reader, None)
        assert spec.shape == shape
        windows = [
            (slice(99, 100), slice(990, 1000), slice(0, 1000), slice(255, 256)),  # a thin pillar
            (slice(0, 100), slice(5, 6), slice(7, 8), slice(0, 256)),
        ]
        assert [reader.read("", window).sum() for window in windows] == [0, 0]
    seconds, (_, peak) = time.perf_counter() - started, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds < 2
    assert peak < 4 << 20


# ----------------------------------------------------------------------------------------------- malformed

F4 = np.float32([1, 2]).tobytes()

MALFORMED: dict[str, tuple[str, bytes, str]] = {
    "empty file": ("x.npy", b"", "is empty"),
    "unknown suffix": ("x.dat", b"\1\0 more", "not a tensor file"),
    "git-LFS pointer": (
        "x.npy",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "git lfs pull",
    ),
    "pickle": ("x.npy", b"\x80\x04\x95\x10", "pickle"),
    "old torch file": ("x.pt", b"\x80\x02\x8a\x0a", "safetensors.torch.save_file"),
    "torch file": (
        "x.npz",
        zipped(archive_data__pkl=b"", **{"archive/data.pkl": b"x"}),
        "PyTorch checkpoint",
    ),
    "raw bytes": ("x.bin", b"\x80 some numbers", "not a tensor file"),
    "npy: text": ("x.npy", b"hello, world, this is no array", "plain text"),
    "npy: magic only": ("x.npy", b"\x93NUMPY", "not a readable .npy header"),
    "npy: unknown version": ("x.npy", npy("'<f4'", "(2,)", F4, version=b"\x09\x00"), "unknown version 9.0"),
    "npy: header cut": ("x.npy", npy("'<f4'", "(2,)")[:30], "not a readable .npy header"),
    "npy: header of 4 GB": ("x.npy", b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}", "not a readable .npy header"),
    "npy: header is code": ("x.npy", npy("__import__('os')", "(2,)", F4), "not a readable .npy header"),
    "npy: unclosed header": ("x.npy", npy("'<f4'", "(" * 300, F4), "not a readable .npy header"),
    "npy: no such dtype": ("x.npy", npy("'<q9'", "(2,)", F4), "not a readable .npy header"),
    "npy: comma dtype": ("x.npy", npy("'f4,f4'", "(1,)", F4), "records"),
    "npy: dtype of a number": ("x.npy", npy("5", "(2,)", F4), "not a readable .npy header"),
    "npy: negative size": ("x.npy", npy("'<f4'", "(-2,)", F4), "negative"),
    "npy: shape of words": ("x.npy", npy("'<f4'", "('a',)", F4), "not a readable .npy header"),
    "npy: too many axes": ("x.npy", npy("'<f4'", f"({'1,' * 70})", F4[:4]), "70 axes"),
    "npy: astronomical": ("x.npy", npy("'<f4'", f"({2**62}, {2**62}, 0)"), "larger than any file"),
    "npy: promises more": ("x.npy", npy("'<f4'", "(3,)", F4), "truncated: its header promises"),
    "npy: trailing bytes": ("x.npy", npy("'<f4'", "(1,)", F4), "malformed: its header promises"),
    "npy: terabytes": ("x.npy", npy("'<f4'", "(1000000, 1000000)", F4), "truncated"),
    "npy: objects": ("x.npy", saved(np.array([None, {}])), "Python objects"),
    "npy: records": ("x.npy", saved(np.zeros(3, "f4,i4")), "records with the fields f0, f1"),
    "npy: subarrays": ("x.npy", npy("('<f4', (2,))", "(1,)", F4), "holds"),
    "npy: dates": ("x.npy", saved(np.zeros(3, "M8[s]")), "dates"),
    "npy: text items": ("x.npy", saved(np.array(["a"])), "text"),
    "npy: complex": ("x.npy", saved(np.zeros(3, "c8")), "complex"),
    "npy: long doubles": ("x.npy", saved(np.zeros(3, np.longdouble)), "numbers of an unsupported type"),
    "npy: bfloat16": ("x.npy", saved(np.zeros(3, ml_dtypes.bfloat16)), "bfloat16"),
    "npz: cut": ("x.npz", zipped(a__npy=saved(np.zeros(9)))[:-30], "not a readable .npz"),
    "npz: no zip": ("x.npz", b"PK\x03\x04 and nothing more", "not a readable .npz"),
    "npz: empty": ("x.npz", zipped(), "holds no numeric tensor"),
    "npz: no arrays": ("x.npz", zipped(readme__txt=b"hello"), "holds no numeric tensor"),
    "hdf5: no signature": ("x.h5", b"\1\2\3 hello, world", "cannot be read as HDF5"),
    "hdf5: signature only": ("x.h5", b"\x89HDF\r\n\x1a\n" + bytes(40), "cannot be read as HDF5"),
    "st: short": ("x.safetensors", b"\x10\0\0", "holds 3 bytes, too few"),
    "st: huge header": ("x.safetensors", b"\xff" * 8 + b"{}", "claims"),
    "st: header cut": ("x.safetensors", b"\x10" + bytes(7) + b"{}", "truncated: its header"),
    "st: not UTF-8": ("x.safetensors", b"\x03" + bytes(7) + b'{"\xff', "not UTF-8"),
    "st: no JSON": ("x.safetensors", header("{nope}"), "not JSON"),
    "st: a list": ("x.safetensors", header("[1]"), "not a JSON object"),
    "st: deep": ("x.safetensors", header('{"a":' + "[" * 200_000), "nested too deeply|not JSON"),
    "st: metadata of numbers": ("x.safetensors", header({"__metadata__": {"a": 1}}), "table of texts"),
    "st: twice": ("x.safetensors", header('{"a": {}, "a": {}}'), "entry 'a' twice"),
    "st: no entry": ("x.safetensors", header({"a": 5}), "is not \\(dtype, shape, data_offsets\\)"),
    "st: extra field": ("x.safetensors", header({"a": {**entry("U8", [1], 0, 1), "b": 1}}, b"1"), "is not"),
    "st: unknown dtype": ("x.safetensors", header({"a": entry("F12", [1], 0, 8)}, F4), "unknown dtype 'F12'"),
    "st: negative": ("x.safetensors", header({"a": entry("F32", [-2], 0, 8)}, F4), "not lists of sizes"),
    "st: true sizes": (
        "x.safetensors",
        header({"a": entry("F32", [2, True], 0, 8)}, F4),
        "not lists of sizes",
    ),
    "st: real sizes": ("x.safetensors", header({"a": entry("F32", [2.0], 0, 8)}, F4), "not lists of sizes"),
    "st: one offset": ("x.safetensors", header({"a": entry("F32", [2], 0)}, F4), "not lists of sizes"),
    "st: wrong size": ("x.safetensors", header({"a": entry("F32", [3], 0, 8)}, F4), "does not fit"),
    "st: backwards": ("x.safetensors", header({"a": entry("F32", [0], 8, 0)}, F4), "does not fit"),
    "st: overflow": ("x.safetensors", header({"a": entry("F32", [2**63, 2], 0, 0)}, F4), "larger than any"),
    "st: many axes": ("x.safetensors", header({"a": entry("F32", [1] * 65 + [2], 0, 8)}, F4), "66 axes"),
    "st: half a byte": ("x.safetensors", header({"a": entry("F4", [3], 0, 1)}, b"1"), "does not fit"),
    "st: beyond": ("x.safetensors", header({"a": entry("F32", [4], 0, 16)}, F4), "truncated"),
    "st: trailing": ("x.safetensors", header({"a": entry("F32", [1], 0, 4)}, F4), "malformed"),
    "st: hole": ("x.safetensors", header({"a": entry("F32", [1], 4, 8)}, F4), "hole"),
    "st: overlap": (
        "x.safetensors",
        header({"a": entry("F32", [2], 0, 8), "b": entry("F32", [1], 4, 8)}, F4),
        "overlaps",
    ),
    "st: broken name": ("x.safetensors", header('{"\\ud800": {}}'), "surrogates"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_files_are_refused_in_words(tmp_path: Path, case: str) -> None:
    name, data, words = MALFORMED[case]
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(InputError, match=words) as refused:
        load(path)
    assert str(path) in refused.value.message


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.safetensors"])  # HDF5 itself may crash on such files
def test_damage_anywhere_is_an_error_in_words_or_other_numbers(tmp_path: Path, name: str) -> None:
    """Flip or cut bytes of good files: whatever happens, it is our own error or an array."""
    array, path = np.arange(24, dtype=np.float32).reshape(4, 6), tmp_path / name
    if name.endswith("npy"):
        np.save(path, array)
    elif name.endswith("npz"):
        np.savez_compressed(path, a=array)
    else:
        safetensors.numpy.save_file({"a": array}, path)
    good, rng, refused = path.read_bytes(), np.random.default_rng(5), 0
    for _ in range(300):
        bad = bytearray(good)
        for place in rng.integers(0, min(len(bad), 400), rng.integers(1, 4)):
            bad[place] = rng.integers(256)
        path.write_bytes(bad[: rng.integers(1, len(bad))] if rng.random() < 0.3 else bad)
        try:
            load(path)
        except FeatfuseError as error:
            refused += 1
            assert str(path) in error.message  # noqa: PT017 (either outcome is right)
    assert refused > 30


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.safetensors"])
def test_a_file_cut_short_while_it_is_read(tmp_path: Path, name: str) -> None:
    array, path = np.arange(1000.0), tmp_path / name
    if name.endswith("npy"):
        np.save(path, array)
    elif name.endswith("npz"):
        np.savez(path, a=array)
    else:
        safetensors.numpy.save_file({"a": array}, path)
    with open_input(str(path)) as reader:
        key = next(iter(reader.specs()))
        os.truncate(path, 4000)
        with pytest.raises(InputError, match="bytes before its tensor does"):
            reader.read(key, whole((1000,)))


# ---------------------------------------------------------------------------------- HDF5: links and the like


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """A file with every kind of thing that is, and is not, a tensor of this very file."""
    with h5py.File(tmp_path / "secret.h5", "w") as secret:
        secret["g/d"] = np.arange(3)
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file["run2/l3"] = np.arange(4.0)
        file["run10/l3"] = np.arange(5.0)
        file["latest"] = h5py.SoftLink("/run10")
        file["run2/best"] = h5py.SoftLink("l3")
        file["dangling"] = h5py.SoftLink("/nowhere")
        file["circle"] = h5py.SoftLink("/circle")
        file["run2/above"] = file["/"]  # a group that holds itself
        file["out"] = h5py.ExternalLink("secret.h5", "/g")
        file["detour"] = h5py.SoftLink("/out/d")
        file.create_dataset("raw", (2,), "f4", external=[("secret.h5", 0, 8)])
        virtual = h5py.VirtualLayout((3,), "i8")
        virtual[:] = h5py.VirtualSource("secret.h5", "g/d", (3,))
        file.create_virtual_dataset("virtual", virtual)
        file["words"] = ["a", "b"]
        file["records"] = np.zeros(2, "f4,i4")
        file["null"] = h5py.Empty("f4")
        file["rows"] = np.array([np.arange(2), np.arange(3)], object).astype(h5py.vlen_dtype(np.int32))
        file["refs"] = np.array([file.ref], h5py.ref_dtype)
        file["halves"] = np.zeros(2, ml_dtypes.bfloat16)
        file["type"] = np.dtype("f4")
    return path


def test_links_inside_the_file_are_followed(linked: Path) -> None:
    with open_input(str(linked)) as reader:
        found = list(reader.specs())
        assert [key for key in found if "above" not in key] == [
            "latest/l3",
            "run2/best",
            "run2/l3",
            "run10/l3",
        ]
        for key in ("latest/l3", "run10/l3"):
            np.testing.assert_array_equal(reader.read(key, (slice(0, 5),)), np.arange(5))
        np.testing.assert_array_equal(reader.read("run2/best", (slice(1, 3),)), [1, 2])


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("out", "external link to secret.h5"),
        ("out/d", "external link to secret.h5"),
        ("detour", "external link to secret.h5"),
        ("raw", "external storage"),
        ("virtual", "virtual dataset"),
        ("words", "text"),
        ("records", "records with the fields f0, f1"),
        ("null", "no shape"),
        ("rows", "rows of unequal length"),
        ("refs", "references"),
        ("halves", "bfloat16"),
        ("run2", "is a group"),
        ("circle", "circle"),
        ("dangling", "has no tensor 'dangling'"),
        ("type", "has no tensor 'type'"),
        ("run2/l3/deeper", "has no tensor"),
    ],
)
def test_what_is_no_tensor_of_this_file_is_refused_when_named(linked: Path, key: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as refused:
        spec_of(linked, key)
    assert str(linked) in refused.value.message


def test_a_file_open_for_writing_elsewhere_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    with h5py.File(path, "w", locking=True) as file:
        file["a"] = np.zeros(3)
        file.flush()
        code = (
            "import sys; from featfuse.formats import open_input; from featfuse.errors import InputError\n"
            "try: open_input(sys.argv[1])\nexcept InputError as error: print(error)"
        )
        run = subprocess.run(
            [sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True
        )
    assert "another process" in run.stdout
