"""A terminal gets colours, a pipe the same text without."""

import io

import pytest
from featfuse_cli.render import print_report
from featfuse_cli.terminal import print_with_rich

from tests.support.reports import LONG, report, text_of


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
