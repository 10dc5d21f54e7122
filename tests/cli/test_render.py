"""The report as text: it fits, nothing is lost, and nothing in it is taken for markup."""

import json

from featfuse.report.shape_report import OutputRow, Suggestion
from featfuse_cli.render import print_report

from tests.support.reports import LONG, report, text_of


def test_text_above_and_below(capsys):
    whole = report(["a.npy", "b.npy"], warnings=("axis H shrinks without --antialias",))
    lines = [line.rstrip() for line in text_of(capsys, whole).splitlines()]
    assert lines[:2] == whole.head_lines()
    assert lines[-2:] == whole.foot_lines()
    assert lines[-1] == "warning: axis H shrinks without --antialias"


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


def test_problem_keeps_its_lines(capsys):
    text = text_of(capsys, report(["a.npy"], problem="two readings:\n  NHWC\n  NCHW", output=None))
    assert "two readings:\n  NHWC\n  NCHW\n" in text


def test_json_is_the_report_s_own(capsys):
    whole = report(["a.npy", "b.npy"])
    assert json.loads(text_of(capsys, whole, as_json=True)) == json.loads(whole.to_json())


def test_report_on_stderr(capsys):
    print_report(report(["a.npy"]), to_stderr=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "a.npy" in captured.err
