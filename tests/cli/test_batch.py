"""`fuse batch`: options, summary, exit codes. What a batch does is tested beside the core."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.support.commands import on_terminal

OPTIONS = ("-m", "nearest", "--layout", "CHW")


def test_two_folders(batch, fuse, pairs):
    pairs(3)
    told = batch("a/", "b/", "--out", "o/", "--jobs", "1")
    assert told.exit_code == 0
    assert re.fullmatch(r"3 items: 3 done; 1\.5 KiB in \d+\.\d s\n", told.stdout)
    assert told.stderr == ""
    assert fuse("a/1.npy", "b/1.npy", *OPTIONS, "-o", "one.npy").exit_code == 0
    assert Path("one.npy").read_bytes() == Path("o/1.npy").read_bytes()


def test_a_resumed_batch(batch, pairs):
    pairs(3)
    batch("a/", "b/", "--out", "o/")
    Path("o/1.npy").unlink()
    told = batch("a/", "b/", "--out", "o/", "--resume")
    assert told.exit_code == 0
    assert told.stdout.startswith("3 items: 1 done, 2 skipped; 512 bytes in ")


def test_allow_missing(batch, pairs):
    pairs(2)
    Path("b/1.npy").unlink()
    told = batch("a/", "b/", "--out", "o/", "--allow-missing")
    assert told.exit_code == 0
    assert "2 items: 1 done, 1 missing" in told.stdout
    assert "missing: 1: no partner in b/: b/1.*" in told.stdout


def test_fail_fast(batch, fuse, pairs):
    Path("a").mkdir()
    for number in range(6):
        np.save(f"a/{number}.npy", np.full((2, 2), 200 if number == 1 else 1, np.uint8))
    told = fuse("batch", "a/", "a/{name}.npy", "--out", "o/", "--fail-fast", "--jobs", "1")
    assert told.exit_code == 5
    assert "6 items: 1 done, 1 failed, 4 not tried" in told.stdout
    assert "failed: 1: 4 of 4 values do not fit uint8" in told.stderr


def test_quiet(batch, pairs):
    pairs(2)
    Path("b/1.npy").unlink()
    told = batch("a/", "b/", "--out", "o/", "--quiet")
    assert told.exit_code == 5
    assert told.stdout == ""
    assert told.stderr == "failed: 1: no partner in b/: b/1.*\n"


def test_quiet_keeps_warnings(fuse, pairs):
    """Also on a dry run; -qq drops them, and keeps what failed."""
    pairs(3)
    Path("b/1.npy").unlink()
    line = (
        "batch",
        "a/",
        "b/",
        "-j1",
        "-m",
        "bilinear",
        "--to",
        "smallest",
        "--layout",
        "CHW",
        "--out",
        "o/",
    )
    warned = "warnings: 2, the first: a/0.npy shrinks without --antialias, detail will alias: H 8→4, W 8→4\n"
    failed = "failed: 1: no partner in b/: b/1.*\n"
    for words, stdout, stderr in (
        (("--dry-run", "-q"), "", warned),
        (("--dry-run", "-qq"), "", ""),
        (("-q",), "", warned + failed),
        (("-qq", "--force"), "", failed),
        (("--quiet", "--quiet", "--force"), "", failed),
    ):
        told = fuse(*line, *words)
        assert (told.exit_code, told.stdout, told.stderr) == (5, stdout, stderr)
    assert warned in fuse(*line, "--force").stdout
    assert warned in fuse(*line, "--dry-run", "--force").stdout


def test_a_dry_run_that_resumes(batch, pairs):
    pairs(2)
    batch("a/", "b/", "--out", "o/")
    Path("o/1.npy").unlink()
    told = batch("a/", "b/", "--out", "o/", "--resume", "--dry-run")
    assert told.exit_code == 0
    assert "1 skipped, 1 planned" in told.stdout
    assert "skipped: done before" in told.stdout
    assert not Path("o/1.npy").exists()


def test_existing_outputs(batch, pairs):
    pairs(2)
    batch("a/", "b/", "--out", "o/")
    for words in ((), ("--dry-run",)):
        told = batch("a/", "b/", "--out", "o/", *words)
        assert told.exit_code == 1
        assert told.stderr.startswith("error: 2 outputs exist already, the first is o/0.npy\n--resume does")
    assert batch("a/", "b/", "--out", "o/", "--force").exit_code == 0


def test_the_manifest_option(batch, pairs):
    pairs(1)
    batch("a/", "b/", "--out", "o/", "--manifest", "m.jsonl")
    assert json.loads(Path("m.jsonl").read_text())["status"] == "done"
    assert not Path("o/manifest.jsonl").exists()


def test_pairs_and_globs(batch, pairs):
    pairs(3)
    Path("p.csv").write_text("a,b,out\n" + "".join(f"a/{i}.npy,b/{i}.npy,x{i}.npy\n" for i in range(3)))
    told = batch("--pairs", "p.csv", "--out", "o", "--include", "x[01]*", "--exclude", "x1*")
    assert told.exit_code == 0
    assert sorted(path.name for path in Path("o").glob("*.npy")) == ["x0.npy"]


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("a/", "b/"), 2, "error: batch needs --out"),
        ((), 2, "error: batch needs a pattern"),
        (("a/", "b/", "--out", "o/", "--jobs", "0"), 2, "error: --jobs 0"),
        (("a/", "b/", "--out", "o/", "--json", "--quiet"), 2, "exclude each other"),
        (("a/", "b/", "--out", "o/", "--pad-value", "1"), 2, "--pad-value is not used"),
        (("nowhere/{id}.npy", "--out", "o/"), 4, "error: nowhere/{id}.npy: nothing matches"),
        (("a/", "b/", "--out", "a/"), 2, "is one of the inputs"),
        (("a/", "b/", "--out", "o/", "--pairs", "p.csv"), 2, "--pairs takes the place of patterns"),
        (("--pairs", "nowhere.csv"), 4, "--pairs nowhere.csv: no such file"),
    ],
)
def test_what_stops_the_whole_batch(words, code, text, batch, pairs):
    pairs(1)
    told = batch(*words)
    assert told.exit_code == code
    assert text in told.stderr
    assert "Traceback" not in told.stderr
    assert told.stdout == ""
    assert not Path("o").exists()


def test_a_proposed_command_is_ready_to_paste(shell, make_npy):
    for number in range(3):
        make_npy(f"rgb/0{number} it's_rgb.npy", (2, 8, 8))
        make_npy(f"depth/0{number} it's_depth.npy", (2, 4, 4))
    line = "fuse batch rgb/ depth/ -o o/ -m nearest --layout CHW -j 1 --quiet"
    told = shell(line)
    assert told.returncode == 4
    assert told.stdout == b""
    *_, hint, command = told.stderr.decode().splitlines()
    assert hint == "This matches all 3:"
    pasted = shell(command)
    assert pasted.returncode == 0, pasted.stderr
    assert sorted(path.name for path in Path("o").glob("*.npy")) == ["00.npy", "01.npy", "02.npy"]
    dry = shell(f"{line} --dry-run").stderr.decode().splitlines()
    assert dry[-1] == f"{command} --dry-run"


@pytest.mark.slow
def test_progress_on_a_terminal_only(pairs, shell, shell_env):
    pairs(30)
    command = "fuse batch a/ b/ --out {} -m nearest --layout CHW --jobs 1"
    words, env = command.split()[1:], shell_env | {"TERM": "xterm", "COLUMNS": "100"}
    shown = on_terminal(env, *[word.replace("{}", "o.h5::{name}") for word in words]).decode()
    assert "/30 items" in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert re.search(r" \d+/30 items, .* of 15 KiB, [\d.]+/s", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown))
    piped = shell(command.format("p/"))
    assert piped.stderr == b""
    assert b"\x1b" not in piped.stdout
    assert on_terminal(env, *command.format("p/").split()[1:], "--resume", "--quiet") == b""
    assert len(list(Path("p").glob("*.npy"))) == 30


def test_standard_input(pairs, shell):
    pairs(2)
    line = (
        'printf "a,b,out\\na/0.npy,b/0.npy,c.npy\\n" | fuse batch --pairs - --out o -m nearest --layout CHW'
    )
    assert shell(line).returncode == 0
    assert Path("o/c.npy").exists()
