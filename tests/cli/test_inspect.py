"""`fuse inspect`: exit codes, and suggestions that work when pasted into a shell."""

import json
import shlex
import struct
from pathlib import Path

import numpy as np
import pytest

CASES = {
    "channels and space": ((1, 64, 64, 32), (1, 32, 32, 16)),
    "space": ((1, 64, 64, 32), (1, 60, 60, 32)),
    "channels": ((1, 64, 64, 32), (1, 64, 64, 16)),
    "NCHW": ((1, 32, 24, 20), (1, 32, 12, 10)),
    "odd": ((1, 8, 107, 160), (1, 8, 54, 80)),
    "volume": ((1, 8, 8, 8, 4), (1, 4, 4, 4, 4)),
    "CHW": ((3, 10, 10), (3, 5, 5)),
    "maps": ((10, 12), (5, 6)),
    "lines": ((40,), (20,)),
}


@pytest.mark.parametrize(
    ("shapes", "code", "word"),
    [
        (((1, 8, 8, 4), (1, 8, 8, 4)), 0, "identical"),
        (((1, 8, 8, 4), (8, 8, 1)), 0, "broadcast"),
        (((1, 8, 8, 4), (1, 1, 1, 4)), 0, "broadcast"),
        (((1, 8, 8, 4), (1, 4, 4, 4)), 3, "mismatch"),
        (((1, 8, 8, 4), (1, 8, 8, 2)), 3, "mismatch"),
        (((2, 8, 8, 4), (3, 8, 8, 4)), 3, "mismatch"),
        (((1, 8, 8, 4),), 0, "identical"),
    ],
)
def test_as_they_are(fuse, make_npy, shapes, code, word):
    names = [f"{index}.npy" for index in range(len(shapes))]
    for name, shape in zip(names, shapes, strict=True):
        make_npy(name, shape)
    result = fuse("inspect", *names, "--json")
    report = json.loads(result.stdout)
    assert (result.exit_code, report["compatibility"], report["command"]) == (code, word, "inspect")
    assert fuse("inspect", *names).exit_code == code
    quiet = fuse("inspect", *names, "--quiet")
    assert (quiet.exit_code, quiet.output) == (code, "")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ("--method bilinear", 3),
        ("--method bilinear --channels tile", 0),
        ("--method crop --combine concat", 0),
        ("--combine concat", 3),
        ("--channels tile", 3),
        ("--layout NHWC", 3),
        ("--dtype float64", 3),
    ],
)
def test_with_a_pipeline(fuse, make_npy, options, code):
    make_npy("a.npy", (1, 64, 64, 32))
    make_npy("b.npy", (1, 32, 32, 16))
    result = fuse("inspect", "a.npy", "b.npy", *options.split())
    assert result.exit_code == code, result.output
    assert result.stderr == ""


def test_a_pipeline_that_mends_the_channels_alone(fuse, make_npy):
    make_npy("a.npy", (1, 8, 8, 4))
    make_npy("b.npy", (1, 8, 8, 2))
    assert fuse("inspect", "a.npy", "b.npy", "--channels", "tile").exit_code == 0
    assert fuse("inspect", "a.npy", "b.npy", "-c", "concat").exit_code == 0


def test_a_layout_does_not_make_a_misfit_fit(fuse, make_npy):
    make_npy("a.npy", (1, 8, 8, 4))
    make_npy("b.npy", (1, 8, 8, 4))
    assert fuse("inspect", "a.npy", "b.npy", "--layout", "NHWC").exit_code == 0


def test_the_problem_is_shown_with_both_sizes(fuse, make_npy):
    make_npy("a.npy", (1, 64, 64, 32))
    make_npy("b.npy", (1, 60, 60, 32))
    text = fuse("inspect", "a.npy", "b.npy").stdout
    assert "64" in text
    assert "60" in text
    assert "what would work:" in text


def outcome_in_this_process(fuse, command):
    """Exit code and stderr of a command, its words taken as a shell takes them."""
    program, *words = shlex.split(command)
    assert program == "fuse"
    result = fuse(*words)
    return result.exit_code, result.stderr


@pytest.mark.parametrize("case", CASES)
def test_every_suggested_command_works_and_gives_the_promised_shape(fuse, make_npy, case):
    check_suggestions(fuse, make_npy, CASES[case], lambda command: outcome_in_this_process(fuse, command))


@pytest.mark.slow
def test_suggested_commands_work_when_pasted_into_a_shell(fuse, shell, make_npy):
    def paste(command):
        result = shell(command)
        return result.returncode, result.stderr.decode()

    check_suggestions(fuse, make_npy, CASES["channels and space"], paste)


def check_suggestions(fuse, make_npy, shapes, run):
    names = ("a.npy", "b c.npy")
    for name, shape in zip(names, shapes, strict=True):
        make_npy(name, shape)
    suggestions = json.loads(fuse("inspect", *names, "--json").stdout)["suggestions"]
    printed = fuse("inspect", *names).stdout.splitlines()
    assert suggestions
    for row in suggestions:
        assert f"  {row['command']}" in printed  # whole, on one line
        code, error = run(row["command"])
        assert (code, error) == (0, ""), row["command"]
        [written] = {*Path().iterdir()} - {Path(name) for name in names}
        assert list(np.load(written).shape) == row["output_shape"], row["command"]
        written.unlink()


@pytest.mark.parametrize("case", CASES)
def test_every_command_in_an_error_works(fuse, make_npy, case):
    for name, shape in zip(("a.npy", "b.npy"), CASES[case], strict=True):
        make_npy(name, shape)
    result = fuse("a.npy", "b.npy")
    assert result.exit_code == 3
    commands = [line.strip() for line in result.stderr.splitlines() if line.strip().startswith("fuse ")]
    assert commands
    for command in commands:
        assert outcome_in_this_process(fuse, command) == (0, ""), command
        Path("fused.npy").unlink()


def test_the_commands_in_an_error_keep_the_caller_s_output(fuse, make_npy):
    make_npy("a.npy", (1, 8, 8, 4))
    make_npy("b.npy", (1, 4, 4, 4))
    lines = fuse("a.npy", "b.npy", "-o", "my file.npy").stderr.splitlines()
    command = next(line.strip() for line in lines if line.strip().startswith("fuse "))
    assert outcome_in_this_process(fuse, command) == (0, "")
    assert Path("my file.npy").exists()


def test_suggestions_quote_names(fuse, make_npy):
    make_npy("a;b.npy", (1, 8, 8, 4))
    make_npy("c d.npy", (1, 4, 4, 4))
    report = json.loads(fuse("inspect", "a;b.npy", "c d.npy", "--json").stdout)
    for row in report["suggestions"]:
        assert {"a;b.npy", "c d.npy"} < set(shlex.split(row["command"]))


def test_only_headers_are_read(fuse):
    """100 GB that take no space: there are no numbers to read behind the header."""
    size = 100_000
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': (1, {size // 4}, {size}, 10)}}"
    header = header.ljust(118 - 1) + "\n"
    with Path("huge.npy").open("wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
        file.truncate(10 + len(header) + 4 * 10 * size * size // 4)
    result = fuse("inspect", "huge.npy", "huge.npy", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["inputs"][0]["shape"] == [1, 25_000, 100_000, 10]


def test_inspect_writes_nothing(fuse, make_npy):
    make_npy("a.npy", (1, 4, 4, 4))
    fuse("inspect", "a.npy", "a.npy", "--method", "bilinear")
    assert [path.name for path in Path().iterdir()] == ["a.npy"]


def test_run_time_options_are_refused(fuse, make_npy):
    make_npy("a.npy", (1, 4, 4, 4))
    for option in ("--out=x.npy", "--force", "--dry-run", "--threads=1"):
        result = fuse("inspect", "a.npy", option)
        assert result.exit_code == 2
        assert option.split("=")[0] in result.stderr
