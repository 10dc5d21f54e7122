"""Archives: those that others wrote are read, those that are no good or do harm are refused in words."""

import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from featfuse.errors import InputError
from featfuse.io.readers import open_input
from featfuse.io.selection import select
from featfuse.model.tensor import TensorSpec, whole
from featfuse.storage.local import LocalScratch

from tests.support.amounts import few_or_many, only_slow, slow_but
from tests.support.malformed import check_bounded, check_refused, load, saved, zipped

GOOD = saved(np.arange(12, dtype=np.float32).reshape(3, 4))

STORED, DEFLATED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED

# Where the fields stand in a member's entry of the central directory.
FLAGS, METHOD, CRC, PACKED, SIZE, PLACE = (
    (8, "<H"),
    (10, "<H"),
    (16, "<I"),
    (20, "<I"),
    (24, "<I"),
    (42, "<I"),
)


def changed(
    data: bytes, field: tuple[int, str], value: int, number: int = 0, *, local: bool = False
) -> bytes:
    """An archive with another value in a field of an entry; with `local`, of the first member's head too."""
    result, place = bytearray(data), -1
    for _ in range(number + 1):
        place = data.index(b"PK\x01\x02", place + 1)
    struct.pack_into(field[1], result, place + field[0], value)
    if local:
        struct.pack_into(field[1], result, data.index(b"PK\x03\x04") + field[0] - 2, value)
    return bytes(result)


def two(first: str = "a.npy", second: str = "b.npy") -> bytes:
    """An archive of two members, their names of equal length and perhaps the same."""
    data = zipped({"a.npy": GOOD, "b.npy": GOOD})
    return data.replace(b"a.npy", first.encode()).replace(b"b.npy", second.encode())


def packed(size: int, claimed: int, kind: int = DEFLATED) -> bytes:
    """A member of `size` zeros after a header that promises `claimed` bytes."""
    head = (
        f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({claimed - 128},)}}".ljust(117).encode() + b"\n"
    )
    member = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head
    return zipped({"a.npy": member + bytes(size - len(member))}, kind)


def claims_a_terabyte() -> bytes:
    """A kilobyte of deflated zeros whose entry (in zip64) and header claim a terabyte."""
    size = 10**12
    body = packed(1 << 20, size)
    compressed = body[body.index(b"a.npy") + 5 : body.index(b"PK\x01\x02")]
    extra = struct.pack("<HHQQ", 1, 16, size, len(compressed))
    most = 0xFFFFFFFF
    local = (
        struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 45, 0, 8, 0, 33, 0, most, most, 5, len(extra))
        + b"a.npy"
        + extra
    )
    entry = struct.pack(
        "<4sHHHHHHIIIHHHHHII", b"PK\1\2", 45, 45, 0, 8, 0, 33, 0, most, most, 5, len(extra), 0, 0, 0, 0, 0
    )
    entry += b"a.npy" + extra
    start = len(local) + len(compressed)
    return local + compressed + entry + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 1, 1, len(entry), start, 0)


CASES: dict[str, tuple[Callable[[], bytes], str]] = {
    "signature alone": (lambda: b"PK\x03\x04", "truncated"),
    "table cut": (lambda: two()[:-10], "truncated: its table of contents"),
    "half": (lambda: zipped({"a.npy": GOOD})[:100], "truncated"),
    "table gone": (lambda: zipped({"a.npy": GOOD})[:-80], "truncated"),
    "front cut": (lambda: b"PK\x03\x04" + zipped({"a.npy": GOOD})[60:], "not a readable .npz"),
    "entries garbled": (lambda: zipped({"a.npy": GOOD}).replace(b"PK\1\2", b"PK\1\7"), "not a readable .npz"),
    "no members": (lambda: zipped({}), "no numeric tensor"),
    "a text": (
        lambda: zipped({"readme.txt": b"hello"}),
        "no numeric tensor.*readme.txt: not a readable .npy",
    ),
    "an empty member": (lambda: zipped({"a.npy": b""}), "a: not a readable .npy"),
    "no .npy": (lambda: zipped({"a.npy": b"hello there"}), "a: not a readable .npy"),
    "folders": (lambda: zipped({"a/": b""}), "no numeric tensor"),
    "npz in npz": (lambda: zipped({"a.npy": two()}), "a: not a readable .npy"),
    "objects": (lambda: zipped({"a.npy": saved(np.array([None]))}), "allow_pickle=False"),
    "text items": (lambda: zipped({"a.npy": saved(np.array(["x"]))}), "a: holds text"),
    "encrypted": (lambda: changed(zipped({"a.npy": GOOD}), FLAGS, 1, local=True), "a: is encrypted"),
    "encrypted, says the table": (lambda: changed(zipped({"a.npy": GOOD}), FLAGS, 1), "a: is encrypted"),
    "strong encryption": (
        lambda: changed(zipped({"a.npy": GOOD}), FLAGS, 0x41, local=True),
        "a: is encrypted",
    ),
    "bzip2": (lambda: zipped({"a.npy": GOOD}, zipfile.ZIP_BZIP2), "bzip2.*\n.*savez_compressed"),
    "LZMA": (lambda: zipped({"a.npy": GOOD}, zipfile.ZIP_LZMA), "LZMA.*\n.*savez_compressed"),
    "method 99": (lambda: changed(zipped({"a.npy": GOOD}), METHOD, 99, local=True), "method 99"),
    "Zstandard": (lambda: changed(zipped({"a.npy": GOOD}), METHOD, 93), "Zstandard"),
    "stored, called deflated": (lambda: changed(zipped({"a.npy": GOOD}), METHOD, 8), "not a readable .npz"),
    "deflated, called stored": (
        lambda: changed(zipped({"a.npy": GOOD}, DEFLATED), METHOD, 0),
        "not a readable",
    ),
    "size too small": (lambda: changed(zipped({"a.npy": GOOD}), SIZE, 170), "CRC|truncated"),
    "size too large": (lambda: changed(zipped({"a.npy": GOOD}), SIZE, 9999), "malformed"),
    "deflated: too small": (lambda: changed(zipped({"a.npy": GOOD}, DEFLATED), SIZE, 170), "CRC|truncated"),
    "deflated: too large": (lambda: changed(zipped({"a.npy": GOOD}, DEFLATED), SIZE, 9999), "malformed"),
    "beyond the file": (lambda: changed(zipped({"a.npy": GOOD}), PACKED, 99999), "truncated: its member"),
    "packed too small": (
        lambda: changed(zipped({"a.npy": GOOD}), PACKED, 9),
        "bad local header|not a readable",
    ),
    "place too far": (lambda: changed(zipped({"a.npy": GOOD}), PLACE, 99999), "truncated: its member"),
    "place inside": (lambda: changed(zipped({"a.npy": GOOD}), PLACE, 7), "not a readable .npz"),
    "checksum": (lambda: changed(zipped({"a.npy": GOOD}, DEFLATED), CRC, 1), "CRC"),
    "another name within": (lambda: zipped({"a.npy": GOOD}).replace(b"a.npy", b"b.npy", 1), "not a readable"),
    "same name": (lambda: two("a.npy", "a.npy"), "2 members have this name"),
    "same key": (lambda: zipped({"a": GOOD, "a.npy": GOOD}), "2 members have this name"),
    "same bytes": (lambda: changed(two(), PLACE, 0, number=1), "overlaps"),
    "bytes in part": (lambda: changed(two(), PLACE, 20, number=1), "overlaps"),
    "promises more": (lambda: packed(1000, 2000), "truncated"),
    "promises less": (lambda: packed(2000, 1000), "malformed"),
    "a terabyte": (claims_a_terabyte, "claims 1,000,000,000,000 bytes, packed into 1,"),
    "escapes": (lambda: zipped({"\x1b[2J\u202e[red].npy": b"x"}), "not a readable .npy"),
}


def spec_of(path: Path, key: str | None = None) -> TensorSpec:
    with open_input(str(path)) as reader:
        return select(reader, key)[0]


@pytest.mark.parametrize("suffix", slow_but([".npz", ".npy"], ".npz"))
@pytest.mark.parametrize("case", CASES)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_malformed_archives(tmp_path: Path, case: str, suffix: str) -> None:
    make, words = CASES[case]
    path = tmp_path / f"x{suffix}"
    path.write_bytes(make())
    check_refused(path, words)


def test_deflated_data_that_is_damaged(tmp_path: Path) -> None:
    data = bytearray(zipped({"a.npy": saved(np.random.default_rng(0).random(9999))}, DEFLATED))
    data[20_000:20_100] = bytes(100)
    (tmp_path / "x.npz").write_bytes(data)
    check_refused(tmp_path / "x.npz", "CRC|decompress", inspect=False)


def test_names_are_never_places(tmp_path: Path) -> None:
    folder = tmp_path / "in" / "here"
    folder.mkdir(parents=True)
    names = [
        "../up.npy",
        "../../etc/passwd.npy",
        "/absolute.npy",
        "deep/er/est.npy",
        "C:\\x.npy",
        "~/.bashrc.npy",
    ]
    for name in names:
        (folder / "x.npz").write_bytes(zipped({name: GOOD}, DEFLATED))
        before = sorted(tmp_path.rglob("*"))
        np.testing.assert_array_equal(
            load(folder / "x.npz", name.removesuffix(".npy")), np.arange(12).reshape(3, 4)
        )
        assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("size", few_or_many(1 << 27, 1 << 30))
@pytest.mark.parametrize("kind", [zipfile.ZIP_BZIP2, *only_slow([zipfile.ZIP_LZMA])])
def test_what_zipfile_would_inflate_at_once(tmp_path: Path, kind: int, size: int) -> None:
    (tmp_path / "x.npz").write_bytes(packed(size, size, kind))
    check_bounded(tmp_path / "x.npz", "which NumPy does not write", memory=size + (1 << 27))


def test_a_claim_of_a_terabyte_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(claims_a_terabyte())
    check_bounded(tmp_path / "x.npz", "claims")


@pytest.mark.parametrize("megabytes", few_or_many(128, 1024))
def test_an_inflated_member_ends_where_it_must(tmp_path: Path, megabytes: int) -> None:
    """Many megabytes of zeros in a member that claims 4 KB: no more is inflated, and it is refused."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = packed(4096, 4096)
    start, end = data.index(b"a.npy") + 5, data.index(b"PK\x01\x02")
    body = zlib.decompress(data[start:end], -15)
    long = b"".join(
        [stream.compress(body), *(stream.compress(bytes(1 << 20)) for _ in range(megabytes)), stream.flush()]
    )
    grown = data[:start] + long + data[end:]
    grown = changed(grown, PACKED, len(long), local=True)
    tail = grown.index(b"PK\x05\x06")
    grown = grown[: tail + 16] + struct.pack("<I", grown.index(b"PK\x01\x02")) + grown[tail + 20 :]
    (tmp_path / "x.npz").write_bytes(grown)
    check_bounded(tmp_path / "x.npz", "x.npz::a: .*(CRC|holds more than the 4,096 bytes)")


@pytest.mark.parametrize("surplus", [1, 100, 1 << 20])
def test_one_byte_beyond_is_too_much(tmp_path: Path, surplus: int) -> None:
    """The checksum is that of the claimed bytes, or that of all."""
    body, path = GOOD + bytes(surplus), tmp_path / "x.npz"
    for summed in (GOOD, body):
        data = changed(zipped({"a.npy": body}, DEFLATED), SIZE, len(GOOD), local=True)
        path.write_bytes(changed(data, CRC, zlib.crc32(summed), local=True))
        text = check_refused(
            path, r"x\.npz::a: .*(CRC|holds more than the 176 bytes it claims)", inspect=False
        )
        assert len(text.splitlines()) == 2  # what, and the hint


def test_a_byte_less_is_too_little(tmp_path: Path) -> None:
    data = changed(zipped({"a.npy": GOOD[:-1]}, DEFLATED), SIZE, len(GOOD), local=True)
    (tmp_path / "x.npz").write_bytes(data)
    check_refused(tmp_path / "x.npz", "holds less than the 176 bytes it claims", inspect=False)


@pytest.mark.parametrize("size", [1000, (1 << 18) - 128, 3_000_000])
def test_a_flipped_bit_in_a_stored_member(tmp_path: Path, size: int) -> None:
    """NumPy refuses it too. Members that nobody asks for are not read."""
    path = tmp_path / "x.npz"
    good = saved(np.zeros(size, np.uint8))
    data = bytearray(zipped({"a.npy": good, "b.npy": good}))
    for place in (size // 2, size - 1):
        damaged = bytearray(data)
        damaged[data.index(b"\x93NUMPY") + 128 + place] ^= 1
        path.write_bytes(damaged)
        check_refused(path, r"x\.npz::a: .*CRC", "a", inspect=False)
        with pytest.raises(zipfile.BadZipFile, match="CRC"), np.load(path) as archive:
            archive["a"]
        np.testing.assert_array_equal(load(path, "b"), np.zeros(size, np.uint8))


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


def test_released_members_are_unpacked_no_longer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pass over an archive takes the room of one member at a time."""
    np.savez_compressed(tmp_path / "x.npz", **{f"a{n}": np.full(1000, n, np.float32) for n in range(4)})
    open_files: list[LocalScratch] = []
    kept = LocalScratch.__init__

    def opened(self: LocalScratch, *args: Any, **kwargs: Any) -> None:
        kept(self, *args, **kwargs)
        open_files.append(self)

    monkeypatch.setattr(LocalScratch, "__init__", opened)
    with open_input(str(tmp_path / "x.npz")) as reader:
        for key, spec in reader.specs().items():
            assert reader.read(key, whole(spec.shape))[0] == int(key[1:])
            reader.release(key)
            assert all(scratch._file.closed for scratch in open_files)
        assert len(open_files) == 4
