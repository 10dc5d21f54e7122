"""Outputs that are inputs of the very run: refused without force, told and right with it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import featfuse
import h5py
import numpy as np
import pytest
from featfuse.errors import RunError
from safetensors.numpy import load_file, save_file

A = np.arange(2 * 8 * 8, dtype=np.float32).reshape(1, 2, 8, 8)
B = np.ones((1, 2, 4, 4), np.float32)
M = np.zeros((1, 1, 8, 8), np.float32)
HOW: dict[str, Any] = {"method": "nearest", "layout": "NCHW"}

SAME: dict[str, Callable[[], object]] = {
    # an output that is a.npy, and how it comes to be
    "a.npy": lambda: None,
    "./a.npy": lambda: None,
    "folder/../a.npy": lambda: Path("folder").mkdir(),
    "link.npy": lambda: Path("link.npy").symlink_to("a.npy"),
    "chain.npy": lambda: (Path("l.npy").symlink_to("a.npy"), Path("chain.npy").symlink_to("l.npy")),
    "other/a.npy": lambda: Path("other").symlink_to("."),
}


@pytest.fixture(autouse=True)
def files(in_tmp_path: None) -> None:
    np.save("a.npy", A)
    np.save("b.npy", B)
    np.save("m.npy", M)


def refusal(*inputs: Any, **options: Any) -> list[str]:
    with pytest.raises(RunError) as caught:
        featfuse.fuse(*inputs, **{**HOW, **options})
    return caught.value.lines


@pytest.mark.parametrize("out", SAME)
def test_a_file_under_any_name(out: str) -> None:
    SAME[out]()
    assert refusal("a.npy", "b.npy", out=out) == [
        f"{out} is input 1 of this very run",
        "force=True replaces it when the result is whole; or choose another name.",
    ]
    np.testing.assert_array_equal(np.load("a.npy"), A)
    report = featfuse.fuse("a.npy", "b.npy", out=out, force=True, **HOW)
    assert report.warnings == (f"{out} replaces input 1 of this very run",)
    assert f"warning: {out} replaces input 1 of this very run" in str(report)
    np.testing.assert_array_equal(np.load("a.npy"), A + 1)


def test_an_absolute_name() -> None:
    assert refusal("a.npy", "b.npy", out=str(Path("b.npy").resolve()))[0].endswith(
        "is input 2 of this very run"
    )


def test_a_hard_link() -> None:
    """Its own name only is given to the result: that, too, is told."""
    os.link("a.npy", "hard.npy")
    assert (
        refusal("a.npy", "b.npy", out="hard.npy")[0]
        == "hard.npy is the same file as input 1 of this very run"
    )
    report = featfuse.fuse("a.npy", "b.npy", out="hard.npy", force=True, **HOW)
    assert report.warnings == (
        "hard.npy is no longer the same file as input 1 of this very run, a.npy, which stays",
    )
    np.testing.assert_array_equal(np.load("hard.npy"), A + 1)
    np.testing.assert_array_equal(np.load("a.npy"), A)


@pytest.mark.parametrize(
    ("role", "options"),
    [
        ("`mask`", {"mask": "m.npy"}),
        ("`weights`", {"weights": "m.npy", "combine": "softmax"}),
        ("`like`", {"like": "m.npy"}),
        ("`kernel`", {"kernel": "m.npy", "reduce": "conv1x1"}),
        ("`bias`", {"kernel": "k.npy", "bias": "m.npy", "reduce": "conv1x1"}),
        ("`project`", {"project": "1=m.npy"}),
        ("input 2 and `mask`", {"mask": "m.npy", "second": "m.npy"}),
    ],
)
def test_what_stands_beside_the_inputs(role: str, options: dict[str, Any]) -> None:
    np.save("k.npy", np.ones((3, 2), np.float32))
    made = {"`weights`": np.ones((1, 2, 8, 8)), "`kernel`": np.ones((3, 2)), "`bias`": np.ones(3)}
    np.save("m.npy", made.get(role, np.eye(2) if role == "`project`" else M).astype(np.float32))
    options = {**HOW, **options}
    inputs = ("a.npy", options.pop("second", "b.npy"))
    wanted = featfuse.fuse(*inputs, **options)
    assert refusal(*inputs, out="m.npy", **options)[0] == f"m.npy is {role} of this very run"
    report = featfuse.fuse(*inputs, out="m.npy", force=True, **options)
    assert f"m.npy replaces {role} of this very run" in report.warnings
    np.testing.assert_array_equal(np.load("m.npy"), wanted)


def test_a_key_of_a_container() -> None:
    with h5py.File("x.h5", "w") as file:
        file["g/a"], file["b"] = A, B
    told = "is input 1 of this very run"
    assert refusal("x.h5::g/a", "x.h5::b", out="x.h5::/g/a")[0] == f"x.h5::/g/a {told}"
    assert featfuse.fuse("x.h5::g/a", "x.h5::b", out="x.h5::c", **HOW).warnings == ()  # it is only added to
    report = featfuse.fuse("x.h5::g/a", "x.h5::b", out="x.h5::g/a", force=True, **HOW)
    assert report.warnings == ("x.h5::g/a replaces input 1 of this very run",)
    with h5py.File("x.h5") as file:
        np.testing.assert_array_equal(file["g/a"][:], A + 1)
        np.testing.assert_array_equal(file["b"][:], B)


def test_a_whole_container() -> None:
    save_file({"a": A, "b": B, "other": B}, "x.safetensors")
    assert refusal("x.safetensors::a", "x.safetensors::b", out="x.safetensors") == [
        "x.safetensors is the file of input 1 and input 2 of this very run",
        "force=True replaces it with all it holds when the result is whole; or choose another name.",
    ]
    report = featfuse.fuse("x.safetensors::a", "x.safetensors::b", out="x.safetensors", force=True, **HOW)
    assert report.warnings == (
        "x.safetensors replaces the file of input 1 and input 2 of this very run, and all it held",
    )
    (fused,) = load_file("x.safetensors").values()
    np.testing.assert_array_equal(fused, A + 1)


def test_a_glob_counts_as_the_input_that_it_was() -> None:
    save_file({"l1": A, "l2": A}, "x.safetensors")
    assert refusal("b.npy", "x.safetensors::l*", out="x.safetensors::l2")[0] == (
        "x.safetensors::l2 is input 2 of this very run"
    )


def test_a_dry_run_tells() -> None:
    report = featfuse.fuse("a.npy", "b.npy", out="a.npy", dry_run=True, **HOW)
    assert report.warnings == ("a.npy replaces input 1 of this very run; it needs force=True",)
    report = featfuse.fuse("a.npy", "b.npy", out="a.npy", dry_run=True, force=True, **HOW)
    assert report.warnings == ("a.npy replaces input 1 of this very run",)
    np.testing.assert_array_equal(np.load("a.npy"), A)


def test_an_array_that_lies_in_the_file() -> None:
    """A mapped array keeps the old file, which is gone by name: the result is right, and so is the array."""
    mapped = np.load("a.npy", mmap_mode="r")
    assert refusal(mapped, B, out="a.npy")[0] == "a.npy is input 1 of this very run"
    report = featfuse.fuse(mapped, B, out="a.npy", force=True, **HOW)
    assert report.warnings == ("a.npy replaces input 1 of this very run",)
    np.testing.assert_array_equal(mapped, A)
    np.testing.assert_array_equal(np.load("a.npy"), A + 1)


@pytest.mark.parametrize("suffix", ["h5", "npz", "safetensors"])
def test_a_large_one_is_read_to_its_end_before_it_is_replaced(suffix: str) -> None:
    """More windows than one, in every format that is read in its own way."""
    x = np.random.default_rng(0).standard_normal((1, 8, 512, 512)).astype(np.float32)
    np.save("x.npy", x)
    featfuse.fuse("x.npy", out=f"x.{suffix}::x", layout="NCHW")
    wanted = featfuse.fuse("x.npy", "x.npy", layout="NCHW")
    report = featfuse.fuse(
        "x.npy", f"x.{suffix}::x", out=f"x.{suffix}::x", force=True, memory="4M", layout="NCHW"
    )
    assert report.warnings == (f"x.{suffix}::x replaces input 2 of this very run",)
    np.testing.assert_array_equal(featfuse.fuse(f"x.{suffix}::x"), wanted)


def test_what_goes_beside_the_output() -> None:
    options: dict[str, Any] = {"reduce": "conv1x1", "out_channels": 3}
    told = refusal("a.npy", "b.npy", out="o.npy", save_kernel="b.npy", **options)
    assert told[0] == "b.npy is input 2 of this very run"
    Path("o.npy.json").symlink_to("a.npy")
    assert refusal("a.npy", "b.npy", out="o.npy", sidecar=True)[0] == "o.npy.json is input 1 of this very run"
    assert not Path("o.npy").exists()
    with pytest.warns(featfuse.FeatfuseWarning, match="b.npy replaces input 2 of this very run"):
        featfuse.fuse("a.npy", "b.npy", save_kernel="b.npy", force=True, **HOW, **options)


@pytest.mark.parametrize("out", ["c.npy", "folder/a.npy", "copy.npy"])
def test_other_files_are_none_of_them(out: str) -> None:
    Path("folder").mkdir()
    Path("copy.npy").write_bytes(Path("a.npy").read_bytes())
    assert featfuse.fuse("a.npy", "b.npy", out=out, force=True, **HOW).warnings == ()
