"""`fuse inspect`: exit codes, suggestions that work when pasted into a shell, and what is in one file."""

import json
import resource
import shlex
import struct
from pathlib import Path

import h5py
import numpy as np
import pytest
from featfuse_cli.progress import ProgressBar

from tests.support.files import entry, header

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


# ----------------------------------------------------------------------------- what is in one file


@pytest.fixture
def layers():
    """layers.h5 with two layers, a text, and complex numbers; layers.npz with the layers alone."""
    values = {f"feat/layer{n}": np.full((n, 4), n / 2, np.float32) for n in (10, 2)}
    np.savez("layers.npz", **values)
    with h5py.File("layers.h5", "w") as file:
        for key, value in values.items():
            file[key] = value
        file["feat/layer2"].dims[0].label, file["feat/layer2"].dims[1].label = "height", "width"
        file["note"], file["wave"] = "a text", np.zeros(3, np.complex64)


def rows_of(result):
    """The words of each row of the table."""
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return [line.split() for line in result.stdout.splitlines()[2:-2]]


def test_one_file_is_listed_in_natural_order(fuse, layers):
    assert rows_of(fuse("inspect", "layers.npz")) == [
        ["feat/layer2", "2×4", "float32", "32", "bytes"],
        ["feat/layer10", "10×4", "float32", "160", "bytes"],
    ]
    listed = fuse("inspect", "layers.h5")
    assert rows_of(listed) == [
        ["feat/layer2", "2×4", "float32", "HW", "32", "bytes"],
        ["feat/layer10", "10×4", "float32", "160", "bytes"],
        ["note", "scalar", "?", "?", "unreadable:", "holds", "text"],
        [
            "wave",
            "3",
            "complex64",
            "24",
            "bytes",
            "unreadable:",
            "holds",
            "complex",
            "numbers",
            "(complex64)",
        ],
    ]
    assert listed.stdout.splitlines()[-1] == "layers.h5  4 tensors, 2 unreadable, 216 bytes"


def test_a_glob_filters_the_list(fuse, layers):
    found = fuse("inspect", "layers.h5::*/layer1*")
    assert [row[0] for row in rows_of(found)] == ["feat/layer10"]
    assert found.stdout.splitlines()[-1] == "layers.h5::*/layer1*  1 of 4 tensors, 160 bytes"
    missing = fuse("inspect", "layers.h5::*/stage*")
    assert (missing.exit_code, missing.stdout) == (4, "")
    assert "has no tensor '*/stage*'" in missing.stderr


def test_a_file_of_one_tensor_is_a_list_of_one(fuse, make_npy):
    make_npy("a.npy", (2, 3))
    np.save("c.npy", np.zeros(2, np.complex128))
    assert rows_of(fuse("inspect", "a.npy")) == [["a.npy", "2×3", "float32", "24", "bytes"]]
    assert rows_of(fuse("inspect", "c.npy"))[0][:3] == ["c.npy", "2", "complex128"]
    np.savez("none.npz")
    assert fuse("inspect", "none.npz").stdout == "none.npz  0 tensors, 0 bytes\n"


def test_an_option_of_a_fusion_makes_it_a_plan(fuse, make_npy):
    """As it was: what would become of one map."""
    make_npy("a.npy", (4, 4))
    for options in (["--method", "nearest", "--to", "8x8"], ["--layout", "HW"], ["-c", "add"]):
        result = fuse("inspect", "a.npy", *options)
        assert result.exit_code == 0
        assert "axis" in result.stdout
        assert "what would work:" in result.stdout


def test_the_list_as_json(fuse, layers):
    listed = fuse("inspect", "layers.h5", "--json")
    told = json.loads(listed.stdout)
    assert listed.exit_code == 0
    assert (told["schema"], told["command"], told["source"], told["held"]) == (1, "inspect", "layers.h5", 4)
    assert [row["key"] for row in told["tensors"]] == ["feat/layer2", "feat/layer10", "note", "wave"]
    assert told["tensors"][0]["layout_source"] == "dimension labels"
    assert fuse("inspect", "layers.h5", "-q").output == ""


def test_statistics(fuse, layers):
    rows = rows_of(fuse("inspect", "layers.npz", "--stats"))
    assert rows[1][5:] == ["5", "5", "5", "0", "0", "0", "0"]
    told = json.loads(fuse("inspect", "layers.h5", "--stats", "--json", "--memory", "4M").stdout)
    stats = [row.get("stats") for row in told["tensors"]]
    assert stats[0] == {"min": 1.0, "max": 1.0, "mean": 1.0, "std": 0.0, "nan": 0, "inf": 0, "zeros": 0}
    assert stats[2:] == [None, None]


def test_statistics_of_several_inputs(fuse, layers, make_npy):
    make_npy("a.npy", (3, 5))
    result = fuse("inspect", "a.npy", "layers.h5::feat/*", "--stats")
    assert [row[0] for row in rows_of(result)] == [
        "a.npy",
        "layers.h5::feat/layer2",
        "layers.h5::feat/layer10",
    ]
    assert result.stdout.splitlines()[-1] == "3 tensors, 252 bytes"


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        ("--stats -m nearest", 2, "--stats and --method exclude each other"),
        ("--memory 1G", 2, "--memory is not used without --stats"),
        ("--stats --memory 5", 2, "--memory 5 bytes is too small"),
        ("--stats --json --quiet", 2, "--json and --quiet exclude each other"),
    ],
)
def test_what_does_not_go_with_statistics(fuse, make_npy, words, code, error):
    make_npy("a.npy", (3, 5))
    result = fuse("inspect", "a.npy", *words.split())
    assert (result.exit_code, result.stdout) == (code, "")
    assert error in result.stderr


def test_a_bar_shows_how_far_statistics_are(fuse, make_npy, monkeypatch):
    make_npy("a.npy", (3, 5))
    seen = []
    monkeypatch.setattr(ProgressBar, "update", lambda _, done, total: seen.append((done, total)))
    fuse("inspect", "a.npy", "--stats")
    assert seen == [(60, 60)]


def test_a_stream_is_listed_too(shell, make_npy):
    make_npy("a.npy", (3, 5))
    assert b"-        3\xc3\x975" in shell("fuse inspect - --stats < a.npy").stdout


def test_a_list_loads_little(loaded, layers):
    modules = loaded("inspect layers.npz")
    assert not modules & {"h5py", "rich.console", "rich.table", "ml_dtypes", "featfuse.report.suggest"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["h5", "safetensors"])
def test_very_many_tensors_are_listed_in_seconds(shell, kind):
    """20,000 datasets or 200,000 keys: 5 s where nothing else runs; processor time is counted here."""
    count = 20_000 if kind == "h5" else 200_000
    if kind == "h5":
        with h5py.File("x.h5", "w") as file:
            for number in range(count):
                file[f"layer{number}"] = np.float32(0)
    else:
        entries = {f"model.layers.{n}.weight": entry("F32", [2], 8 * n, 8 * n + 8) for n in range(count)}
        Path("x.safetensors").write_bytes(header(entries, bytes(8 * count)))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    listed = shell(f"fuse inspect x.{kind}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert listed.stdout.count(b"\n") == count + 4
    assert after.ru_utime - before.ru_utime < 15
