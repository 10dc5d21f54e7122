"""`fuse help`, and the other ways to ask."""

import pytest

COMMANDS = ("run", "inspect", "batch", "methods", "help")


def test_alone_it_is_the_group_s_page(fuse):
    assert fuse("help").stdout == fuse("--help").stdout
    assert "Commands:" in fuse("help").stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_of_a_command_it_is_its_page(fuse, command):
    asked = fuse("help", command)
    assert (asked.exit_code, asked.stdout) == (0, fuse(command, "--help").stdout)
    assert asked.stdout.startswith(f"Usage: fuse {command} [OPTIONS]")


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("inspct", "Did you mean inspect?"),
        ("pad", "fuse methods pad tells of it."),
        ("zzz", "Choose from: run, inspect, batch, methods, help."),
    ],
)
def test_of_what_is_no_command(fuse, word, hint):
    result = fuse("help", word)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[1] == hint
