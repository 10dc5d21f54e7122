"""The table of the report: it fits, and nothing is lost."""

import featfuse
import pytest
from rich.cells import cell_len

from tests.support.reports import LONG, report, rows, text_of


def test_one_row_per_axis(capsys):
    lines = rows(text_of(capsys, report(["a.npy", "b.npy"])))
    assert ["axis", "a.npy", "b.npy", "output"] in lines
    assert ["H", "height", "64", "=", "32", "×2", "bilinear", "64"] in lines
    assert ["C", "channels", "32", "=", "32", "=", "32"] in lines


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


def test_many_inputs_get_a_row_each(capsys):
    lines = rows(text_of(capsys, report([f"layer{i}.npy" for i in range(16)])))
    assert ["N", "batch", "all", "16", "inputs", "1", "=", "1"] in lines
    assert ["H", "height", "layer0.npy", "64", "=", "64"] in lines
    assert lines.count(["layer15.npy", "32", "×2", "bilinear"]) == 2


def test_short_names_are_never_cut(capsys):
    assert "…" not in text_of(capsys, report(["a.npy", "b.npy", "c.npy"]))


def test_without_axes_there_is_no_table(capsys):
    assert "─" not in text_of(capsys, report(["a.npy"], axes=()))


@pytest.mark.parametrize(
    "whole",
    [
        report(["a.npy", "b.npy"], warnings=("look",)),
        report(["a.npy"], axes=()),
        report(["名前.npy", "\x1b[31m"]),
        featfuse.inspect((1, 8, 8, 4), (1, 5, 5, 4)),
    ],
    ids=["two", "no axes", "odd names", "refused"],
)
def test_the_repr_is_what_a_pipe_gets(capsys, whole):
    text = text_of(capsys, whole)
    assert text == f"{whole!r}\n" == f"{whole}\n"
    assert "\x1b" not in repr(whole)


def test_the_repr_of_many_inputs_loses_nothing():
    text = repr(report(LONG[:12]))
    assert all(name[-8:] in text for name in LONG[:12])
