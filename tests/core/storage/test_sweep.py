"""What killed processes left behind is cleared, and nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from featfuse.storage.atomic import AtomicFile
from featfuse.storage.sweep import hidden_prefix, sweep

pytestmark = pytest.mark.usefixtures("in_tmp_path")


def names(folder="."):
    return sorted(path.name for path in Path(folder).iterdir())


def prefix(pid):
    """How the hidden names of that process begin."""
    return hidden_prefix("out.npy").replace(f".{os.getpid()}.", f".{pid}.")


@pytest.fixture
def dead():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_leftovers_of_the_dead_go(dead):
    Path(f"{prefix(dead)}0123abcd.tmp").touch()
    stage = Path(f"{prefix(dead)}ab_cd012.stage")
    stage.mkdir()
    (stage / "1.safetensors").touch()
    sweep(".")
    assert names() == []


def test_the_names_are_those_that_outputs_have(dead):
    file = AtomicFile("x.npy")
    name = file.temporary
    Path(name).rename(name.replace(str(os.getpid()), str(dead)))
    file.abort()
    sweep(".")
    assert names() == []


def test_everything_else_stays(dead):
    kept = [
        f"{prefix(os.getpid())}0123abcd.tmp",
        f"{prefix(os.getpid())}abcd0123.stage",
        f"{prefix(dead)[1:]}0123abcd.tmp",
        f"{prefix(dead)}backup.tmp",
        f"{prefix(dead)}0123abcd.npy",
        f".out.npy.00000000.{dead}.0123abcd.tmp",  # of another machine
        f".out.npy.{dead}.0123abcd.tmp",
        ".tmp",
        "out.npy",
    ]
    for name in kept:
        Path(name).touch()
    sweep(".")
    assert names() == sorted(kept)


def test_the_dead_that_nobody_has_asked_about(dead):
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it is a zombie now
    Path(f"{prefix(process.pid)}0123abcd.tmp").touch()
    sweep(".")
    process.wait()
    assert names() == []


def test_a_link_is_removed_and_not_followed(dead):
    Path("kept").mkdir()
    Path("kept/file").touch()
    Path(f"{prefix(dead)}abcd0123.stage").symlink_to("kept")
    sweep(".")
    assert names() == ["kept"]
    assert names("kept") == ["file"]


def test_a_folder_that_is_not_there():
    sweep("nowhere")
    assert not Path("nowhere").exists()
