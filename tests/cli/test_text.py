"""What of a name a terminal gets to see."""

from featfuse_cli.text import visible

from tests.support.reports import report, text_of


def test_control_characters_are_escaped(capsys):
    text = text_of(capsys, report(["a\x1b[31m.npy", "b\r\n\u202e.npy"], warnings=("in a\x1b]0;x\x07.npy",)))
    assert r"a\x1b[31m.npy" in text
    assert r"b\r\n\u202e.npy" in text
    assert r"warning: in a\x1b]0;x\x07.npy" in text


def test_visible_keeps_what_can_be_read():
    assert visible("特徴 é ×2 [x].npy") == "特徴 é ×2 [x].npy"
    assert visible("a\nb\tc") == "a\\nb\\tc"
    assert visible("\udcff") == "\\udcff"
