"""What was looked at is what is written to: links that appear meanwhile lead nobody anywhere."""

import os
from pathlib import Path

import pytest
from featfuse.errors import RunError
from featfuse.storage.atomic import AtomicFile
from featfuse.storage.lock import hold
from featfuse.storage.place import Place, make_folder, open_real_folder


@pytest.fixture(autouse=True)
def folders(in_tmp_path):
    del in_tmp_path
    Path("o/in").mkdir(parents=True)
    Path("elsewhere").mkdir()
    Path("elsewhere/precious").write_bytes(b"precious")


def root():
    return str(Path("o").resolve())


def untouched():
    return [path.name for path in Path("elsewhere").iterdir()] == ["precious"] and Path(
        "elsewhere/precious"
    ).read_bytes() == b"precious"


def swap(folder, target="elsewhere"):
    Path(folder).rename(f"{folder}-before")
    Path(folder).symlink_to(Path(target).resolve())


@pytest.mark.parametrize("replace", [True, False])
def test_a_folder_that_is_swapped_for_a_link(replace):
    file = AtomicFile("o/x.npy", replace=replace)
    file.write_at(0, b"new")
    swap("o")
    with pytest.raises(RunError, match=r"o/x\.npy: cannot be written") as caught:
        file.commit()
    assert caught.value.hint == "Its folder was there, and has been moved or removed meanwhile."
    assert untouched()
    assert [path.name for path in Path("o-before").iterdir()] == ["in"]


def test_the_working_folder_may_change_meanwhile(monkeypatch):
    file = AtomicFile("o/in/../x.npy", root=root())
    before = Path.cwd()
    monkeypatch.chdir("elsewhere")
    file.commit()
    monkeypatch.chdir(before)
    assert Path("o/x.npy").exists()
    assert untouched()


def test_what_is_removed_and_flushed_is_in_the_same_folder():
    file = AtomicFile("o/x.npy")
    swap("o")
    scratch = file.scratch()
    scratch.write_at(0, b"on its way")
    scratch.close()
    file.abort()
    assert [path.name for path in Path("o-before").iterdir()] == ["in"]
    assert untouched()


@pytest.mark.parametrize("replace", [True, False])
def test_a_link_that_is_planted_in_the_place_of_the_file(replace):
    file = AtomicFile("o/x.npy", replace=replace)
    file.write_at(0, b"new")
    Path("o/x.npy").symlink_to("../elsewhere/precious")
    if replace:
        file.commit()
        assert Path("o/x.npy").read_bytes() == b"new"
        assert not Path("o/x.npy").is_symlink()
    else:
        with pytest.raises(RunError, match="appeared"):
            file.commit()
    assert untouched()


def test_what_is_added_to_is_no_link():
    Path("o/x.npz").write_bytes(b"old")
    place = Place("o/x.npz")
    Path("o/x.npz").unlink()
    Path("o/x.npz").symlink_to("../elsewhere/precious")
    with pytest.raises(OSError, match="symbolic links"):
        place.open_source()
    with pytest.raises(RunError, match="not a regular file"):
        place.exists()
    assert place.state() is None
    place.close()


def test_own_links_are_followed_once():
    Path("o/x.npy").symlink_to("in/second.npy")
    Path("o/in/second.npy").symlink_to("../third.npy")
    file = AtomicFile("o/x.npy", root=root())
    Path("o/x.npy").unlink()
    Path("o/x.npy").symlink_to("../elsewhere/precious")
    file.commit()
    assert Path("o/third.npy").is_file()
    assert untouched()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give links away")
@pytest.mark.parametrize(
    ("owner", "followed"), [("its own", True), ("a stranger", False), ("the folder's", True)]
)
def test_links_of_others(owner, followed):
    Path("o/x.npy").symlink_to("in/target.npy")
    if owner != "its own":
        os.lchown("o/x.npy", 54321, -1)
    if owner == "the folder's":
        os.chown("o", 54321, -1)
    if followed:
        Place("o/x.npy").close()
    else:
        with pytest.raises(
            RunError, match=r"o/x\.npy is a link to in/target\.npy that another user"
        ) as caught:
            AtomicFile("o/x.npy", replace=True)
        assert caught.value.hint == "Name the file itself, or remove the link."


@pytest.mark.parametrize(
    "path", ["o/out/x.npy", "o/in/../../elsewhere/x.npy", "o/leaf.npy", "elsewhere/x.npy"]
)
def test_nothing_leaves_the_root(path):
    Path("o/out").symlink_to("../elsewhere")
    Path("o/leaf.npy").symlink_to("../elsewhere/x.npy")
    with pytest.raises(RunError, match=f"the output {path} leaves {root()}"):
        AtomicFile(path, replace=True, root=root())
    with hold([f"{path.removesuffix('npy')}h5"], root()):
        assert untouched(), "no lock, either"


@pytest.mark.parametrize("path", ["o/x.npy", "o/in/x.npy", "o/in/../x.npy", "o/link/x.npy", "./o/x.npy"])
def test_what_is_in_the_root(path):
    Path("o/link").symlink_to("in")
    AtomicFile(path, root=root()).commit()
    assert Path(path).exists()


def test_the_real_path_is_that_of_the_open_folder():
    with Place("o/in/x.npy") as place:
        assert place.real_path() == f"{root()}/in"
        swap("o/in")
        with pytest.raises(FileNotFoundError):
            place.real_path()


def test_a_root_that_is_a_link_by_now():
    top = root()
    swap("o")
    with pytest.raises(RunError, match="Not a directory"):
        AtomicFile("o/x.npy", root=top)
    with pytest.raises(NotADirectoryError):
        make_folder("o/deep", top)
    assert untouched()


def test_folders_are_made_where_they_belong():
    make_folder("o/in/a/b", root())
    with pytest.raises(FileNotFoundError):
        make_folder("new/a", str(Path("new").resolve()))
    os.close(open_real_folder(str(Path("new").resolve()), make=True))
    make_folder("new/a", str(Path("new").resolve()))
    make_folder(str(Path("abs/a").resolve()), None)
    assert all(Path(path).is_dir() for path in ("o/in/a/b", "new/a", "abs/a"))
    Path("o/out").symlink_to("../elsewhere")
    with pytest.raises(RunError, match="leaves"):
        make_folder("o/out/a", root())
    assert untouched()


def test_descriptors_are_given_back():
    def count():
        return len(list(Path("/proc/self/fd").iterdir()))

    if not Path("/proc/self/fd").exists():
        pytest.skip("needs /proc")
    Path("o/out").symlink_to("../elsewhere")
    Path("o/loop.npy").symlink_to("loop.npy")
    before = count()
    AtomicFile("o/x.npy", root=root()).commit()
    AtomicFile("o/y.npy").abort()
    os.close(open_real_folder(root()))
    make_folder("o/a/b/c", root())
    for path in ("o/out/x.npy", "o/loop.npy", "none/x.npy", "o/in"):
        with pytest.raises(RunError):
            AtomicFile(path, root=root())
    for path in ("o/out/a/b", "o/x.npy/a"):
        with pytest.raises((RunError, OSError)):
            make_folder(path, root())
    with hold(["o/k.h5", "o/in/k.h5", "none/k.h5"]):
        pass
    assert count() == before


def test_without_proc(monkeypatch):
    """Where a descriptor has no path, the folder's own is used."""
    file = AtomicFile("o/x.npy")
    monkeypatch.setattr(os.path, "exists", lambda _: False)
    monkeypatch.setattr(os.path, "isdir", lambda _: False)
    assert file.local_path() == f"{root()}/{file.temporary}"
    monkeypatch.undo()
    file.abort()
