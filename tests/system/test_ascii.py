"""Where there is no UTF-8, all that is printed is ASCII: whole, and its tables aligned."""

import json
import re

import numpy as np
import pytest

from tests.support.amounts import slow_but
from tests.support.commands import on_terminal

PLACES = {
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}
WIDE, LONG = "f\u00e9.npy", "a-name-that-is-much-too-long-for-any-column-of-a-table.npy"

LINES = {
    # what is run, and what its output says in ASCII
    "a report": (
        f"fuse {WIDE} b.npy -m bilinear --channels tile -o o.npy",
        ["x2 bilinear", "-> add ->", "tile x2"],
    ),
    "a stacked report": (
        f"fuse inspect {LONG} b.npy {WIDE} b.npy {LONG} -m bilinear --channels tile",
        ["x2 bil"],
    ),
    "sizes side by side": (f"fuse inspect {WIDE} b.npy", ["-> 1x4x8x8"]),
    "a refusal": (f"fuse {WIDE} b.npy", ["--method bilinear"]),
    "a question": ("fuse q.npy r.npy -m bilinear -c concat", ["x1.25 bilinear", "->"]),
    "no such file": ("fuse n\u00f6.npy", ["no such file"]),
    "no such option": ("fuse b.npy --m\u00ebthod", ["there is no option"]),
    "all methods": ("fuse methods", ["bilinear", "-----"]),
    "one method": ("fuse methods bicubic", ["-----"]),
    "help": ("fuse help run", ["--method NAME"]),
    "a batch": ("fuse batch x/ y/ --out out/ -m nearest --layout CHW", ["items: 2 done, 1 failed"]),
    "a planned batch": (
        "fuse batch x/ y/ --out out/ -m nearest --layout CHW --dry-run",
        ["2x8x8 float32", "-----"],
    ),
}


@pytest.fixture(autouse=True)
def files(in_tmp_path, make_npy):
    make_npy(WIDE, (1, 4, 8, 8))
    make_npy(LONG, (1, 4, 8, 8))
    make_npy("b.npy", (1, 2, 4, 4))
    make_npy("q.npy", (1, 20, 30, 40))
    make_npy("r.npy", (1, 25, 35, 45))
    for name in ("\u00e9", "b", "\u4e0d"):
        make_npy(f"x/{name}.npy", (2, 8, 8))
        make_npy(f"y/{name}.npy", (2, 4, 4) if name != "b" else (3, 4, 4))


def table_widths(text):
    """Of each table: how wide its lines are, the rule and what stands around it up to an empty line."""
    lines = text.splitlines()
    for place, line in enumerate(lines):
        if re.fullmatch(r"-{20,}", line):
            end = next((at for at in range(place, len(lines)) if not lines[at]), len(lines))
            yield [len(row) for row in lines[place - 1 : end]]


@pytest.mark.parametrize("place", slow_but(PLACES, "ascii"))
@pytest.mark.parametrize("kind", slow_but(LINES, "a report", "a batch", "one method"))
def test_all_that_is_printed_is_ascii(shell, kind, place):
    line, words = LINES[kind]
    said = shell(line, **PLACES[place])
    text = (said.stdout + said.stderr).decode("ascii")
    assert "Traceback" not in text
    for word in words:
        assert word in text
    if line.startswith("fuse batch") or WIDE not in line:
        return
    assert re.search(r"f(\\xe9|\\udcc3\\udca9)\.npy", text)


@pytest.mark.parametrize("kind", ["a report", "a stacked report", "sizes side by side", "one method"])
def test_tables_are_aligned(shell, kind):
    text = shell(LINES[kind][0], PYTHONIOENCODING="ascii").stdout.decode()
    widths = list(table_widths(text))
    assert widths
    assert all(len(set(table)) == 1 for table in widths), text


BROKEN = ("a stacked report", "a batch", "a planned batch")
"""Wider words break lines elsewhere, or items end in any order."""


def in_ascii(text):
    """The words of what is printed in UTF-8, as ASCII spells them."""
    text = text.replace("\u00d7", "x").replace("\u2192", "->")
    text = "".join(char if char.isascii() or char == "\u2500" else ascii(char)[1:-1] for char in text)
    return re.sub(r"[\u2500-]{5,}|\d+\.\d+ s", "", text).split()


@pytest.mark.parametrize("kind", slow_but([kind for kind in LINES if kind not in BROKEN], "a report"))
def test_nothing_is_missing(shell, kind):
    """The same words as with UTF-8."""
    line, _ = LINES[kind]
    full = shell(line, PYTHONIOENCODING="utf-8")
    plain = shell(f"{line} --force" if " -o " in line else line, PYTHONIOENCODING="ascii")
    for name in ("stdout", "stderr"):
        ours = re.sub(r"-{5,}|\d+\.\d+ s", "", getattr(plain, name).decode("ascii")).split()
        assert ours == in_ascii(getattr(full, name).decode())


def test_json_stays_json(shell):
    said = shell(f"fuse inspect {WIDE} b.npy --json", PYTHONIOENCODING="ascii")
    assert json.loads(said.stdout.decode("ascii"))["inputs"][0]["name"] == WIDE
    said = shell("fuse batch x/ y/ --out out/ -m nearest --layout CHW --json", PYTHONIOENCODING="ascii")
    assert json.loads(said.stdout.decode("ascii"))["failed"] == 1


def test_a_terminal_that_can_do_nothing(shell_env):
    """No colours, no line painted anew, ASCII; with UTF-8, too."""
    for line in (LINES["a report"][0], f"fuse inspect {WIDE} none.npy", "fuse methods", "fuse help batch"):
        env = {**shell_env, "TERM": "dumb", "PYTHONIOENCODING": "utf-8"}
        seen = on_terminal(env, *line.split()[1:])
        assert b"\x1b" not in seen
        assert seen.isascii()
        assert b"x2 bil" in seen or b"no such file" in seen or b"batch" in seen or b"pad" in seen


def test_colours_on_another_terminal(shell_env):
    seen = on_terminal({**shell_env, "TERM": "xterm"}, *LINES["a report"][0].split()[1:])
    assert b"\x1b[" in seen
    assert "×2 bilinear".encode() in seen
    assert np.load("o.npy").shape == (1, 4, 8, 8)
