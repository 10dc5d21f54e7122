"""The corpus that fuzzing starts from: small files that reach every branch of the header parsers.

python tests/fuzz/seeds.py DIR          # writes DIR/npy/..., DIR/safetensors/..., DIR/npz/...
"""

import io
import json
import struct
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.lib import format as npy_format

__all__ = ["SEEDS"]

_NPY_DTYPES = ("<f4", ">f8", "<f2", "|b1", "|i1", "<i8", "<c8", "|V2", "|S3", "<U2", "<M8[s]", "|O")
_NPY_HEADERS = (
    "{'descr': '<f4', 'fortran_order': False, 'shape': (), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 3), }",
    "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 8), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (16L, 1L), }",  # as Python 2 wrote it
    "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, -16), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }",
    "{'descr': '<f4', 'fortran_order': 1, 'shape': [16], }",
    "{'descr': [('a', '<f4'), ('b', '<i2')], 'fortran_order': False, 'shape': (2,), }",
    "{'descr': ('<f4', (2, 2)), 'fortran_order': False, 'shape': (4,), }",
    "{'descr': '<f4', 'shape': (16,), }",
    "{'descr': 'T', 'fortran_order': False, 'shape': (4,), }",  # a TypeError once: it has no byte order
    "{'descr': ('i1,T', (2, 2)), 'fortran_order': False, 'shape': (), }",  # crashed NumPy once
    "{" + "[" * 90 + "]" * 90 + "}",
    "import os",
    "",
)
# numpy/lib/tests/test_format.py: bad_version_magic, malformed_magic, test_bad_header
_NUMPYS = (
    b"\x93NUMPY\x01\x01",
    b"\x93NUMPY\x00\x00",
    b"\x93NUMPY\x00\x01",
    b"\x93NUMPY\x02\x00",
    b"\x93NUMPY\x02\x02",
    b"\x93NUMPY\xff\xff",
    b"\x92NUMPY\x01\x00",
    b"\x00NUMPY\x01\x00",
    b"\x93numpy\x01\x00",
    b"\x93MATLB\x01\x00",
    b"\x93NUMPY\x01",
    b"\x93NUMPY",
    b"\x93NUMPY\x01\x001",
    b"\x93NUMPY\x01\x00\x01\x00",
)
_SAFETENSORS_HEADERS = (
    {"x": {"dtype": "F32", "shape": [4, 4], "data_offsets": [0, 64]}},
    {"x": {"dtype": "BF16", "shape": [4, 8], "data_offsets": [0, 64]}, "__metadata__": {"layout": "NCHW"}},
    {
        "a": {"dtype": "F8_E4M3", "shape": [0, 2], "data_offsets": [0, 0]},
        "b": {"dtype": "I64", "shape": [8], "data_offsets": [0, 64]},
    },
    {"a": {"dtype": "F4", "shape": [128], "data_offsets": [0, 64]}},
    {"a": {"dtype": "F33", "shape": [16], "data_offsets": [0, 64]}},
    {"a": {"dtype": "U8", "shape": [2**40, 2**40], "data_offsets": [0, 64]}},
    {"a": {"dtype": "U8", "shape": [-1], "data_offsets": [0, True]}},
    {"a": {"dtype": "U8", "shape": 64, "data_offsets": [0]}},
    {"a": {"dtype": "U8"}},
    {"__metadata__": {"layout": 1}},
    [],
)


def _npy_seeds() -> dict[str, bytes]:
    seeds = {}
    for text in _NPY_DTYPES:
        dtype = np.dtype(text)
        head = io.BytesIO()
        fields = {"descr": npy_format.dtype_to_descr(dtype), "fortran_order": False, "shape": (3,)}
        npy_format.write_array_header_1_0(head, fields)
        seeds[f"dtype {dtype.name}"] = head.getvalue() + bytes(3 * dtype.itemsize)
    for number, header in enumerate(_NPY_HEADERS):
        text = header.encode() + b"\n"
        seeds[f"header {number}"] = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(64)
        seeds[f"wide {number}"] = b"\x93NUMPY\x02\x00" + struct.pack("<I", len(text)) + text + bytes(64)
    for number, data in enumerate(_NUMPYS):
        seeds[f"bad in NumPy {number}"] = data + bytes(2)
    seeds["version 3"] = b"\x93NUMPY\x03\x00" + seeds["wide 0"][8:]
    seeds["version 9"] = b"\x93NUMPY\x09\x00" + seeds["wide 0"][8:]
    return seeds


def _safetensors_seeds() -> dict[str, bytes]:
    texts = [json.dumps(fields) for fields in _SAFETENSORS_HEADERS]
    texts += ['{"a": {}, "a": {}}', '{"\\ud800": {}}', "[" * 200, "\xff", '{"a": NaN}', "  {}  "]
    seeds = {}
    for number, text in enumerate(texts):
        head = text.encode("latin-1")
        seeds[f"header {number}"] = struct.pack("<Q", len(head)) + head + bytes(64)
    seeds["no room"] = struct.pack("<Q", 2**60) + b"{}"
    seeds["short"] = b"\x00\x00"
    return seeds


def _npz_seeds() -> dict[str, bytes]:
    array = io.BytesIO()
    np.save(array, np.arange(6, dtype=np.float32))
    seeds = {}
    for kind in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", kind) as archive:
            archive.comment = b"made by hand"
            for name in ("a.npy", "deep/er/b.npy", "../c.npy", "notes.txt", "folder/"):
                with archive.open(zipfile.ZipInfo(name), "w", force_zip64=name == "a.npy") as member:
                    member.write(b"" if name == "folder/" else array.getvalue())
        seeds[f"method {kind}"] = file.getvalue()
    plain = seeds[f"method {zipfile.ZIP_STORED}"]
    central = plain.index(b"PK\x01\x02")
    seeds["encrypted"] = plain[: central + 8] + b"\x01" + plain[central + 9 :]
    seeds["truncated"] = plain[:central]
    unnamed = io.BytesIO()
    with zipfile.ZipFile(unnamed, "w") as archive:
        archive.writestr(zipfile.ZipInfo(""), array.getvalue())
    seeds["unnamed"] = unnamed.getvalue()  # an IndexError once, in zipfile's is_dir
    central = seeds["unnamed"].index(b"PK\x01\x02")
    seeds["unnamed, encrypted"] = seeds["unnamed"][: central + 8] + b"\x01" + seeds["unnamed"][central + 9 :]
    seeds["empty"] = b"PK\x05\x06" + bytes(18)
    return seeds


SEEDS: Mapping[str, Callable[[], dict[str, bytes]]] = {
    "npy": _npy_seeds,
    "safetensors": _safetensors_seeds,
    "npz": _npz_seeds,
}
"""For each parser, the files to start from by what they are."""


def main(folder: Path) -> None:
    for parser, make in SEEDS.items():
        (folder / parser).mkdir(parents=True, exist_ok=True)
        for name, data in make().items():
            (folder / parser / f"seed {name}").write_bytes(data)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
