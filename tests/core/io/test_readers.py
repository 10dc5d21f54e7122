"""Files of every format: damage is refused in words, or changes numbers only."""

import os
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from featfuse.errors import FeatfuseError, InputError
from featfuse.io.readers import open_input
from featfuse.model.tensor import whole

from tests.support.files import entry, header, npy_of, zip_of
from tests.support.malformed import load, saved

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
        zip_of(archive_data__pkl=b"", **{"archive/data.pkl": b"x"}),
        "PyTorch checkpoint",
    ),
    "raw bytes": ("x.bin", b"\x80 some numbers", "not a tensor file"),
    "npy: text": ("x.npy", b"hello, world, this is no array", "plain text"),
    "npy: magic only": ("x.npy", b"\x93NUMPY", "not a readable .npy header"),
    "npy: unknown version": ("x.npy", npy_of("'<f4'", "(2,)", F4, version=b"\x09\x00"), "version 9.0"),
    "npy: header cut": ("x.npy", npy_of("'<f4'", "(2,)")[:30], "not a readable .npy header"),
    "npy: header of 4 GB": ("x.npy", b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}", "not a readable .npy header"),
    "npy: header is code": ("x.npy", npy_of("__import__('os')", "(2,)", F4), "not a readable .npy header"),
    "npy: unclosed header": ("x.npy", npy_of("'<f4'", "(" * 300, F4), "not a readable .npy header"),
    "npy: no such dtype": ("x.npy", npy_of("'<q9'", "(2,)", F4), "not a readable .npy header"),
    "npy: comma dtype": ("x.npy", npy_of("'f4,f4'", "(1,)", F4), "records"),
    "npy: dtype of a number": ("x.npy", npy_of("5", "(2,)", F4), "not a readable .npy header"),
    "npy: negative size": ("x.npy", npy_of("'<f4'", "(-2,)", F4), "negative"),
    "npy: shape of words": ("x.npy", npy_of("'<f4'", "('a',)", F4), "not a readable .npy header"),
    "npy: too many axes": ("x.npy", npy_of("'<f4'", f"({'1,' * 70})", F4[:4]), "70 axes"),
    "npy: astronomical": ("x.npy", npy_of("'<f4'", f"({2**62}, {2**62}, 0)"), "larger than any file"),
    "npy: promises more": ("x.npy", npy_of("'<f4'", "(3,)", F4), "truncated: its header promises"),
    "npy: trailing bytes": ("x.npy", npy_of("'<f4'", "(1,)", F4), "malformed: its header promises"),
    "npy: terabytes": ("x.npy", npy_of("'<f4'", "(1000000, 1000000)", F4), "truncated"),
    "npy: objects": ("x.npy", saved(np.array([None, {}])), "Python objects"),
    "npy: records": ("x.npy", saved(np.zeros(3, "f4,i4")), "records with the fields f0, f1"),
    "npy: subarrays": ("x.npy", npy_of("('<f4', (2,))", "(1,)", F4), "holds"),
    "npy: dates": ("x.npy", saved(np.zeros(3, "M8[s]")), "dates"),
    "npy: text items": ("x.npy", saved(np.array(["a"])), "text"),
    "npy: complex": ("x.npy", saved(np.zeros(3, "c8")), "complex"),
    "npy: long doubles": ("x.npy", saved(np.zeros(3, np.longdouble)), "numbers of an unsupported type"),
    "npy: bfloat16": ("x.npy", saved(np.zeros(3, ml_dtypes.bfloat16)), "bfloat16"),
    "npz: cut": ("x.npz", zip_of(a__npy=saved(np.zeros(9)))[:-30], "not a readable .npz"),
    "npz: no zip": ("x.npz", b"PK\x03\x04 and nothing more", "not a readable .npz"),
    "npz: empty": ("x.npz", zip_of(), "holds no numeric tensor"),
    "npz: no arrays": ("x.npz", zip_of(readme__txt=b"hello"), "holds no numeric tensor"),
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
