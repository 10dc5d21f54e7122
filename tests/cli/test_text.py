"""What goes to the standard streams."""

import io
import json
import sys

import pytest
from featfuse_cli.text import fitting, fitting_json, is_ascii, say, takes_colours

from tests.support.reports import report, text_of


def test_control_characters_in_a_report_are_escaped(capsys):
    text = text_of(capsys, report(["a\x1b[31m.npy", "b\r\n\u202e.npy"], warnings=("in a\x1b]0;x\x07.npy",)))
    assert r"a\x1b[31m.npy" in text
    assert r"b\r\n\u202e.npy" in text
    assert r"warning: in a\x1b]0;x\x07.npy" in text


def test_what_cannot_be_said_is_no_failure(monkeypatch, capsys):
    say("heard")
    assert capsys.readouterr().err == "heard\n"

    class Full(io.StringIO):
        def flush(self):
            raise OSError("no space")

    monkeypatch.setattr("sys.stderr", Full())
    say("lost")
    sys.stderr.close()


class Stream(io.TextIOWrapper):
    def __init__(self, encoding, terminal=False):
        super().__init__(io.BytesIO(), encoding=encoding)
        self.isatty = lambda: terminal


@pytest.mark.parametrize(
    ("encoding", "terminal", "term", "expected"),
    [
        ("utf-8", False, "xterm", False),
        ("UTF8", True, "xterm", False),
        ("utf-8", True, "dumb", True),
        ("utf-8", False, "dumb", False),  # what reads a pipe need not be the terminal
        ("ascii", False, "xterm", True),
        ("latin-1", True, "xterm", True),
        ("ANSI_X3.4-1968", True, "xterm", True),
    ],
)
def test_which_streams_get_ascii(monkeypatch, encoding, terminal, term, expected):
    monkeypatch.setenv("TERM", term)
    stream = Stream(encoding, terminal)
    assert is_ascii(stream) == expected
    assert fitting(stream)("é") == (r"\xe9" if expected else "é")


def test_a_stream_without_an_encoding_holds_any_text():
    assert not is_ascii(io.StringIO())


@pytest.mark.parametrize(
    ("terminal", "env", "expected"),
    [(True, {}, True), (False, {}, False), (True, {"NO_COLOR": "1"}, False), (True, {"TERM": "dumb"}, False)],
)
def test_which_streams_take_colours(monkeypatch, terminal, env, expected):
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in {"TERM": "xterm", **env}.items():
        monkeypatch.setenv(name, value)
    assert takes_colours(Stream("utf-8", terminal)) == expected


def test_json_keeps_its_meaning_in_ascii():
    facts = {"name": "é名\U0001f600", "action": "×2"}
    text = json.dumps(facts, ensure_ascii=False)
    assert fitting_json(text, Stream("utf-8")) == text
    shown = fitting_json(text, Stream("ascii"))
    assert shown.isascii()
    assert json.loads(shown) == facts
