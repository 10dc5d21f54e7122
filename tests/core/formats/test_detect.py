"""Files by their first bytes: what they are called whatever their names."""

import gzip
import pickle
from pathlib import Path

import numpy as np
import pytest

from tests.support.amounts import slow_but
from tests.support.malformed import check_refused, load, saved, zipped

F4 = np.float32([1, 2]).tobytes()

GOOD = saved(np.zeros((3, 4), np.float32))

# ------------------------------------------------------------------- something else, often taken for a tensor

FOREIGN = {
    "empty": (b"", "is empty"),
    "git-LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
    "git-annex": (b"/annex/objects/SHA256E-s104--0123.npy\n", "git annex get"),
    "pickle 2": (pickle.dumps([1.0], 2), "pickle.*safetensors"),
    "pickle 5": (pickle.dumps([1.0], 5), "pickle.*safetensors"),
    "old torch": (b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.", "pickle.*safetensors"),
    "torch": (zipped({"archive/data.pkl": b"x", "archive/data/0": F4}), "PyTorch checkpoint.*safetensors"),
    "torch, bare": (zipped({"data.pkl": b"x"}), "PyTorch checkpoint.*safetensors"),
    "gzip": (gzip.compress(GOOD), "gzip.*gunzip"),
    "bzip2": (b"BZh91AY&SY", "bzip2"),
    "xz": (b"\xfd7zXZ\0\0\4", "with xz"),
    "zstd": (b"\x28\xb5\x2f\xfd\0\1", "Zstandard"),
    "tar": (b"a.npy" + bytes(252) + b"ustar\0" + bytes(300), "tar archive"),
    "html": (b"<!DOCTYPE html>\n<html><head><title>Sign in", "HTML page"),
    "html, bare": (b"\n  <html>\n", "HTML page"),
    "html, BOM": (b"\xef\xbb\xbf<HTML>", "HTML page"),
    "xml": (b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>', "XML"),
    "json": (b'{"message": "Not Found"}', "JSON"),
    "json list": (b"[[1, 2], [3, 4]]", "JSON"),
    "text": (b"1 2 3\n4 5 6\n", "plain text.*numpy.loadtxt"),
    "text, not ASCII": ("größe\n".encode() * 1000, "plain text"),
    "matlab": (b"MATLAB 5.0 MAT-file, Platform: GLNXA64" + bytes(100), "MATLAB.*-v7.3"),
    "png": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "PNG"),
    "jpeg": (b"\xff\xd8\xff\xe0\0\x10JFIF", "JPEG"),
    "tiff": (b"II*\0\x08\0\0\0", "TIFF"),
    "netcdf": (b"CDF\1\0\0\0\0", "netCDF"),
    "nifti": (bytes([92, 1]) + bytes(342) + b"n+1\0" + bytes(9), "NIfTI"),
    "zip of texts": (zipped({"readme.txt": b"hello"}), "no numeric tensor.*readme.txt"),
    "npz cut": (zipped({"a.npy": GOOD})[:-30], "not a readable .npz: truncated"),
}


@pytest.mark.parametrize("suffix", slow_but([".npy", ".h5", ".safetensors", ".pt"], ".npy"))
@pytest.mark.parametrize("case", FOREIGN)
def test_other_files_are_called_what_they_are(tmp_path: Path, case: str, suffix: str) -> None:
    data, words = FOREIGN[case]
    path = tmp_path / f"x{suffix}"
    path.write_bytes(data)
    check_refused(path, f"(?s){words}")


@pytest.mark.parametrize("suffix", [".npz", ".h5", ".safetensors", ".bin"])
def test_a_npy_of_another_name_is_read(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"x{suffix}").write_bytes(GOOD)
    assert load(tmp_path / f"x{suffix}").shape == (3, 4)


def test_a_damaged_file_of_another_name_is_called_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(GOOD[:-1])
    check_refused(path, r"truncated[\s\S]*it is a \.npy file, named \.npz")
