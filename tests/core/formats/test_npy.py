""".npy files: those that others wrote are read, those that are no good are refused in words."""

import ast
import os
import struct
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from featfuse.errors import InputError
from featfuse.io.readers import open_input
from featfuse.io.selection import select

from tests.support.files import npy_of
from tests.support.malformed import check_bounded, check_refused, load, saved

F4 = np.float32([1, 2]).tobytes()

GOOD = saved(np.zeros((3, 4), np.float32))


def npy(
    descr: str, shape: str, data: bytes = b"", *, version: bytes = b"\x01\x00", order: str = "False"
) -> bytes:
    """A .npy file from the words of its header."""
    return raw(f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}}}\n", data, version)


def raw(text: str, data: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    encoded = text.encode()
    return (
        b"\x93NUMPY" + version + struct.pack("<H" if version[0] == 1 else "<I", len(encoded)) + encoded + data
    )


def test_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "x.npy").mkdir()
    check_refused(tmp_path / "x.npy", "is a directory")
    check_refused(tmp_path / "y.npy", r"no such file\Z")
    (tmp_path / "y.npz").write_bytes(b"")
    check_refused(tmp_path / "y.npy", r"Did you mean .*y\.npz\?")


def test_links_to_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    path.symlink_to("nowhere.npy")
    check_refused(path, r"is a link to nowhere\.npy, which does not exist\Z")
    path.unlink()
    path.symlink_to(".git/annex/objects/0K/1x/SHA256E-s104--0.npy/SHA256E-s104--0.npy")
    check_refused(path, "git annex get")
    path.unlink()
    path.symlink_to("x.npy")
    check_refused(path, "[Ss]ymbolic links")


# ------------------------------------------------------------------------------------------ a damaged .npy

MALFORMED = {
    "magic alone": (b"\x93NUMPY", "not a readable .npy header"),
    "cut in the version": (b"\x93NUMPY\x01", "not a readable .npy header"),
    "cut in the length": (b"\x93NUMPY\x01\x00\x06", "not a readable .npy header"),
    "cut in the header": (GOOD[:40], "not a readable .npy header"),
    "a byte short": (GOOD[:-1], "truncated: its header promises 176 bytes.*holds 175"),
    "no data": (GOOD[:128], "truncated"),
    "a byte long": (GOOD + b"\0", "malformed: its header promises 176 bytes.*holds 177"),
    "two arrays": (GOOD + GOOD, "malformed"),
    "petabytes": (npy("'<f4'", "(1000000, 1000000000)", F4), "truncated"),
    "header of 4 GB": (b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}", "not a readable .npy header"),
    "header of 20,000": (npy("'<f4'", f"(2,{' ' * 20000})", F4), "not a readable .npy header"),
    "code": (npy("__import__('os').system('id')", "(2,)", F4), "not a readable .npy header"),
    "a list": (raw("[1, 2]"), "not a readable .npy header"),
    "empty header": (raw(""), "not a readable .npy header"),
    "missing shape": (raw("{'descr': '<f4', 'fortran_order': False}"), "not a readable .npy header"),
    "one key more": (
        raw("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'x': 1}", F4),
        "not a readable .npy header",
    ),
    "order of words": (npy("'<f4'", "(2,)", F4, order="'no'"), "not a readable .npy header"),
    "brackets": (npy("'<f4'", "(" * 300, F4), "not a readable .npy header"),
    "signs": (npy("'<f4'", f"({'-' * 9000}1,)", F4), "not a readable .npy header|negative"),
    "sums": (npy("'<f4'", f"({'1+' * 4000}1j,)", F4), "not a readable .npy header"),
    "NUL": (npy("'<f4\0'", "(2,)", F4), "not a readable .npy header"),
    "escape": (npy("'\x1b[31m'", "(2,)", F4), "not a readable .npy header"),
    "markup": (npy("'[red]x[/red]'", "(2,)", F4), "not a readable .npy header"),
    "not UTF-8": (b"\x93NUMPY\x03\x00\x04\0\0\0\xff\xfe\xfd\xfc", "not a readable .npy header"),
    "no such dtype": (npy("'<q9'", "(2,)", F4), "not a readable .npy header"),
    "dtype of a number": (npy("5", "(2,)", F4), "not a readable .npy header"),
    "negative": (npy("'<f4'", "(-2,)", F4), "negative"),
    "two negatives": (npy("'<f4'", "(-2, -1)", F4), "negative"),
    "truth": (npy("'<f4'", "(2, True)", F4), "not made of sizes"),
    "reals": (npy("'<f4'", "(2.0,)", F4), "not a readable .npy header"),
    "words": (npy("'<f4'", "('a',)", F4), "not a readable .npy header"),
    "no tuple": (npy("'<f4'", "2", F4), "not a readable .npy header"),
    "None": (npy("'<f4'", "(None,)", F4), "not a readable .npy header"),
    "2**64": (npy("'<f4'", f"({2**64 + 2},)", F4), "larger than any file"),
    "product wraps": (npy("'<f4'", f"({2**32}, {2**32}, 4)", F4), "larger than any file"),
    "product by 0": (npy("'<f4'", f"({2**62}, {2**62}, 0)"), "larger than any file"),
    "4,000 digits": (npy("'<f4'", f"({'9' * 4000},)", F4), "larger than any file"),
    "5,000 digits": (npy("'<f4'", f"({'9' * 5000},)", F4), "not a readable .npy header"),
    "hex digits": (npy("'<f4'", f"(0x{'f' * 9000},)", F4), "larger than any file"),
    "33 axes": (npy("'<f4'", f"({'1,' * 33})", F4[:4]), "33 axes"),
    "2,000 axes": (npy("'<f4'", f"({'1,' * 2000})", F4[:4]), "2000 axes"),
    "objects": (saved(np.array([None, {}])), "pickled.*\n.*allow_pickle=False"),
    "object records": (saved(np.zeros(2, "O,f4")), "pickled.*\n.*allow_pickle=False"),
    "records of texts, which crash NumPy": (
        raw("{'descr': ('i1,T', (2, 2)), 'fortran_order': False, 'shape': (), }"),
        "holds",
    ),
    "records": (saved(np.zeros(3, "f4,i4")), "records with the fields f0, f1"),
    "many records": (
        saved(np.zeros(1, [(f"field{i}", "f4") for i in range(300)])),
        "records with the fields",
    ),
    "rude records": (saved(np.zeros(1, [("a\x1b[2J", "f4")])), "records with the fields"),
    "subarrays": (npy("('<f4', (2,))", "(1,)", F4), "holds"),
    "dates": (saved(np.zeros(3, "M8[s]")), "dates"),
    "spans": (saved(np.zeros(3, "m8[ms]")), "time spans"),
    "text": (saved(np.array(["a"])), "text"),
    "bytes": (saved(np.array([b"a"])), "text"),
    "void": (saved(np.zeros(3, "V5")), "raw bytes"),
    "complex": (saved(np.zeros(3, "c16")), "complex"),
    "long doubles": (saved(np.zeros(3, np.longdouble)), "unsupported type"),
    "bfloat16": (npy("'<V2'", "(4,)", F4), "bfloat16"),
}

MALFORMED |= {
    f"version {version[0]}.{version[1]}": (
        npy("'<f4'", "(2,)", F4, version=version),
        "nknown version|not a readable",
    )
    for version in (b"\0\0", b"\0\1", b"\1\1", b"\2\1", b"\2\2", b"\4\0", b"\xff\xff")
}

# numpy/lib/tests/test_format.py: bad_version_magic and malformed_magic
NUMPYS = [
    *(
        b"\x93NUMPY" + version
        for version in (b"\x01\x01", b"\x00\x00", b"\x00\x01", b"\x02\x00", b"\x02\x02", b"\xff\xff")
    ),
    b"\x92NUMPY\x01\x00",
    b"\x00NUMPY\x01\x00",
    b"\x93numpy\x01\x00",
    b"\x93MATLB\x01\x00",
    b"\x93NUMPY\x01",
    b"\x93NUMPY",
    b"",
]

# test_bad_header: what follows the magic and version 1.0
NUMPYS_ENDS = [
    b"",
    b"1",
    b"\x01\x00",
    *(
        struct.pack("<H", len(text)) + text
        for text in (
            b"{'descr': 'x', 'shape': (1, 2), }                    \n",
            b"{'descr': 'x', 'extrakey': -1, 'fortran_order': False, 'shape': (1, 2), }".ljust(117) + b"\n",
        )
    ),
]

NUMPYS_HEADERS = [
    "{1:2}",
    "{'descr': '<f8', 'fortran_order': 'False', 'shape': (1,)}",
    "{'shape': (1, 2), 'fortran_order': False, 'descr': 'x'}",
    "{'shape': (1, 2), 'fortran_order': False, 'descr': '<i4', }x",
    "{ 'descr': 5, 'fortran_order': False, 'shape': (1, 2)}",
    "{'shape': (1, 'x'), 'fortran_order': False, 'descr': '<i4'}",
    "{'shape': (1.2,), 'fortran_order': False, 'descr': '<i4'}",
    "{'shape': 1, 'descr': '<i4'}",
]


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_headers(tmp_path: Path, case: str) -> None:
    data, words = MALFORMED[case]
    (tmp_path / "x.npy").write_bytes(data)
    check_refused(tmp_path / "x.npy", words)


@pytest.mark.parametrize("magic", NUMPYS, ids=repr)
@pytest.mark.parametrize("rest", [b"", b"\x06\x00{1:2}\n" + bytes(80)])
def test_numpys_own_bad_magics(tmp_path: Path, magic: bytes, rest: bytes) -> None:
    (tmp_path / "x.npy").write_bytes(magic + rest)
    check_refused(tmp_path / "x.npy", "not a readable .npy header|nknown version|is empty|unknown")


def test_numpys_lists_are_all_here() -> None:
    """Its tests are read, not imported: they use marks of their own."""
    source = Path(np.__file__).parent / "lib" / "tests" / "test_format.py"
    if not source.exists():
        pytest.skip("this NumPy comes without its tests")
    lists = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse(source.read_text()).body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id in {"bad_version_magic", "malformed_magic"}
    }
    assert len(lists) == 2
    assert {*lists["bad_version_magic"], *lists["malformed_magic"]} <= set(NUMPYS)


@pytest.mark.parametrize("end", NUMPYS_ENDS, ids=repr)
def test_numpys_own_bad_ends(tmp_path: Path, end: bytes) -> None:
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY\x01\x00" + end)
    check_refused(tmp_path / "x.npy", "not a readable .npy header")


@pytest.mark.parametrize("text", NUMPYS_HEADERS)
@pytest.mark.parametrize("version", [b"\x01\x00", b"\x02\x00", b"\x03\x00"])
def test_numpys_own_bad_headers(tmp_path: Path, text: str, version: bytes) -> None:
    (tmp_path / "x.npy").write_bytes(raw(text, bytes(8), version))
    check_refused(tmp_path / "x.npy", "not a readable .npy header")


@pytest.mark.parametrize("case", ["petabytes", "header of 4 GB", "hex digits", "signs", "sums", "brackets"])
def test_small_files_cost_little(tmp_path: Path, case: str) -> None:
    data, words = MALFORMED[case]
    (tmp_path / "x.npy").write_bytes(data)
    check_bounded(tmp_path / "x.npy", words)


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
    (tmp_path / "x.npy").write_bytes(npy_of("'<f4'", "(2L,)", np.float32([1, 2]).tobytes()))
    np.testing.assert_array_equal(load(tmp_path / "x.npy"), [1, 2])


# ------------------------------------------------------------------------------------ sizes beyond memory


def test_a_window_of_100_gigabytes_is_instant_and_small(tmp_path: Path) -> None:
    path, shape = tmp_path / "huge.npy", (100, 1000, 1000, 256)
    head = npy_of("'<f4'", str(shape))
    path.write_bytes(head)
    os.truncate(path, len(head) + 4 * 100 * 1000 * 1000 * 256)
    tracemalloc.start()
    started = time.process_time()
    with open_input(str(path)) as reader:
        (spec,) = select(reader, None)
        assert spec.shape == shape
        windows = [
            (slice(99, 100), slice(990, 1000), slice(0, 1000), slice(255, 256)),  # a thin pillar
            (slice(0, 100), slice(5, 6), slice(7, 8), slice(0, 256)),
        ]
        assert [reader.read("", window).sum() for window in windows] == [0, 0]
    seconds, (_, peak) = time.process_time() - started, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds < 2
    assert peak < 4 << 20


def test_one_pass_follows_the_file(tmp_path: Path) -> None:
    """In Fortran order the first axis is the fastest, and the last is cut."""
    array = np.asfortranarray(np.arange(60, dtype=np.float32).reshape(3, 4, 5))
    np.save(tmp_path / "x.npy", array)
    np.savez_compressed(tmp_path / "x.npz", x=array)
    for name in ("x.npy", "x.npz"):
        with open_input(str(tmp_path / name)) as reader:
            (spec,) = select(reader, None)
            parts = [reader.read(spec.key or "", window) for window in reader.pieces(spec, 12)]
        assert [part.shape for part in parts] == [(3, 4, 1)] * 5
        assert np.concatenate(parts, axis=2).tolist() == array.tolist()


@pytest.mark.parametrize(
    ("array", "shape", "dtype", "nbytes"),
    [
        (np.zeros((2, 3), np.complex64), (2, 3), "complex64", 48),
        (np.array(["ab"]), (1,), "<U2", 8),
        (np.array([{}]), (1,), "object", None),
    ],
)
def test_what_is_no_tensor_is_told_with_its_header(
    tmp_path: Path, array: np.ndarray, shape: tuple[int, ...], dtype: str, nbytes: int | None
) -> None:
    (tmp_path / "x.npy").write_bytes(saved(array))
    with open_input(str(tmp_path / "x.npy")) as reader:
        assert reader.specs() == {}
        why = reader.refusals()[""]
        assert (why.shape, why.dtype, why.nbytes) == (shape, dtype, nbytes)
        with pytest.raises(InputError, match="holds") as refused:
            select(reader, None)
        assert refused.value is why
