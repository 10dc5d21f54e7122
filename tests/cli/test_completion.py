"""`FILE::KEY` completes to the keys of the file, in every shell; never an error, never a wait."""

import os
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import pytest
from featfuse_cli import completion
from featfuse_cli.completion import complete_input, typed_word
from safetensors.numpy import save_file

from tests.support.amounts import slow_but

X = np.zeros((1, 2, 8, 8), np.float32)


@pytest.fixture(autouse=True)
def files(own_folder):
    with h5py.File("f.h5", "w") as file:
        for key in ("feat/l3", "feat/l10", "feat/l9", "head/kernel:0", "two words"):
            file[key] = X
        file["note"] = "no tensor"
    save_file({"l3": X, "l4": X.astype(np.float16)}, "s.safetensors")
    np.savez("z.npz", a=X, b=np.float64(3))
    np.save("one.npy", X)
    Path("rubbish.h5").write_bytes(b"no HDF5")
    Path("cut.safetensors").write_bytes(Path("s.safetensors").read_bytes()[:40])
    Path("folder.h5").mkdir()
    os.mkfifo("pipe.h5")
    shutil.copy("s.safetensors", "a::b.safetensors")


KEYS = {
    "f.h5::": ["f.h5::feat/l3", "f.h5::feat/l9", "f.h5::feat/l10", "f.h5::head/kernel:0"],
    "f.h5::feat/l1": ["f.h5::feat/l10"],
    "f.h5::/fe": ["f.h5::/feat/l3", "f.h5::/feat/l9", "f.h5::/feat/l10"],
    "./f.h5::h": ["./f.h5::head/kernel:0"],
    "f.h5::head/kernel:": ["f.h5::head/kernel:0"],
    "s.safetensors::": ["s.safetensors::l3", "s.safetensors::l4"],
    "1=s.safetensors::l4": ["1=s.safetensors::l4"],
    "z.npz::": ["z.npz::a", "z.npz::b"],
    "a::b.safetensors::l3": ["a::b.safetensors::l3"],
}
NO_KEYS = (
    *("f.h5::zzz", "one.npy::", "nowhere.h5::", "rubbish.h5::", "cut.safetensors::", "pipe.h5::"),
    *("folder.h5::", "::", "f.h5", "f.h5:", "", "a\0.h5::", "--mask"),
)


@pytest.mark.parametrize("typed", KEYS)
def test_keys_of_a_file(typed):
    assert [word for word, _ in complete_input(typed)] == KEYS[typed]


@pytest.mark.parametrize("typed", NO_KEYS)
def test_where_there_are_none(typed):
    assert complete_input(typed) == []


def test_each_key_has_its_shape():
    assert dict(complete_input("z.npz::")) == {"z.npz::a": "1x2x8x8 float32", "z.npz::b": "scalar float64"}


def test_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", str(Path.cwd()))
    assert [word for word, _ in complete_input("~/s.safetensors::l3")] == ["~/s.safetensors::l3"]


def test_a_file_that_takes_long_offers_nothing(monkeypatch):
    monkeypatch.setattr(completion, "_PATIENCE", 0.05)
    monkeypatch.setattr("featfuse.io.readers.open_input", lambda _path: time.sleep(10))
    started = time.monotonic()
    assert complete_input("f.h5::") == []
    assert time.monotonic() - started < 5


def test_thousands_of_keys(monkeypatch):
    save_file({f"k{number}": np.zeros(1, np.float32) for number in range(3000)}, "many.safetensors")
    offered = [word for word, _ in complete_input("many.safetensors::")]
    assert offered == [f"many.safetensors::k{number}" for number in range(1000)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        # as bash takes them apart, the last being typed; the whole word, and how much of it bash keeps
        (["fuse", "f.h5", "::", "fe"], ("f.h5::fe", 6)),
        (["fuse", "f.h5", "::"], ("f.h5::", 6)),
        (["fuse", "a.npy", "--mask", "f.h5", "::", "fe"], ("f.h5::fe", 6)),
        (["fuse", "--mask", "=", "f.h5", "::", "fe"], ("f.h5::fe", 6)),
        (["fuse", "f.h5", "::", "head/kernel", ":", "0"], ("f.h5::head/kernel:0", 18)),
        (["fuse", "'two words.h5'", "::", "fe"], ("two words.h5::fe", 14)),
        (["fuse", "a.npy", "b"], ("b", 0)),
        (["fuse", "a.npy", ""], ("", 0)),
        (["fuse", "f.h5::fe"], ("f.h5::fe", 0)),  # where : is taken out of COMP_WORDBREAKS
        (["fuse", "--offset", "H", ":", "3"], ("H:3", 2)),
    ],
)
def test_what_bash_takes_apart_is_put_together(words, expected):
    environ = {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)}
    assert typed_word(words[-1], environ) == expected


def test_other_shells_tell_whole_words():
    assert typed_word("f.h5::fe", {}) == ("f.h5::fe", 0)


LINES = [
    ("fuse f.h5::feat/l1", "f.h5", "feat/l10"),
    ("fuse run f.h5::feat/l1", "f.h5", "feat/l10"),
    ("fuse inspect one.npy f.h5::h", "f.h5", "head/kernel:0"),
    ("fuse one.npy --mask s.safetensors::l4", "s.safetensors", "l4"),
    ("fuse one.npy --like s.safetensors::l4", "s.safetensors", "l4"),
    ("fuse one.npy --kernel s.safetensors::l4", "s.safetensors", "l4"),
    ("fuse one.npy --project 1=s.safetensors::l4", "1=s.safetensors", "l4"),
    ("fuse batch one.npy --weights s.safetensors::l4", "s.safetensors", "l4"),
]


@pytest.mark.parametrize("tried", slow_but(LINES, LINES[0], LINES[6]), ids=lambda tried: tried[0])
def test_every_shell(shell, tried):
    line, path, key = tried
    zsh = shell("fuse", _FUSE_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS=line)
    assert f"{path}::{key}".replace(":", r"\\:") in zsh.stdout.decode()
    fish = {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    told = shell("fuse", _FUSE_COMPLETE="complete_fish", **fish).stdout.decode()
    assert told.split("\t")[0] == f"{path}::{key}"
    words = line.replace("=", "\n=\n").replace("::", "\n::\n").replace(" ", "\n").split("\n")
    told = shell(
        "fuse", _FUSE_COMPLETE="complete_bash", COMP_WORDS="\n".join(words), COMP_CWORD=str(len(words) - 1)
    )
    assert (told.stdout.decode(), told.stderr) == (f"{key}\n", b"")


@pytest.mark.parametrize(
    "typed", slow_but(["rubbish.h5::", "nowhere.h5::k", "pipe.h5::", "one.npy", "f.h"], "pipe.h5::")
)
def test_else_the_shell_offers_files(shell, typed):
    for args in (typed, f"one.npy {typed}"):
        result = shell("fuse", _FUSE_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS=f"fuse {args}")
        assert result.stderr == b""
        assert result.stdout == b"_files\n" or b"::" not in result.stdout


def type_in_bash(env, line):
    """What stands on the line of an interactive bash after TAB."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        ["bash", "--norc", "--noprofile", "-i"], stdin=theirs, stdout=theirs, stderr=theirs, env=env
    )
    os.close(theirs)
    script = 'eval "$(_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION=1 fuse --show-completion bash)"\n'
    os.write(ours, f"{script}{line}\t\x01: done \n".encode())
    os.write(ours, b"exit\n")
    seen = b""
    with suppress(OSError):
        while part := os.read(ours, 65536):
            seen += part
    os.close(ours)
    process.wait()
    return seen.decode()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_in_bash_itself(shell_env):
    for line, path, key in LINES[:4]:
        assert f"{path}::{key}" in type_in_bash({**shell_env, "TERM": "dumb"}, line)
