"""What a user can get wrong: each with its exit code and the words that help."""

import shutil
from pathlib import Path

import h5py
import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file


@pytest.fixture(autouse=True)
def files(make_npy):
    """Inputs for every row below."""
    make_npy("a.npy", (1, 64, 64, 32))
    make_npy("half.npy", (1, 32, 32, 32))
    make_npy("c16.npy", (1, 64, 64, 16))
    make_npy("n2.npy", (2, 64, 64, 32))
    make_npy("n3.npy", (3, 64, 64, 32))
    make_npy("x.npy", (1, 20, 30, 40))
    make_npy("y.npy", (1, 25, 35, 45))
    Path("a.txt").write_text("1 2 3\n")
    shutil.copy("a.npy", "exists.npy")
    with h5py.File("two.h5", "w") as file:
        file["feat/l3"] = np.zeros((1, 64, 64, 32), np.float32)
        file["feat/l4"] = np.zeros((1, 32, 32, 32), np.float32)
    save_file({"bf": np.zeros((1, 64, 64, 32), ml_dtypes.bfloat16)}, "bf.safetensors")
    Path("cut.npy").write_bytes(Path("a.npy").read_bytes()[:1000])
    Path("text.npy").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n")


REFUSALS = [
    # the line, the exit code, the words that help
    ("missing.npy a.npy", 4, ["missing.npy"]),
    ("a.npy cut.npy", 4, ["cut.npy"]),
    ("a.npy text.npy", 4, ["text.npy", "git"]),
    ("a.npy two.h5::feat/l9", 4, ["two.h5", "feat/l9", "feat/l3", "64, 64, 32", "Did you mean feat/l"]),
    ("a.npy two.h5", 4, ["two.h5::feat/l3", "64, 64, 32", "feat/l4", "32, 32, 32"]),
    ("a.npy a.txt", 4, ["a.txt", ".npy", ".h5", ".safetensors"]),
    ("a.npy a.npy -o out.xyz", 2, ["out.xyz", ".npy", ".h5", ".safetensors"]),
    ("a.npy half.npy --method bilinaer", 2, ["bilinaer", "Did you mean bilinear?"]),
    ("a.npy half.npy --combine concta", 2, ["--combine", "concta", "Did you mean concat?"]),
    ("a.npy half.npy -m pad --pad-mode reflcet", 2, ["--pad-mode", "Did you mean reflect?"]),
    ("a.npy half.npy -m bilinear --dtype floa32", 2, ["floa32", "Did you mean float32?"]),
    (
        "a.npy half.npy -m bilinear --pad-value 1",
        2,
        ["--pad-value", "bilinear", "--method crop-or-pad"],
    ),
    ("a.npy half.npy -m crop --antialias", 2, ["--antialias", "crop", "bilinear"]),
    ("a.npy half.npy -m bilinear --to 3x", 2, ["--to", "3x"]),
    ("a.npy half.npy -m bilinear --weights 1,2,3", 2, ["--weights", "3", "2"]),
    ("x.npy y.npy -m bilinear", 3, ["NHWC", "NCHW", "--layout"]),
    ("a.npy half.npy", 3, ["a.npy", "half.npy", "64", "32", "--method"]),
    ("a.npy c16.npy", 3, ["c16.npy", "32", "16", "--channels tile", "concat"]),
    ("n2.npy n3.npy --layout NHWC", 3, ["n2.npy", "n3.npy", "batch", "2", "3"]),
    ("a.npy a.npy -o exists.npy", 1, ["exists.npy", "--force"]),
    ("bf.safetensors -o out.npy", 2, ["bfloat16", "--dtype float32", ".safetensors"]),
    ("a.npy -o nowhere/out.npy", 1, ["nowhere"]),
    ("a.npy a.npy --memory lots", 2, ["--memory", "lots"]),
    ("a.npy a.npy --memory 99999999999G", 2, ["--memory 99999999999G: more"]),
    ("a.npy a.npy --combine sum", 2, ["Did you mean add?"]),
    ("a.npy a.npy --combine average", 2, ["Did you mean mean?"]),
    ("a.npy -m nearest --to biggest", 2, ["biggest", "largest", "64x48"]),
    ("a.npy -m nearest --to 99999999999999999999x2", 2, ["larger than any file"]),
    ("half.npy a.npy -m pad --offset H:33", 3, ["half.npy", "axis H", "bring 32 to 64", "0 to 32"]),
    ("a.npy half.npy -m crop --offset H:33", 3, ["a.npy", "axis H", "bring 64 to 32", "0 to 32"]),
    ("a.npy half.npy -o exists.npy -f", 3, ["--method bilinear --out exists.npy --force\n"]),
    ("a.npy a.npy -o .", 1, [". is a directory"]),
    ("a.npy a.npy -o ./", 1, ["./ is a directory"]),
]


@pytest.mark.parametrize(("line", "code", "words"), REFUSALS, ids=[line for line, _, _ in REFUSALS])
def test_refusal(fuse, line, code, words):
    before = {path.name: path.stat().st_mtime_ns for path in Path().iterdir()}
    result = fuse(*line.split())
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr
    assert {path.name: path.stat().st_mtime_ns for path in Path().iterdir()} == before


def test_threads_must_be_positive(fuse):
    result = fuse("a.npy", "--threads", "0")
    assert result.exit_code == 2
    assert "--threads" in result.stderr


def test_force_replaces(fuse):
    result = fuse("a.npy", "a.npy", "-o", "exists.npy", "--force")
    assert result.exit_code == 0, result.stderr
    assert np.array_equal(np.load("exists.npy"), 2 * np.load("a.npy"))


def test_the_way_out_of_bf16_works(fuse):
    assert fuse("bf.safetensors", "-o", "out.npy", "--dtype", "float32").exit_code == 0
    assert np.load("out.npy").dtype == np.float32


def test_inspect_refuses_an_unreadable_input_the_same_way(fuse):
    result = fuse("inspect", "a.npy", "missing.npy")
    assert (result.exit_code, result.stdout) == (4, "")
    assert "missing.npy" in result.stderr


@pytest.mark.parametrize("line", ["fuse ''", "fuse a.npy '' -o new.npy", "fuse inspect '' a.npy"])
def test_an_empty_name(shell, line):
    result = shell(line)
    assert result.returncode == 4
    assert result.stderr.decode().splitlines()[0] == "error: an input's name is empty"
    assert not Path("new.npy").exists()


def test_an_empty_pipe(shell):
    result = shell("true | fuse - -o new.npy")
    assert result.returncode == 4
    assert result.stderr == b"error: - is empty (0 bytes)\nDid the command before the pipe fail?\n"
    assert not Path("new.npy").exists()
