"""What an archive must be before anything in it is unpacked, and words for those that are not."""

import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from featfuse.errors import InputError
from featfuse.formats.headers import is_bomb
from featfuse.storage.byte_source import ByteSource

__all__ = ["LOCAL_HEADER", "check_places", "check_sum", "refuse_member", "zip_faults"]

LOCAL_HEADER = struct.Struct("<4s22xHH")
"""Signature, length of the name, length of the extra field."""

_BLOCK = 1 << 18  # stays in the processor's caches from its reading to its summing up
_ENCRYPTED = 0x1
_OTHERS = {9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "xz"}


def check_places(members: Sequence[zipfile.ZipInfo], size: int) -> None:
    """ValueError unless the members lie one behind the other in a file of `size` bytes.

    A small archive whose members share their bytes could be unpacked into any amount.
    """
    end = 0
    for member in sorted(members, key=lambda info: info.header_offset):
        if member.header_offset < end:
            raise ValueError(f"its member {member.filename!r} overlaps the one before it")
        end = member.header_offset + LOCAL_HEADER.size + member.compress_size
        if end > size:
            raise ValueError(f"truncated: its member {member.filename!r} ends beyond the file")


def refuse_member(member: zipfile.ZipInfo, name: str) -> None:
    """InputError for a member that must not be unpacked."""
    if member.flag_bits & _ENCRYPTED:
        raise InputError(f"{name}: is encrypted", hint="Unpack it, and save the arrays without a password.")
    if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        # zipfile inflates whatever these hold at once, into memory
        kind = _OTHERS.get(member.compress_type, f"method {member.compress_type}")
        raise InputError(
            f"{name}: is compressed with {kind}, which NumPy does not write",
            hint="Save it again with numpy.savez_compressed.",
        )
    if is_bomb(member.file_size, member.compress_size):
        raise InputError(
            f"{name}: claims {member.file_size:,} bytes, packed into {member.compress_size:,}",
            hint="No real data packs so well: this archive was made to fill a disk.",
        )


def check_sum(source: ByteSource, start: int, member: zipfile.ZipInfo) -> None:
    """BadZipFile unless a stored member's bytes, from `start` on in `source`, have its checksum."""
    buffer = memoryview(bytearray(min(_BLOCK, member.file_size)))
    total, position, end = 0, start, start + member.file_size
    while position < end:
        count = source.read_into(position, buffer[: end - position])
        if not count:
            raise zipfile.BadZipFile(f"the file ends {end - position} bytes before its tensor does")
        total = zlib.crc32(buffer[:count], total)
        position += count
    if total != member.CRC:
        raise zipfile.BadZipFile(f"Bad CRC-32 for file {member.filename!r}")


@contextmanager
def zip_faults(name: str) -> Iterator[None]:
    """Turn what zipfile raises on a damaged archive into an InputError that names the file."""
    try:
        yield
    # zipfile gives NotImplementedError for unknown compressions, RuntimeError for encrypted members, and
    # IndexError when it would name a member that has an empty name
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        ValueError,
        struct.error,
        RuntimeError,
        IndexError,
    ) as error:
        # zipfile reads the table of contents, which is at the end, before anything else
        cut = str(error) == "File is not a zip file"
        what = "truncated: its table of contents, at the end, is missing" if cut else error
        raise InputError(
            f"{name}: not a readable .npz: {what}", hint="Write or copy the file again."
        ) from error
