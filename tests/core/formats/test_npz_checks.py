"""Archives before anything is unpacked: where members lie, what must not be unpacked, checksums."""

import io
import os
import zipfile
import zlib

import pytest
from featfuse.errors import InputError
from featfuse.formats.npz_checks import check_places, check_sum, refuse_member, zip_faults

from tests.support.sources import MemorySource


def members(kind: int = zipfile.ZIP_STORED) -> list[zipfile.ZipInfo]:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", kind) as archive:
        for name in ("a.npy", "b.npy"):
            archive.writestr(name, bytes(100))
    return zipfile.ZipFile(stream).infolist()


def test_members_lie_one_behind_the_other() -> None:
    found = members()
    check_places(found, 1000)
    with pytest.raises(ValueError, match=r"'b\.npy' ends beyond the file"):
        check_places(found, found[1].header_offset + 50)
    found[1].header_offset = found[0].header_offset + 100
    with pytest.raises(ValueError, match=r"'b\.npy' overlaps"):
        check_places(found, 1000)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"flag_bits": 1}, "encrypted"),
        ({"compress_type": zipfile.ZIP_BZIP2}, "bzip2, which NumPy does not write"),
        ({"compress_type": 77}, "method 77"),
        ({"file_size": 1 << 40}, "claims 1,099,511,627,776 bytes"),
    ],
)
def test_members_that_must_not_be_unpacked(change: dict[str, int], words: str) -> None:
    member = members(zipfile.ZIP_DEFLATED)[0]
    refuse_member(member, "x.npz::a")
    for name, value in change.items():
        setattr(member, name, value)
    with pytest.raises(InputError, match=words):
        refuse_member(member, "x.npz::a")


def test_checksums() -> None:
    data = os.urandom(300_000)  # more than one block
    member = zipfile.ZipInfo("a.npy")
    member.file_size, member.CRC = len(data), zlib.crc32(data)
    source = MemorySource(b"head" + data)
    check_sum(source, 4, member)
    for start in (3, 5):  # other bytes; an end that is missing
        with pytest.raises(zipfile.BadZipFile):
            check_sum(source, start, member)


def test_what_zipfile_raises_becomes_an_error_with_the_file_s_name() -> None:
    for error in (zipfile.BadZipFile("File is not a zip file"), RuntimeError("x"), IndexError("x")):
        with pytest.raises(InputError, match=r"^x\.npz: not a readable \.npz"), zip_faults("x.npz"):
            raise error
    with pytest.raises(KeyError), zip_faults("x.npz"):
        raise KeyError
