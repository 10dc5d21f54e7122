"""Files that must be refused, one for each thing that a reader checks. Written into the folder we are in."""

import json
import os
import struct
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np

HEADERS = {
    "not-json": b"{oops",
    "not-object": b"[1, 2]",
    "not-utf8": b'{"\xff": 1}',
    "nested": b'{"a":' + b"[" * 100_000,
    "metadata": b'{"__metadata__": {"a": 1}}',
    "twice": b'{"a": 1, "a": 2}',
    "entry": b'{"a": {"dtype": "F32"}}',
    "dtype": b'{"a": {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]}}',
    "sizes": b'{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}',
    "large": b'{"a": {"dtype": "F32", "shape": [4611686018427387904, 9], "data_offsets": [0, 4]}}',
    "fit": b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}',
    "overlap": b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},'
    b' "b": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}',
    "hole": b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}',
    "short": b'{"a": {"dtype": "F32", "shape": [9], "data_offsets": [0, 36]}}',
    "long": b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}',
    "complex": b'{"a": {"dtype": "C64", "shape": [1], "data_offsets": [0, 8]}}',
    "none": b"{}",
}
"""Headers of .safetensors files, each with one fault; eight bytes of data follow."""

NPY_HEADERS = {
    "literal": "{'descr': oops}",
    "keys": "{'descr': '<f4', 'shape': (2,)}",
    "negative": "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }",
    "large": "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 9), }",
    "bools": "{'descr': '<f4', 'fortran_order': False, 'shape': (True, 2), }",
    "axes": "{'descr': '<f4', 'fortran_order': False, 'shape': (" + "1, " * 70 + "), }",
    "bfloat16": "{'descr': '<V2', 'fortran_order': False, 'shape': (4,), }",
}


def write_broken(a: np.ndarray[Any, Any]) -> None:
    """All of them; `a` is what they would hold, were they whole."""
    for name, head in HEADERS.items():
        _write(f"bad-{name}.safetensors", len(head).to_bytes(8, "little") + head + bytes(8))
    _write("bad-tiny.safetensors", b"abc")
    _write("bad-claims.safetensors", (1 << 40).to_bytes(8, "little") + b"{}")
    _write("bad-cut.safetensors", (5000).to_bytes(8, "little") + b"{}")
    for name, text in NPY_HEADERS.items():
        line = text.encode() + b"\n"
        _write(f"bad-{name}.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(line)) + line + bytes(8))
    whole = Path("a.npy").read_bytes()
    _write("bad-cut.npy", whole[:-100])
    _write("bad-long.npy", whole + b"more")
    _write("bad-version.npy", whole[:6] + b"\x09\x00" + whole[8:])
    _write("bad-empty.npy", b"")
    _write("bad-text.npy", b"not a tensor\n")
    _write("bad-lfs.npy", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n")
    _write("bad-html.npy", b"<!DOCTYPE html><html></html>")
    _write("bad-png.npy", b"\x89PNG\r\n\x1a\n" + bytes(20))
    _write("notes.txt", b"some words\n")
    for dtype in ("complex64", "datetime64[s]", "U3"):
        np.save(f"bad-{dtype[:4]}.npy", np.zeros(3, dtype))
    np.save("bad-records.npy", np.zeros(3, [("x", "f4"), ("y", "f4")]))
    np.save("bad-objects.npy", np.array([None]), allow_pickle=True)
    _archives(whole)
    _hdf5(a)
    os.mkfifo("pipe.npy")
    Path("folder.npy").mkdir()
    Path("nowhere.npy").symlink_to("absent.npy")
    Path("annexed.npy").symlink_to(".git/annex/objects/x/a.npy")
    _tables()


def _write(name: str, content: bytes) -> None:
    Path(name).write_bytes(content)


def _archives(whole: bytes) -> None:
    def archive(name: str, members: dict[str, bytes], kind: int = zipfile.ZIP_STORED) -> bytes:
        with zipfile.ZipFile(name, "w", kind) as file:
            for member, content in members.items():
                file.writestr(zipfile.ZipInfo(member), content, kind)
        return Path(name).read_bytes()

    good = archive("bad-bzip2.npz", {"a.npy": whole}, zipfile.ZIP_BZIP2)
    archive("bad-lzma.npz", {"a.npy": whole}, zipfile.ZIP_LZMA)
    good = archive("bad-none.npz", {"readme.txt": b"words"})
    good = archive("bad-cut.npz", {"a.npy": whole})
    _write("bad-cut.npz", good[:-60])
    _write("bad-sum.npz", good.replace(whole[-8:], bytes(8)))
    locked = bytearray(good)
    for signature, place in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        locked[locked.index(signature) + place] |= 1
    _write("bad-locked.npz", bytes(locked))
    archive("bad-torch.npz", {"archive/data.pkl": b"\x80\x02.", "archive/version": b"3\n"})
    archive("bad-member.npz", {"a.npy": b"no header"})
    head = b"\x93NUMPY\x01\x00"
    text = b"{'descr': '|u1', 'fortran_order': False, 'shape': (400000000,), }\n"
    bomb = head + struct.pack("<H", len(text)) + text + bytes(400_000)
    packed = archive("bad-bomb.npz", {"a.npy": bomb}, zipfile.ZIP_DEFLATED)
    size, claim = struct.pack("<I", len(bomb)), struct.pack("<I", 400_000_000)
    _write("bad-bomb.npz", packed.replace(size, claim))
    with zipfile.ZipFile("twice.npz", "w") as file:
        file.writestr(zipfile.ZipInfo("a.npy"), whole)
        file.fp.write(b"")
        file.filelist.append(file.filelist[0])
    _write("bad-text.npz", b"not an archive\n")


def _hdf5(a: np.ndarray[Any, Any]) -> None:
    with h5py.File("odd.h5", "w") as file:
        file["text"] = "words"
        file["complex"] = np.zeros((2, 2), "complex64")
        file["compound"] = np.zeros(3, [("x", "f4"), ("y", "f4")])
        file["good"] = a
        file["away"] = h5py.ExternalLink("groups.h5", "/feat/a")
        file["lost"] = h5py.SoftLink("/nothing")
        file.create_dataset("outside", (2, 2), "f4", external=[("a.npy", 0, 16)])
        file["empty"] = h5py.Empty("f4")
        file.create_dataset("unwritten", (1, 4, 10, 12), "f4", chunks=(1, 4, 5, 6))
    with h5py.File("bad-none.h5", "w") as file:
        file["text"] = "words"
        file.create_group("empty")
    with h5py.File("bad-chunk.h5", "w") as file:
        file.create_dataset("x", data=a, chunks=(1, 8, 8, 10), compression="gzip")
        place = file["x"].id.get_chunk_info(1)
    content = bytearray(Path("bad-chunk.h5").read_bytes())
    content[place.byte_offset + 20 : place.byte_offset + 60] = bytes(40)
    _write("bad-chunk.h5", bytes(content))
    with h5py.File("bad-fletcher.h5", "w") as file:
        file.create_dataset("x", data=a, chunks=(1, 8, 8, 10), fletcher32=True)
        place = file["x"].id.get_chunk_info(1)
    content = bytearray(Path("bad-fletcher.h5").read_bytes())
    content[place.byte_offset : place.byte_offset + 8] = bytes(8)
    _write("bad-fletcher.h5", bytes(content))
    _write("bad-cut.h5", Path("groups.h5").read_bytes()[:3000])
    _write("bad-text.h5", b"no HDF5\n")


def _tables() -> None:
    texts = {
        "no-out.csv": "a,b\nleft/1.npy,right/1.npy\n",
        "ragged.csv": "a,b,out\nleft/1.npy,o.npy\n",
        "quotes.csv": 'a,b,out\n"left/1.npy"x,right/1.npy,o.npy\n',
        "empty.csv": "a,b,out\n",
        "blank.csv": "a,b,out\n,,\nleft/1.npy,right/1.npy,\n",
        "no-out.jsonl": json.dumps({"inputs": ["left/1.npy"]}),
        "no-list.jsonl": json.dumps({"inputs": "left/1.npy", "out": "o.npy"}),
        "cut.jsonl": '{"inputs": ["left/1.npy"',
        "suffix.csv": "a,b,out\nleft/1.npy,right/1.npy,o.xyz\n",
    }
    for name, text in texts.items():
        Path(f"bad-{name}").write_text(text)
    _write("bad-utf8.csv", b"a,out\n\xff\xfe,o.npy\n")
