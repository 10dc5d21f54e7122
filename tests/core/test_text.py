"""Words that every wing writes alike."""

import json

import pytest
from featfuse.text import aligned, cell_len, human_bytes, json_text, shape_text, shorten, visible
from rich.cells import cell_len as rich_cell_len


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1 KiB"),
        (34_406, "33.6 KiB"),
        (1000 << 10, "1000 KiB"),
        (3 << 30, "3 GiB"),
        (5 << 60, "5120 PiB"),
    ],
)
def test_bytes_have_three_digits_and_a_unit(count: int, text: str) -> None:
    assert human_bytes(count) == text


def test_shapes() -> None:
    assert shape_text((1, 64, 32)) == "1×64×32"
    assert shape_text(()) == "scalar"


@pytest.mark.parametrize("name", ["特徴 é", "\x1b[31m", "a\u202eb", "line\nend"])
def test_json_holds_the_same_and_nothing_that_a_terminal_acts_on(name: str) -> None:
    text = json_text({"name": name})
    assert json.loads(text) == {"name": name}
    assert text.replace("\n", "").isprintable()
    assert not name.isprintable() or name in text


@pytest.mark.parametrize("name", ["a.npy", "folder/" * 20 + "file.npy::key", "特徴" * 30 + ".npy"])
@pytest.mark.parametrize("width", [1, 2, 5, 12, 30])
def test_names_are_shortened_in_the_middle(name: str, width: int) -> None:
    short = shorten(name, width)
    assert cell_len(short) <= width or width == 1
    if short == name:
        return
    head, tail = short.split("…")
    assert name.startswith(head)
    assert name.endswith(tail)
    assert cell_len(short) >= width - 1


def test_a_long_name_is_cut_at_once() -> None:
    assert len(shorten("x" * 65_000, 120)) == 120
    assert shorten("abcdefghij", 8, cut="...") == "ab...hij"


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert aligned([("a", "bc"), ("def", "g")], 1) == ["a   bc", "def g "]
    assert aligned([("特徴", "x"), ("a", "y")], 1) == ["特徴 x", "a    y"]
    assert aligned([]) == []


def test_visible_keeps_what_can_be_read() -> None:
    assert visible("特徴 é ×2 [x].npy") == "特徴 é ×2 [x].npy"
    assert visible("a\nb\tc") == "a\\nb\\tc"
    assert visible("\udcff") == "\\udcff"


def test_visible_in_ascii() -> None:
    assert visible("a×2 → b… ─ é 名 \U0001f600\x1b", ascii_only=True) == (
        r"ax2 -> b... - \xe9 \u540d \U0001f600\x1b"
    )
    assert visible("plain text", ascii_only=True) == "plain text"


@pytest.mark.parametrize("text", ["", "a.npy", "×0.5 →", "特徴 é.npy", "e\u0301", "ﾊﾝｶｸ", "…", "🙂.npy"])
def test_columns_are_those_of_a_terminal(text: str) -> None:
    assert cell_len(text) == rich_cell_len(text)
