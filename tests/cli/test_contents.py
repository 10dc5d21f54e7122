"""The list of a file's tensors: whole lines in a pipe, broken by name on a narrow terminal, JSON."""

import io
import json
import os

import pytest
from featfuse.engine.statistics import Statistics
from featfuse.report.contents import Contents, TensorRow
from featfuse_cli.contents import print_contents
from rich.cells import cell_len

STATS = Statistics(0.0, 1.0, 0.5, 0.25, 1, 2, 3)


def contents(*keys, **more):
    rows = [
        TensorRow(f"x.h5::{key}", "x.h5", key, "hdf5", (2, 3), "float32", bytes=24, **more) for key in keys
    ]
    return Contents(rows, "x.h5", len(rows))


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self):
        return True


def on_terminal(monkeypatch, what, columns):
    stream = Terminal()
    monkeypatch.setattr("sys.stdout", stream)
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((columns, 24)))
    print_contents(what)
    return stream.getvalue()


def test_a_pipe_gets_a_line_for_each_tensor(capsys):
    print_contents(contents("a", "特徴", "k" * 100, stats=STATS))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 3 + 2
    assert lines[1] == "─" * cell_len(lines[1])
    shapes = [line[: line.index("2×3")] for line in lines[2:5]]
    assert {cell_len(before) for before in shapes} == {103}
    assert lines[3].startswith("特徴 ")
    assert lines[-1] == "x.h5  3 tensors, 72 bytes"
    assert all(line == line.rstrip() for line in lines)


def test_a_wide_terminal_gets_the_same_with_bold_headings(monkeypatch):
    text = on_terminal(monkeypatch, contents("a", "b"), 80)
    assert text.startswith("\x1b[1mkey")
    assert text.count("\n") == 2 + 2 + 2
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in on_terminal(monkeypatch, contents("a", "b"), 80)


def test_a_terminal_that_can_do_nothing_gets_neither_colours_nor_unicode(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    text = on_terminal(monkeypatch, contents("a", "b"), 80)
    assert "\x1b" not in text
    assert text.isascii()


def test_on_a_narrow_terminal_a_name_has_its_own_line(monkeypatch):
    text = on_terminal(monkeypatch, contents("a.long/key.0", "b", stats=STATS, layout="HW"), 60)
    assert text.splitlines() == [
        "a.long/key.0",
        "  2×3, float32, HW, 24 bytes",
        "  min 0, max 1, mean 0.5, std 0.25, nan 1, inf 2, zeros 3",
        "b",
        "  2×3, float32, HW, 24 bytes",
        "  min 0, max 1, mean 0.5, std 0.25, nan 1, inf 2, zeros 3",
        "",
        "x.h5  2 tensors, 48 bytes",
    ]


def test_nothing_is_told_in_one_line(capsys):
    print_contents(Contents([], "x.npz", 0))
    assert capsys.readouterr().out == "x.npz  0 tensors, 0 bytes\n"


def test_without_unicode_columns_stay_in_line(monkeypatch):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", errors="backslashreplace")
    monkeypatch.setattr("sys.stdout", stream)
    print_contents(contents("a", "k" * 300, "é"))
    stream.flush()
    lines = raw.getvalue().decode().splitlines()
    assert lines[1] == "-" * len(lines[1])
    assert len({line.index("2x3") for line in lines[2:5]}) == 1
    assert "kk...kk" in lines[3]
    assert lines[4].startswith("\\xe9 ")


@pytest.mark.parametrize("key", ["\x1b[31mred", "k\nerror: forged", "a\u202eb"])
def test_keys_are_shown_as_escapes(capsys, key):
    print_contents(contents(key))
    text = capsys.readouterr().out
    assert text.count("\n") == 5
    assert text.replace("\n", "").isprintable()
    assert key.encode("unicode_escape").decode() in text


def test_json(capsys, monkeypatch):
    what = contents("a", "é", stats=STATS)
    print_contents(what, as_json=True)
    assert json.loads(capsys.readouterr().out) == json.loads(what.to_json())
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding="ascii", write_through=True))
    print_contents(what, as_json=True)
    assert json.loads(raw.getvalue()) == json.loads(what.to_json())
