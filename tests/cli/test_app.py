"""Which command a line runs, the help, completion, and what none of these may import."""

import re
from pathlib import Path

import pytest
from featfuse.request.table import OPTIONS
from featfuse.version import __version__
from featfuse_cli.app import app
from typer.main import get_command

COMMANDS = ("run", "inspect", "batch", "methods", "help")


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_version(fuse, flag):
    result = fuse(flag)
    assert (result.exit_code, result.stdout) == (0, f"featfuse {__version__}\n")


def test_bare_fuse_shows_help_as_a_usage_error(fuse):
    result = fuse()
    assert result.exit_code == 2
    assert "Usage: fuse [OPTIONS] INPUT... | COMMAND [ARGS]..." in result.output
    assert "inspect" in result.output


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_of_the_group(fuse, flag):
    result = fuse(flag)
    assert result.exit_code == 0
    assert all(re.search(rf"^  {name} +[A-Z]", result.stdout, re.MULTILINE) for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_fits_80_columns(fuse, command):
    result = fuse(command, "--help")
    assert result.exit_code == 0
    assert f"Usage: fuse {command}" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "…" not in result.stdout  # nothing is cut off


def test_help_of_the_main_command_shows_examples_whole(fuse):
    lines = [line.strip() for line in fuse("run", "--help").stdout.splitlines()]
    assert "fuse a.npy b.npy --method bilinear --channels tile" in lines
    assert "fuse a.npy b.npy --method pad --pad-mode reflect -o padded.npy" in lines
    assert "fuse a.npy b.h5::feat/l3 --combine concat -o joined.safetensors" in lines


def test_every_option_has_help():
    for command in get_command(app).commands.values():
        for param in command.params:
            assert param.help, f"{command.name} {param.name}"


@pytest.mark.parametrize(
    "args",
    [
        ("a.npy", "b.npy", "--method", "bilinear"),
        ("--method", "bilinear", "a.npy", "b.npy"),
        ("--method=bilinear", "a.npy", "b.npy"),
        ("-m", "bilinear", "a.npy", "b.npy"),
        ("a.npy", "--method", "bilinear", "b.npy"),
        ("run", "a.npy", "b.npy", "--method", "bilinear"),
    ],
)
def test_the_main_command_needs_no_name(fuse, make_npy, args):
    make_npy("a.npy", (1, 8, 8, 2))
    make_npy("b.npy", (1, 4, 4, 2))
    result = fuse(*args, "--dry-run")
    assert result.exit_code == 0, result.stderr
    assert "bilinear" in result.stdout


def test_help_after_an_input_is_the_main_command_s(fuse):
    assert "Usage: fuse run" in fuse("a.npy", "--help").stdout
    assert "Usage: fuse run" in fuse("--method", "pad", "--help").stdout


def test_a_file_that_bears_a_command_s_name(fuse, make_npy):
    make_npy("methods.npy", (2, 3))
    Path("methods.npy").rename("methods")
    assert "bilinear" in fuse("methods").stdout
    assert "strict" in fuse("./methods", "--out", "out.npy").stdout
    assert Path("out.npy").exists()


def test_a_misspelt_command_is_not_taken_for_a_file(fuse):
    result = fuse("inspct", "a.npy")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[1] == "Did you mean fuse inspect?"


@pytest.mark.parametrize(
    "line", ["--version", "--help", "run --help", "help batch", "run", "--threads x a", "a --nosuch"]
)
def test_no_heavy_import_for_help_version_and_usage_errors(shell, line):
    result = shell(f"fuse {line}", PYTHONPROFILEIMPORTTIME="1")
    loaded = {row.split("|")[-1].strip() for row in result.stderr.decode().splitlines() if "|" in row}
    assert "featfuse_cli.app" in loaded
    assert not loaded & {"numpy", "h5py", "safetensors", "ml_dtypes", "pydantic"}


def complete_bash(shell, line: str) -> list[str]:
    """What TAB offers at the end of `line`."""
    words = line.split(" ")
    result = shell(
        "fuse",
        _FUSE_COMPLETE="complete_bash",
        COMP_WORDS=line,
        COMP_CWORD=str(len(words) - 1),
        PYTHONPROFILEIMPORTTIME="1",
    )
    assert result.returncode == 0
    assert "numpy" not in {row.split("|")[-1].strip() for row in result.stderr.decode().splitlines()}
    return result.stdout.decode().split("\n")[:-1]


def test_first_word_completes_to_commands_and_files(shell, make_npy):
    make_npy("inside.npy", (1,))
    make_npy("folder/b.npy", (1,))
    make_npy("two words.npy", (1,))
    assert complete_bash(shell, "fuse ") == [*COMMANDS, "folder/", "inside.npy"]
    assert complete_bash(shell, "fuse in") == ["inspect", "inside.npy"]
    # nothing of ours begins so: the shell offers its own files, folders and all
    assert complete_bash(shell, "fuse folder/") == [""]


def test_first_word_completes_to_the_main_command_s_options(shell):
    offered = complete_bash(shell, "fuse --")
    assert {"--version", "--method", "--no-antialias", "--out"} <= set(offered)
    assert len(offered) == len(set(offered))
    assert complete_bash(shell, "fuse --comb") == ["--combine"]


@pytest.mark.parametrize("start", ["fuse --{} ", "fuse a.npy --{} ", "fuse inspect a.npy --{} "])
@pytest.mark.parametrize("name", ["combine", "pad_mode"])
def test_option_values_complete_from_the_tables(shell, start, name):
    offered = complete_bash(shell, start.format(name.replace("_", "-")))
    assert set(OPTIONS[name].chosen_from) <= set(offered)


def test_values_complete_by_their_beginning(shell):
    assert complete_bash(shell, "fuse --method bi") == ["bilinear", "bicubic"]
    assert complete_bash(shell, "fuse help in") == ["inspect"]
    assert complete_bash(shell, "fuse methods lanc") == ["lanczos3", "lanczos5"]


def test_files_complete_natively_after_the_first(shell, make_npy):
    make_npy("a.npy", (1,))
    assert complete_bash(shell, "fuse a.npy ") == [""]


@pytest.mark.parametrize("kind", ["bash", "zsh", "fish", "powershell"])
def test_completion_scripts(shell, kind):
    result = shell(f"fuse --show-completion {kind}", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert result.returncode == 0
    assert b"_FUSE_COMPLETE" in result.stdout


def test_zsh_gets_the_meaning_of_each_choice(shell):
    result = shell("fuse", _FUSE_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS="fuse --channels ti")
    assert b'"tile":"repeat the whole group' in result.stdout
