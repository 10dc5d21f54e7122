"""The report as text: it fits, nothing is lost, and nothing in it is taken for markup."""

import io
import json

import pytest
from featfuse.report.shape_report import AxisRow, InputRow, OutputRow, ShapeReport, Suggestion
from featfuse_cli.render import print_report
from featfuse_cli.table import shorten
from featfuse_cli.terminal import print_with_rich
from featfuse_cli.text import visible
from rich.cells import cell_len


def report(names, *, action="×2 bilinear", **changes):
    count = len(names)
    sizes = (64,) + (32,) * (count - 1)
    actions = ("=",) + (action,) * (count - 1)
    values = {
        "command": "fuse",
        "compatibility": "mismatch",
        "inputs": tuple(
            InputRow(name, name, None, "npy", (1, size, size, 32), "float32", "NHWC", "inferred: square maps")
            for name, size in zip(names, sizes, strict=True)
        ),
        "axes": (
            AxisRow("N", (1,) * count, ("=",) * count, 1),
            AxisRow("H", sizes, actions, 64),
            AxisRow("W", sizes, actions, 64),
            AxisRow("C", (32,) * count, ("=",) * count, 32),
        ),
        "pipeline": {"method": "bilinear"},
        "output": OutputRow("fused.npy", None, "npy", (1, 64, 64, 32), "float32", "NHWC", 524288),
        "summary": "bilinear to the largest, add",
        "seconds": 0.12,
    }
    return ShapeReport(**(values | changes))


def text_of(capsys, *args, **kwargs):
    print_report(*args, **kwargs)
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "\x1b" not in captured.out
    return captured.out


def rows(text):
    return [line.split() for line in text.splitlines()]


def test_one_row_per_axis(capsys):
    lines = rows(text_of(capsys, report(["a.npy", "b.npy"])))
    assert ["axis", "a.npy", "b.npy", "output"] in lines
    assert ["H", "height", "64", "=", "32", "×2", "bilinear", "64"] in lines
    assert ["C", "channels", "32", "=", "32", "=", "32"] in lines


def test_text_above_and_below(capsys):
    whole = report(["a.npy", "b.npy"], warnings=("axis H shrinks without --antialias",))
    lines = [line.rstrip() for line in text_of(capsys, whole).splitlines()]
    assert lines[:2] == whole.head_lines()
    assert lines[-2:] == whole.foot_lines()
    assert lines[-1] == "warning: axis H shrinks without --antialias"


LONG = [f"runs/experiment_{i}/features/stage{i}.h5::backbone/block_{i}/attention/out" for i in range(16)]


@pytest.mark.parametrize("count", range(1, 17))
@pytest.mark.parametrize("action", ["×2 bilinear", "crop 1+2 then pad 13+14 linear_ramp"])
def test_table_fits_80_columns_and_shows_every_size(capsys, count, action):
    text = text_of(capsys, report(LONG[:count], action=action))
    table = [line for line in text.splitlines() if not line.startswith(("  fuse", "layout"))]
    assert max(cell_len(line) for line in table) <= 80
    height = text[text.index("H height") : text.index("W width")]
    assert height.split().count("32") == count - 1
    if count > 1:
        assert " ".join(height.split()).count(action.split()[0]) == count - 1


@pytest.mark.parametrize("names", [["a.npy"], ["a.npy", "名前.npy"], LONG[:2], LONG[:3], ["[x]", "\x1b[31m"]])
@pytest.mark.parametrize("note", ["", "dry run: nothing was written"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"axes": ()},
        {"summary": ""},
        {"problem": "no:\n  NHWC\n  NCHW", "output": None, "warnings": ("it is\tlong " * 20,)},
    ],
)
def test_a_pipe_gets_what_rich_would_print(capsys, names, note, changes):
    """Byte for byte, though most reports in a pipe are printed without loading Rich."""
    whole = report(names, **changes)
    text = text_of(capsys, whole, note=note)
    expected = io.StringIO()
    print_with_rich(whole, expected, note)
    assert text == expected.getvalue()


def test_many_inputs_get_a_row_each(capsys):
    lines = rows(text_of(capsys, report([f"layer{i}.npy" for i in range(16)])))
    assert ["N", "batch", "all", "16", "inputs", "1", "=", "1"] in lines
    assert ["H", "height", "layer0.npy", "64", "=", "64"] in lines
    assert lines.count(["layer15.npy", "32", "×2", "bilinear"]) == 2


def test_short_names_are_never_cut(capsys):
    assert "…" not in text_of(capsys, report(["a.npy", "b.npy", "c.npy"]))


def test_suggested_commands_stay_on_one_line(capsys):
    command = f"fuse {' '.join(LONG)} --method bilinear"
    text = text_of(capsys, report(LONG, suggestions=(Suggestion(command, (1, 64, 64, 32)),)))
    assert f"  {command}\n    -> 1×64×64×32\n" in text


def test_paths_stay_on_one_line(capsys):
    path = "/very" * 40 + "/fused.npy"
    output = OutputRow(path, None, "npy", (1,), "float32", None, 4)
    assert f"\n{path}  1 float32" in text_of(capsys, report(["a.npy"], output=output))


def test_markup_in_names_is_printed_as_it_is(capsys):
    text = text_of(
        capsys, report(["[red]x.npy", ":smile:[/].npy"], problem="[bold]no[/bold] [x]", output=None)
    )
    assert "[red]x.npy" in text
    assert ":smile:[/].npy" in text
    assert "[bold]no[/bold] [x]" in text


def test_control_characters_are_escaped(capsys):
    text = text_of(capsys, report(["a\x1b[31m.npy", "b\r\n\u202e.npy"], warnings=("in a\x1b]0;x\x07.npy",)))
    assert r"a\x1b[31m.npy" in text
    assert r"b\r\n\u202e.npy" in text
    assert r"warning: in a\x1b]0;x\x07.npy" in text


def test_problem_keeps_its_lines(capsys):
    text = text_of(capsys, report(["a.npy"], problem="two readings:\n  NHWC\n  NCHW", output=None))
    assert "two readings:\n  NHWC\n  NCHW\n" in text


def test_without_axes_there_is_no_table(capsys):
    assert "─" not in text_of(capsys, report(["a.npy"], axes=()))


def test_json_is_the_report_s_own(capsys):
    whole = report(["a.npy", "b.npy"])
    assert json.loads(text_of(capsys, whole, as_json=True)) == json.loads(whole.to_json())


def test_report_on_stderr(capsys):
    print_report(report(["a.npy"]), to_stderr=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "a.npy" in captured.err


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def test_a_terminal_gets_the_same_text_in_colour(monkeypatch, capsys):
    import re

    whole = report(["a.npy", "b.npy"], warnings=("look",))
    plain = text_of(capsys, whole)
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    print_report(whole)
    coloured = terminal.getvalue()
    assert "\x1b[33mwarning: look" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


@pytest.mark.parametrize("name", ["a.npy", "folder/" * 20 + "file.npy::key", "特徴" * 30 + ".npy"])
@pytest.mark.parametrize("width", [1, 2, 5, 12, 30])
def test_shorten_keeps_both_ends(name, width):
    short = shorten(name, width)
    assert cell_len(short) <= width or width == 1
    if short == name:
        return
    head, tail = short.split("…")
    assert name.startswith(head)
    assert name.endswith(tail)
    assert cell_len(short) >= width - 1


def test_visible_keeps_what_can_be_read():
    assert visible("特徴 é ×2 [x].npy") == "特徴 é ×2 [x].npy"
    assert visible("a\nb\tc", keep="\n") == "a\nb\\tc"
    assert visible("\udcff") == "\\udcff"
