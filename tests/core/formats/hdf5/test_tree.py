"""What an HDF5 file holds: odd but valid datasets, links, labels. Read as h5py does, or refused."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import ml_dtypes
import numpy as np
import pytest
from featfuse.errors import InputError
from featfuse.io.readers import open_input
from featfuse.io.selection import select
from featfuse.model.tensor import Array, TensorSpec

from tests.support.malformed import check_refused, load

VALUES = np.arange(24, dtype=np.float32).reshape(4, 6)


def custom_float(file: h5py.File) -> None:
    """Eight bits of exponent, seven of mantissa: bfloat16, which HDF5 converts."""
    kind = h5py.h5t.IEEE_F32LE.copy()
    kind.set_fields(15, 7, 8, 0, 7)
    kind.set_size(2)
    kind.set_precision(16)
    kind.set_ebias(127)
    made = h5py.h5d.create(file.id, b"a", kind, h5py.h5s.create_simple(VALUES.shape))
    made.write(h5py.h5s.ALL, h5py.h5s.ALL, VALUES)


def odd_precision(file: h5py.File) -> None:
    kind = h5py.h5t.STD_I16LE.copy()
    kind.set_precision(11)
    kind.set_offset(3)
    made = h5py.h5d.create(file.id, b"a", kind, h5py.h5s.create_simple(VALUES.shape))
    made.write(h5py.h5s.ALL, h5py.h5s.ALL, VALUES.astype(np.int16))


def named_type(file: h5py.File) -> None:
    file["type"] = np.dtype(">f8")
    file.create_dataset("a", data=VALUES, dtype=file["type"])


def early(file: h5py.File) -> None:
    allocate(file, h5py.h5d.ALLOC_TIME_EARLY)


def late(file: h5py.File) -> None:
    allocate(file, h5py.h5d.ALLOC_TIME_LATE)


def allocate(file: h5py.File, when: int) -> None:
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_alloc_time(when)
    properties.set_fill_value(np.array(2.5, np.float32))
    h5py.h5d.create(file.id, b"a", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((4, 6)), properties)


def compact(file: h5py.File) -> None:
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.COMPACT)
    made = h5py.h5d.create(file.id, b"a", h5py.h5t.IEEE_F32BE, h5py.h5s.create_simple((4, 6)), properties)
    made.write(h5py.h5s.ALL, h5py.h5s.ALL, VALUES)


def some_chunks(file: h5py.File) -> None:
    made = file.create_dataset("a", (9, 9), "f4", chunks=(4, 4), fillvalue=-1.5, compression="gzip")
    made[5, 5] = 3


def shrunk(file: h5py.File) -> None:
    made = file.create_dataset("a", data=np.ones((9, 9)), chunks=(4, 4), maxshape=(None, None))
    made.resize((5, 7))
    made.resize((9, 8))


def soft_links(file: h5py.File) -> None:
    file["a"] = VALUES
    file["dangling"] = h5py.SoftLink("/nowhere/x")


def tracked(file: h5py.File) -> None:
    file.create_group("g", track_order=True)["a"] = VALUES


def by(**options: object) -> Callable[[h5py.File], None]:
    def make(file: h5py.File) -> None:
        file.create_dataset("a", **options)

    return make


RIGHT: dict[str, Callable[[h5py.File], None]] = {
    "0-d": by(data=np.float32(7)),
    "0 rows": by(shape=(0, 3), dtype="f4"),
    "0 rows of chunks": by(shape=(0, 3), dtype="f4", maxshape=(None, 3), compression="gzip"),
    "0 in the middle": by(shape=(2, 0, 3), dtype="i2"),
    "1 of unlimited": by(data=VALUES, maxshape=(None, None)),
    "truth": by(data=VALUES > 7),
    "float16": by(data=VALUES.astype("<f2")),
    "big-endian float16": by(data=VALUES.astype(">f2")),
    "big-endian": by(data=VALUES.astype(">f8"), chunks=(3, 5), compression="lzf"),
    "big-endian integers": by(data=VALUES.astype(">i2"), chunks=(3, 5), shuffle=True),
    "named type": named_type,
    "11 bits at the 4th": odd_precision,
    "custom float": custom_float,
    "never-written chunks": some_chunks,
    "no chunk written": by(shape=(9, 9), dtype="i8", chunks=(4, 4), fillvalue=-3),
    "shrunk and grown": shrunk,
    "early": early,
    "late": late,
    "never allocated": by(shape=(4, 6), dtype="f4"),
    "compact": compact,
    "soft links": soft_links,
    "tracked order": tracked,
    "fixed length, checksum": by(data=VALUES, fletcher32=True),
}

REFUSED: dict[str, tuple[Callable[[h5py.File], None], str]] = {
    "null space": (by(data=h5py.Empty("f4")), "is empty"),
    "text of no length": (by(data=h5py.Empty("S1")), "is empty"),
    "text": (by(data="x"), "holds text"),
    "fixed text": (by(data=np.array([b"xy"])), "holds text"),
    "complex": (by(data=VALUES.astype("c8")), "holds complex"),
    "opaque": (by(data=np.zeros(3, "V5")), "holds"),
    "dates": (by(data=np.zeros(3, "M8[s]").astype(h5py.opaque_dtype("M8[s]"))), "holds"),
    "rows": (by(shape=(3,), dtype=h5py.vlen_dtype(np.int8)), "holds rows"),
    "array items": (by(shape=(3,), dtype=np.dtype(("f4", (2, 2)))), "holds"),
    "object references": (by(shape=(3,), dtype=h5py.ref_dtype), "holds references"),
    "region references": (by(shape=(3,), dtype=h5py.regionref_dtype), "holds references"),
    "long double": (by(shape=(3,), dtype=np.longdouble), "holds"),
    "a type alone": (lambda file: file.__setitem__("a", np.dtype("f8")), "no numeric tensor"),
    "dangling": (lambda file: file.__setitem__("a", h5py.SoftLink("/b")), "no numeric tensor"),
}


def one(path: Path) -> Array:
    """The only dataset, by h5py."""
    found: list[Array] = []
    with h5py.File(path) as file:
        file.visititems(
            lambda _, node: found.append(np.asarray(node[()])) if isinstance(node, h5py.Dataset) else None
        )
    (array,) = found
    return array


def check_same(path: Path) -> None:
    expected, result = one(path), load(path)
    assert result.dtype == expected.dtype.newbyteorder("=")
    np.testing.assert_array_equal(result, expected)


def spec_of(path: Path, key: str | None = None) -> TensorSpec:
    with open_input(str(path)) as reader:
        return select(reader, key)[0]


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


@pytest.mark.parametrize("version", ["earliest", "latest"])
@pytest.mark.parametrize("case", RIGHT)
def test_odd_files_are_read_as_h5py_reads_them(tmp_path: Path, case: str, version: str) -> None:
    path = tmp_path / "x.h5"
    with h5py.File(path, "w", libver=version) as file:
        RIGHT[case](file)
    check_same(path)


@pytest.mark.parametrize("case", ["big-endian", "compact", "never-written chunks", "custom float"])
def test_behind_a_user_block(tmp_path: Path, case: str) -> None:
    path = tmp_path / "x.h5"
    with h5py.File(path, "w", userblock_size=1024) as file:
        RIGHT[case](file)
    with path.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file".ljust(512))
    check_same(path)


@pytest.mark.parametrize("case", REFUSED)
def test_odd_files_that_hold_no_tensor(tmp_path: Path, case: str) -> None:
    make, words = REFUSED[case]
    with h5py.File(tmp_path / "x.h5", "w") as file:
        make(file)
    text = check_refused(tmp_path / "x.h5", words)
    assert not re.search(r"\n.*\n", text)


@pytest.mark.parametrize("key", ["type", "dangling", "g", "a/b"])
def test_keys_of_what_is_no_dataset(tmp_path: Path, key: str) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        named_type(file)
        file["dangling"] = h5py.SoftLink("/nowhere")
        file.create_group("g")
    run = subprocess.run(
        [sys.executable, "-m", "featfuse_cli", "inspect", f"{tmp_path / 'x.h5'}::{key}"],
        capture_output=True,
        check=False,
        text=True,
    )
    assert run.returncode == 4, run.stderr
    assert "Traceback" not in run.stderr


def test_enumerations_and_bits(tmp_path: Path) -> None:
    """h5py reads enumerations as the integers they are, and bit fields as unsigned ones."""
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        kind = h5py.enum_dtype({"RED": 0, "GREEN": 1}, basetype="i2")
        file.create_dataset("a", data=np.array([0, 1, 1], "i2"), dtype=kind)
    check_same(path)
    with h5py.File(path, "w") as file:
        made = h5py.h5d.create(file.id, b"a", h5py.h5t.STD_B16BE, h5py.h5s.create_simple((3,)))
        made.write(h5py.h5s.ALL, h5py.h5s.ALL, np.array([1, 2, 700], np.uint16), h5py.h5t.STD_B16LE)
    check_same(path)


def test_a_file_that_is_being_written_in_swmr_mode(tmp_path: Path) -> None:
    """As long as the writer has it open, it is read or refused; once closed, it is read."""
    path = tmp_path / "x.h5"
    with h5py.File(path, "w", libver="latest") as file:
        made = file.create_dataset("a", (4, 6), "f4", maxshape=(None, 6), chunks=(2, 6))
        file.swmr_mode = True
        made[...] = VALUES
        made.flush()
        run = subprocess.run(
            [sys.executable, "-m", "featfuse_cli", str(path), "-o", str(tmp_path / "o.npy")],
            capture_output=True,
            check=False,
            text=True,
        )
        assert run.returncode in (0, 4), run.stderr
        assert "Traceback" not in run.stderr
        if run.returncode == 0:
            np.testing.assert_array_equal(np.load(tmp_path / "o.npy"), VALUES)
    check_same(path)


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


@pytest.mark.parametrize("kind", ["text", "bytes", "rows of text"])
def test_a_text_where_a_scale_is_referred_to_opens_no_other_file(tmp_path: Path, kind: str) -> None:
    """A file that the user never named, here a FIFO, whose reading would never end."""
    os.mkfifo(tmp_path / "other.h5")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["out"] = h5py.ExternalLink("other.h5", "/secret")
        file["a"] = np.zeros((2, 3))
        names: Any = {"text": ["/out", "/out"], "bytes": np.array([b"/out", b"/out"])}.get(kind)
        if names is None:
            names = np.empty(2, object)
            for axis in range(2):
                names[axis] = np.array(["/out"], object)
            kinds = h5py.vlen_dtype(h5py.string_dtype())
            file["a"].attrs.create("DIMENSION_LIST", names, dtype=kinds)
        else:
            file["a"].attrs["DIMENSION_LIST"] = names
    line = [sys.executable, "-m", "featfuse_cli", "inspect", "x.h5::a", "x.h5::a"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, check=False, text=True, timeout=20)
    assert (done.returncode, done.stderr) == (0, "")


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
