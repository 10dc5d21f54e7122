"""Names that are links, devices, folders, very long, or made to mislead: of outputs, inputs and keys."""

import errno
import json
import os
import re
import shlex
import socket
import stat
from pathlib import Path

import h5py
import numpy as np
import pytest
from featfuse.io.address import Address

from tests.support.amounts import slow_but
from tests.support.commands import on_terminal

A = np.arange(2 * 8 * 8, dtype=np.float32).reshape(1, 2, 8, 8)
B = np.ones((1, 2, 4, 4), np.float32)
OPTIONS = ("-m", "nearest", "--layout", "NCHW")
FUSED = A + 1


@pytest.fixture
def maps(in_tmp_path):
    np.save("a.npy", A)
    np.save("b.npy", B)


def leftovers():
    return [path.name for path in Path().iterdir() if path.name.startswith(".") and path.suffix == ".tmp"]


ODD = {
    "space": "o ut.npy",
    "percent": "%s%n{0}{id}.npy",
    "tilde": "~.npy",
    "quotes": "o'u\"t`$HOME`.npy",
    "dots": "..out...npy",
    "composed": "\u00e9.npy",
    "decomposed": "e\u0301.npy",
    "emoji": "\U0001f600.npy",
    "right to left": "\u202egnp.npy",
    "not UTF-8": os.fsdecode(b"\xff\xfe.npy"),
    "newline": "out\nerror: forged.npy",
    "escape": "\x1b]0;owned\x07\x9b31m.npy",
    "markup": "[bold]x[red].npy",
    "longest": "x" * 251 + ".npy",
    "colons": "a::b.npy",
    "many colons": "a:::b::c::.npy",
    "dash": "-out.npy",
}


@pytest.mark.parametrize("kind", slow_but(ODD, "quotes", "newline", "not UTF-8"))
def test_odd_names_of_outputs_and_inputs(maps, shell, kind):
    """The file is there under that very name, and can be read again; nothing raw reaches a stream."""
    del maps
    name = ODD[kind]
    done = shell(shlex.join(["fuse", "a.npy", "b.npy", *OPTIONS, f"--out={name}"]))
    assert done.returncode == 0, done.stderr
    assert np.array_equal(np.load(f"./{name}"), FUSED)
    again = shell(shlex.join(["fuse", "inspect", "-m", "nearest", "--", name, "b.npy"]))
    assert again.returncode == 0, again.stderr
    for text in (done.stdout, done.stderr, again.stdout, again.stderr):
        assert not set(text) & {0x1B, 0x07, 0x9B}
        assert all(char.isprintable() or char == "\n" for char in text.decode())
        assert b"\nerror: forged" not in text
    assert leftovers() == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["escape", "newline", "markup", "right to left", "not UTF-8"])
def test_odd_names_on_a_terminal(maps, shell_env, kind):
    """Rich's own colours are all that a terminal is told to do."""
    del maps
    name = ODD[kind]
    Path(name).write_bytes(Path("a.npy").read_bytes())
    calls = [
        ("inspect", "-m", "nearest", name, "b.npy"),
        (name, "b.npy", *OPTIONS, "-o", f"o{name}"),
        (name, "b.npy", *OPTIONS, "-o", f"o{name}"),  # it exists now
        ("batch", "{id}.npy", "{id}.npy", "--out", "out/{id}.h5", "--dry-run"),
        ("batch", "{id}.npy", "{id}.npy", "--out", "out/{id}.h5", "-q"),
    ]
    for call in calls:
        seen = on_terminal(shell_env, *call)
        plain = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", seen)
        assert b"\x1b" not in plain
        assert b"\x07" not in plain
        assert not any(char in plain.decode() for char in "\u202e\x9b")
        assert b"\nerror: forged" not in plain
    assert b"[bold]x[red]" in on_terminal(shell_env, *calls[0]) or kind != "markup"


@pytest.mark.parametrize("name", ["missing\nerror: forged.npy", "missing\r\x1b[2Kerror: forged.npy"])
def test_a_name_forges_no_line(fuse, name):
    said = fuse(name, "other.npy")
    assert said.exit_code == 4
    assert said.stderr.count("\n") <= 2
    assert "\nerror: forged" not in said.stderr
    assert "\x1b" not in said.stderr


def test_a_key_forges_no_line(fuse):
    with h5py.File("x.h5", "w") as file:
        file["k\nerror: forged"] = A
        file["\x1b[31mred"] = A
    for arguments, code in ((("x.h5",), 4), (("inspect", "x.h5"), 0), (("inspect", "x.h5::none"), 4)):
        said = fuse(*arguments)
        assert said.exit_code == code
        assert "\nerror: forged" not in said.output
        assert "\x1b" not in said.output
        assert "\\x1b[31mred" in said.output


def test_a_batch_item_forges_no_line(fuse):
    Path("a").mkdir()
    Path("a/x\nfailed: forged.npy").write_bytes(b"nothing")
    said = fuse("batch", "a/{id}.npy", "a/{id}.npy", "--out", "o/{id}.npy")
    assert said.exit_code == 5
    assert "\nfailed: forged" not in said.stderr + said.stdout
    listed = json.loads(fuse("batch", "a/{id}.npy", "a/{id}.npy", "--out", "o/{id}.npy", "--json").stdout)
    assert listed["failures"][0]["id"] == "x\nfailed: forged"


LINKS = {
    "to a file": ("old.npy", 0),
    "to nothing": ("new.npy", 0),
    "into no folder": ("none/new.npy", 1),
    "to itself": ("out.npy", 1),
    "to a folder": ("folder", 1),
    "to a device": ("/dev/null", 1),
}


@pytest.mark.parametrize("kind", LINKS)
def test_outputs_that_are_links(maps, fuse, kind):
    del maps
    target, code = LINKS[kind]
    Path("folder").mkdir()
    Path("old.npy").write_bytes(b"old")
    Path("out.npy").symlink_to(target)
    done = fuse("a.npy", "b.npy", *OPTIONS, "-o", "out.npy", "-f", "-q")
    assert done.exit_code == code, done.stderr
    assert Path("out.npy").is_symlink()
    assert len(done.stderr.splitlines()) <= 2
    if not code:
        assert np.array_equal(np.load(target), FUSED)
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    assert leftovers() == []


def test_a_hard_link_keeps_the_other_name(maps, fuse):
    del maps
    Path("old.npy").write_bytes(b"old")
    os.link("old.npy", "out.npy")
    assert fuse("a.npy", "b.npy", *OPTIONS, "-o", "out.npy", "-f", "-q").exit_code == 0
    assert Path("old.npy").read_bytes() == b"old"
    assert np.array_equal(np.load("out.npy"), FUSED)


@pytest.mark.parametrize("kind", ["folder", "fifo", "socket"])
def test_what_is_no_file(maps, fuse, kind):
    """Neither read (a pipe without a writer would never end) nor replaced."""
    del maps
    if kind == "folder":
        Path("odd.npy").mkdir()
    elif kind == "fifo":
        os.mkfifo("odd.npy")
    else:
        with socket.socket(socket.AF_UNIX) as server:
            try:
                server.bind("odd.npy")
            except OSError as error:
                pytest.skip(os.strerror(error.errno or errno.EINVAL))
    before = os.lstat("odd.npy").st_mode
    written = fuse("a.npy", "b.npy", *OPTIONS, "-o", "odd.npy", "-f", "-q")
    read = fuse("odd.npy", "b.npy", *OPTIONS, "-o", "out.npy", "-q")
    assert (written.exit_code, read.exit_code) == (1, 4), (written.stderr, read.stderr)
    assert os.lstat("odd.npy").st_mode == before
    assert leftovers() == []


def test_a_device_is_not_read(maps, fuse):
    del maps
    done = fuse("/dev/zero", "b.npy", *OPTIONS, "-q")
    assert done.exit_code == 4
    assert "/dev/zero" in done.stderr


@pytest.mark.parametrize("spelling", ["a.npy", "./a.npy", "link.npy", "folder/../a.npy"])
def test_an_output_that_is_an_input(maps, fuse, spelling):
    """Refused without --force, right with it."""
    del maps
    Path("folder").mkdir()
    Path("link.npy").symlink_to("a.npy")
    assert fuse("a.npy", "b.npy", *OPTIONS, "-o", spelling, "-q").exit_code == 1
    assert np.array_equal(np.load("a.npy"), A)
    assert fuse("a.npy", "b.npy", *OPTIONS, "-o", spelling, "-q", "-f").exit_code == 0
    assert np.array_equal(np.load("a.npy"), FUSED)


def test_a_dataset_added_to_an_input(fuse):
    with h5py.File("x.h5", "w") as file:
        file["a"], file["b"] = A, B
    assert fuse("x.h5::a", "x.h5::b", *OPTIONS, "-o", "x.h5::a", "-q").exit_code == 1
    assert fuse("x.h5::a", "x.h5::b", *OPTIONS, "-o", "x.h5::c", "-q").exit_code == 0
    with h5py.File("x.h5") as file:
        assert sorted(file) == ["a", "b", "c"]
        assert np.array_equal(file["c"], FUSED)


def test_names_too_long_for_the_disk(maps, fuse):
    del maps
    for name in ("y" * 252 + ".npy", "d/" * 2100 + "x.npy"):
        done = fuse("a.npy", "b.npy", *OPTIONS, "-o", name, "-q")
        assert done.exit_code == 1
        assert len(done.stderr) < 6000
        assert fuse(name, "b.npy", "-q").exit_code == 4
    assert leftovers() == []


def test_a_nul_in_a_name(maps, fuse):
    del maps
    assert fuse("a\0.npy", "b.npy", "-q").exit_code == 4
    assert fuse("a.npy", "b.npy", *OPTIONS, "-o", "o\0.npy", "-q").exit_code in (1, 2)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("new::name.npy", ("new::name.npy", None)),
        ("new.npy::k.h5", ("new.npy", "k.h5")),
        ("x.H5::a::b.npy", ("x.H5", "a::b.npy")),
        ("a::b.h5::k", ("a::b.h5", "k")),
        ("data::key", ("data", "key")),
    ],
)
def test_where_the_path_ends(text, parts):
    assert Address.parse(text) == parts
