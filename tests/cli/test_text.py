"""What goes to the standard streams."""

import io
import sys

from featfuse_cli.text import say

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
