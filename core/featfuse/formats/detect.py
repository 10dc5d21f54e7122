"""What a file is by its first bytes: one of our formats, or something often taken for a tensor file."""

import re
from pathlib import Path
from typing import NamedTuple

from featfuse.formats.registry import FORMATS, SUFFIXES, Format, find_format

__all__ = ["HEAD", "Foreign", "find_foreign", "readable", "recognise", "suffix_note"]

HEAD = 4096
"""The first bytes of a file, enough for everything here."""

_TORCH = "Load it in PyTorch and convert it with safetensors.torch.save_file."
_UNPACK = "Unpack it first, with {} for example."
_IMAGE = "Decode it, and numpy.save the pixels."


class Foreign(NamedTuple):
    """What a file is that featfuse does not read, and the way out."""

    what: str
    hint: str


_NETCDF = Foreign("a netCDF file of version 3", "Convert it with `nccopy -k nc4`, which makes HDF5.")
_MAGIC: dict[tuple[bytes, int], Foreign] = {
    (b"version https://git-lfs", 0): Foreign(
        "a git-LFS pointer, not the data", "Run `git lfs pull` to fetch the data."
    ),
    (b"/annex/objects/", 0): Foreign(
        "a git-annex pointer, not the data", "Run `git annex get` to fetch the data."
    ),
    (b"MATLAB 5.0 MAT-file", 0): Foreign(
        "a MATLAB file of version 5 to 7", "Save it with -v7.3 (which is HDF5), or by scipy.io.loadmat."
    ),
    (b"\x1f\x8b", 0): Foreign("compressed with gzip", _UNPACK.format("gunzip")),
    (b"BZh", 0): Foreign("compressed with bzip2", _UNPACK.format("bunzip2")),
    (b"\xfd7zXZ\0", 0): Foreign("compressed with xz", _UNPACK.format("unxz")),
    (b"\x28\xb5\x2f\xfd", 0): Foreign("compressed with Zstandard", _UNPACK.format("unzstd")),
    (b"7z\xbc\xaf\x27\x1c", 0): Foreign("a 7-Zip archive", _UNPACK.format("7z x")),
    (b"ustar", 257): Foreign("a tar archive", _UNPACK.format("tar -xf")),
    (b"\x89PNG\r\n\x1a\n", 0): Foreign("a PNG image", _IMAGE),
    (b"\xff\xd8\xff", 0): Foreign("a JPEG image", _IMAGE),
    (b"II*\0", 0): Foreign("a TIFF image", _IMAGE),
    (b"MM\0*", 0): Foreign("a TIFF image", _IMAGE),
    (b"%PDF-", 0): Foreign("a PDF document", ""),
    (b"CDF\1", 0): _NETCDF,
    (b"CDF\2", 0): _NETCDF,
    (b"\x0e\x03\x13\x01", 0): Foreign("an HDF4 file", "Convert it to HDF5 with h4toh5."),
    (b"n+1\0", 344): Foreign("a NIfTI image", "Load it with nibabel, and numpy.save the array."),
    (b"GGUF", 0): Foreign("a GGUF model", "Convert its tensors to .safetensors."),
    (b"PAR1", 0): Foreign("a Parquet table", "Load it, and numpy.save its numbers."),
}
"""(bytes, where they stand in the file): what such a file is."""


def recognise(head: bytes) -> Format | None:
    """The format that the first bytes of a file name."""
    return next((row for row in FORMATS.values() if row.begins(head)), None)


def find_foreign(head: bytes) -> Foreign | None:
    """What a file is that `recognise` does not know; None when that is unknown too."""
    for (magic, start), foreign in _MAGIC.items():
        if head.startswith(magic, start):
            return foreign
    if head[:1] == b"\x80" and head[1:2] in (b"\2", b"\3", b"\4", b"\5"):
        return Foreign("a pickle (as PyTorch's .pt and .pth are), which can run code when loaded", _TORCH)
    return _text(head)


def _text(head: bytes) -> Foreign | None:
    """What kind of text a file is, None when it is none."""
    try:
        # the last character may be cut in two
        text = head.decode("utf-8-sig", "strict" if len(head) < HEAD else "ignore").lstrip()
    except UnicodeDecodeError:
        return None
    if not text or re.search(r"[^\t\n\f\r\x1b -\x7e\x80-\U0010ffff]", text):
        return None
    if re.match(r"<!doctype html|<html|<head|<script", text, re.IGNORECASE):
        return Foreign(
            "an HTML page, not the data (often the login or error page behind a download link)",
            "Download it again, as a browser that is logged in does.",
        )
    if text.startswith("<"):
        return Foreign("XML text, not a tensor file", readable())
    if re.match(r'[{[]\s*["{[\]}\d-]', text):
        return Foreign("JSON text, not a tensor file", readable())
    return Foreign("plain text, not a tensor file", f"{readable()} For numbers: numpy.loadtxt, numpy.save.")


def readable() -> str:
    """The suffixes of what featfuse reads, as a sentence."""
    return f"featfuse reads {', '.join(SUFFIXES)}."


def suffix_note(path: str, row: Format) -> str:
    """A sentence for errors about a file of format `row` whose suffix names another of ours, else ""."""
    named = find_format(path)
    if named is None or named is row:
        return ""
    return f"By its first bytes it is a {row.suffixes[0]} file, named {Path(path).suffix} all the same."
