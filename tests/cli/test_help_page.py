"""--help: whole at any width, what people need first comes first, and every option is there."""

import fcntl
import os
import re
import struct
import subprocess
import termios

import pytest
from featfuse.request.table import OPTIONS
from featfuse_cli.app import app
from featfuse_cli.help_page import MOST_USED, help_page, option_words
from typer.main import get_command

COMMANDS = get_command(app).commands
NAMES = {"help_option_names": ["-h", "--help"]}
WIDTHS = (40, 60, 80, 100)


def page(name, width):
    command = COMMANDS[name]
    with command.make_context(f"fuse {name}", [], resilient_parsing=True, **NAMES) as ctx:
        return [line for line, _ in help_page(command, ctx, width)]


def titles(lines):
    return [line.removesuffix(":") for line in lines if re.fullmatch(r"\S.*:", line)]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", list(COMMANDS))
def test_a_page_fits_is_ascii_and_cuts_nothing(name, width):
    lines = page(name, width)
    words = " ".join(" ".join(lines).replace(" \\", "").split())
    assert max(map(len, lines)) <= width
    assert "".join(lines).isascii()
    for param in COMMANDS[name].params:
        assert option_words(param).strip() in words if param.param_type_name == "option" else param.metavar
        assert " ".join(param.help.split()) in words, param.name


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["run", "batch", "inspect"])
def test_texts_have_room(name, width):
    """No column of a few letters: most lines of a text are filled by more than half of the width."""
    lines = [line for line in page(name, width) if line.startswith(" " * 6)]
    longest = max(len(line.strip()) for line in lines)
    assert longest > width / 2


@pytest.mark.parametrize("name", ["run", "batch"])
def test_what_people_need_first_comes_first(name):
    lines = page(name, 80)
    assert titles(lines)[:2] == ["Arguments", MOST_USED]
    start = lines.index(f"{MOST_USED}:")
    panel = "\n".join(lines[start : lines.index("", start)])
    for flag in ("--method", "--to", "--layout", "--combine", "--channels", "--out", "--force", "--dry-run"):
        assert f"{flag} " in panel
    assert f"{MOST_USED}:" not in lines[start + 1 :]


def test_all_else_stands_in_its_panel():
    lines = page("run", 80)
    for row in OPTIONS.values():
        start = lines.index(f"{MOST_USED if row.first else row.panel}:")
        panel = "\n".join(lines[start : lines.index("", start)])
        assert re.search(rf"--(\[no-\])?{row.flag[2:]}\b", panel), row.name


def test_a_long_example_is_continued_so_that_it_can_be_pasted():
    lines = page("batch", 60)
    place = next(place for place, line in enumerate(lines) if line.endswith("\\"))
    assert lines[place : place + 2] == [
        r"  fuse batch stage2/ stage3/ --out fused/ \ "[:-1],
        "      --method bilinear",
    ]


def test_behind_a_pager_it_is_as_wide_as_the_terminal_still_is(shell_env):
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    piped = subprocess.run(
        ["fuse", "run", "--help"], stdout=subprocess.PIPE, stderr=theirs, env=shell_env, check=True
    )
    os.close(theirs)
    os.close(ours)
    assert piped.stdout.decode().splitlines() == page("run", 60)


@pytest.mark.parametrize(("columns", "widest"), [("60", 60), ("200", 100), ("10", 40)])
def test_the_terminal_s_width_is_taken(shell, columns, widest):
    printed = shell("fuse run --help", COLUMNS=columns).stdout.decode().splitlines()
    assert printed == page("run", widest)
