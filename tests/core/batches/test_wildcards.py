"""Wildcards: the files that a shell would find, and patterns of them that work like a folder."""

from glob import glob
from pathlib import Path

import numpy as np
import pytest
from featfuse.batches.wildcards import files_that_match, folder_above
from featfuse.errors import InputError, UsageError
from featfuse.io.selection import is_glob

TREE = (
    *("a/1.npy", "a/2.npy", "a/10.h5", "a/notes.txt", "a/.hidden.npy", "a/.folder/x.npy", "a/[x].npy"),
    *("a/sub/1.npy", "a/sub/deep/2.npy", "a/sub.npy/3.npy", "b/1.npy", "top.npy"),
)


@pytest.fixture
def tree():
    for name in TREE:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


@pytest.mark.parametrize(
    "path",
    [
        *("a/*.npy", "a/?.npy", "a/[12].npy", "a/*", "*/1.npy", "*.npy", "*", "?/*.npy", "a/[[]x].npy"),
        *("a/**/*.npy", "**/*.npy", "a/**/1.npy", "a/*/**/*.npy", "**/sub/**/*.npy", "a/**", "a/.*.npy"),
        *("a/.*/*.npy", "./a/*.npy", "a/../a/*.npy", "none/*.npy", "a/*/*/*.npy", "a//*.npy", "a/1*.*"),
    ],
)
def test_files_are_those_of_pythons_own_glob(path, tree):
    known = glob(path, recursive=True)  # noqa: PTH207 (pathlib finds what is hidden, too)
    expected = {str(Path(name)) for name in known if Path(name).is_file()}
    found = list(files_that_match(path))
    assert {str(Path(name)) for name in found} == expected
    assert len(found) == len(expected), "each once"
    assert all(name.startswith(folder_above(path)) for name in found)


def test_an_absolute_path(tree):
    here = str(Path().resolve())
    assert list(files_that_match(f"{here}/a/?.npy")) == [f"{here}/a/1.npy", f"{here}/a/2.npy"]


def test_links_are_followed_where_a_part_names_them(tree):
    Path("a/linked").symlink_to(Path("b").resolve())
    Path("b/round").symlink_to(Path("b").resolve())
    assert list(files_that_match("a/l*/*.npy")) == ["a/linked/1.npy"]
    assert "a/linked/1.npy" not in list(files_that_match("a/**/*.npy")), "they may go in circles"
    assert list(files_that_match("b/**/*.npy")) == ["b/1.npy"]


@pytest.mark.parametrize(
    ("path", "above", "any_of_many"),
    [("a/*.npy", "a/", True), ("*.npy", "", True), ("/x/y?/z", "/x/", True), ("a/b.npy", "a/", False)],
)
def test_the_folder_above(path, above, any_of_many):
    assert folder_above(path) == above
    assert is_glob(path) is any_of_many


@pytest.mark.parametrize(
    ("first", "second", "names"),
    [
        ("a/*.npy", "b/*.npy", ["0", "1"]),
        ("a/*.npy", "b/", ["0", "1"]),
        ("a/", "b/*", ["0", "1"]),
        ("a/*.npy", "b/{name}.npy", ["0", "1"]),
        ("a/**/*.npy", "b/**/*.npy", ["0", "1", "sub/2"]),
        ("a/**/*.npy", "b", ["0", "1", "sub/2"]),
        ("a/[1-9].npy", "b/", ["1"]),
        ("a/*/?.npy", "b/*/?.npy", ["sub/2"]),
    ],
)
def test_they_work_like_a_folder(first, second, names, maps, run, fused):
    """A name is what stands below the folder above the first wildcard, without the suffix."""
    maps("a/{}.npy", ["0", "1", "sub/2"])
    maps("b/{}.npy", ["0", "1", "sub/2"], (2, 4, 4))
    done = run(first, second, out="o/")
    assert sorted(name for name, it in done.items() if it.status == "done") == names
    for name in names:
        assert np.array_equal(np.load(f"o/{name}.npy"), fused(f"a/{name}.npy", f"b/{name}.npy"))


def test_with_a_key_and_without_a_folder(maps, run):
    maps("{}.h5", ["x", "y"])
    maps("{}.npy", ["x"])
    Path("notes.txt").touch()
    assert sorted(run("*.h5::feat", out="o/", method="strict")) == ["x", "y"]
    assert list(run("*.npy", out="p/", method="strict")) == ["x"], "files of other kinds are passed over"


def test_a_folder_with_such_a_name_is_a_folder(maps, run):
    maps("L[3]/{}.npy", ["x"])
    assert list(run("L[3]", out="o/", method="strict")) == ["x"]


def test_what_the_shell_has_expanded(pairs, plan):
    pairs(2)
    with pytest.raises(UsageError, match=r"a/0\.npy: names a single file, not many") as caught:
        plan("a/0.npy", "a/1.npy", "b/0.npy", "b/1.npy", out="o/")
    assert "'a/*.npy'" in caught.value.hint


@pytest.mark.parametrize(
    ("pattern", "hint"), [("a/*.h5", "Look at the path"), ("*/{id}.npy", "write a field, like {run}")]
)
def test_nothing_matches(pattern, hint, pairs, plan):
    pairs(1)
    with pytest.raises(InputError, match="nothing matches") as caught:
        plan(pattern, out="o/{id}.npy" if "{id}" in pattern else "o/")
    assert hint in caught.value.hint
