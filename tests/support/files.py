"""Files from the words of their headers."""

import io
import json
import struct
import zipfile
from typing import Any


def header(entries: dict[str, Any] | str, data: bytes = b"") -> bytes:
    """A .safetensors file from its header's JSON."""
    text = (entries if isinstance(entries, str) else json.dumps(entries)).encode()
    return len(text).to_bytes(8, "little") + text + data


def entry(dtype: str, shape: list[Any], *offsets: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": list(offsets)}


def npy_of(descr: str, shape: str, data: bytes = b"", *, version: bytes = b"\x01\x00") -> bytes:
    """A .npy file from the words of its header."""
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}\n".encode()
    length = struct.pack("<H" if version == b"\x01\x00" else "<I", len(text))
    return b"\x93NUMPY" + version + length + text + data


def zip_of(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "."), data)
    return stream.getvalue()
