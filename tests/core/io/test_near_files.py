"""What may have been meant by a path where nothing is."""

import time
from pathlib import Path

import pytest
from featfuse.errors import InputError
from featfuse.io import near_files as module
from featfuse.io.near_files import near_files, near_folders
from featfuse.io.readers import open_input


@pytest.fixture(autouse=True)
def files(in_tmp_path: None) -> None:
    names = (
        "stage2.npy",
        "stage3.npy",
        "Upper.npy",
        "both.npy",
        "both.npz",
        "notes.txt",
        "a/x.npy",
        "maps/1.npy",
    )
    for name in names:
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(b"")


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("stge2.npy", ["stage2.npy"]),
        ("./stge2.npy", ["./stage2.npy"]),
        ("stage.npy", ["stage3.npy", "stage2.npy"]),
        ("stage2.h5", ["stage2.npy"]),  # the same name under another suffix
        ("stage2", ["stage2.npy"]),
        ("upper.npy", ["Upper.npy"]),
        ("bth.npy", ["both.npy", "both.npz"]),
        ("notse.txt", []),  # no tensor file
        ("zzz.npy", []),
        ("a/y.npy", []),
        ("a/X.npy", ["a/x.npy"]),
        ("mapz/1.npy", ["maps/1.npy"]),  # the folder is missing
        ("mapz/2.npy", []),
        ("none/of/these/1.npy", []),
        ("", []),
        ("a\0b.npy", []),
    ],
)
def test_files(path: str, near: list[str]) -> None:
    found = near_files(path)
    assert sorted(found) == sorted(near)
    assert found[:1] == near[:1] or path == "stage.npy"


@pytest.mark.parametrize(
    ("path", "near"), [("mapz", ["maps/"]), ("./mpas/", ["./maps/"]), ("both", []), ("x/y/z", [])]
)
def test_folders(path: str, near: list[str]) -> None:
    assert near_folders(path) == near


def test_a_missing_input_names_what_is_near() -> None:
    with pytest.raises(InputError) as caught:
        open_input("stge2.npy")
    assert caught.value.lines == ["stge2.npy: no such file", "Did you mean stage2.npy?"]


def test_a_large_folder_is_not_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOKED_AT", 5)
    for number in range(50):
        Path(f"a/frame_{number:04}.npy").write_bytes(b"")
    assert len(module._entries("a")) == 5


def test_a_folder_of_thousands_takes_no_time() -> None:
    for number in range(6000):
        Path(f"a/frame_{number:06}_features.npy").touch()
    started = time.perf_counter()
    assert len(near_files("a/frme_000100_features.npy")) <= 3
    assert time.perf_counter() - started < 3
