"""Every kind of change in the words of the report."""

import pytest
from featfuse.model.change import KEPT, Change, ChangeKind, resized
from featfuse.report.changes import change_text, scale_text

WORDS = {
    KEPT: "=",
    Change(ChangeKind.BROADCAST): "broadcast",
    resized(8, 16, "bilinear"): "×2 bilinear",
    resized(105, 208, "area"): "×1.981 area",
    resized(0, 3, "pad"): "0→3 pad",
    Change(ChangeKind.STRIDE, number=2): "stride 2",
    Change(ChangeKind.CROP, before=3, after=4): "crop 3+4",
    Change(ChangeKind.PAD, "constant", before=1, after=2): "pad 1+2",
    Change(ChangeKind.PAD, "reflect", before=1, after=2): "pad 1+2 reflect",
    Change(ChangeKind.TILE, number=2): "tile ×2",
    Change(ChangeKind.REPEAT, number=3): "repeat ×3",
    Change(ChangeKind.ZERO_PAD, number=8): "zero-pad +8",
    Change(ChangeKind.TRUNCATE, number=8): "truncate to 8",
    Change(ChangeKind.MEAN, number=2): "mean of 2",
    Change(ChangeKind.OWN_CHANNELS): "own channels",
}


@pytest.mark.parametrize(("change", "words"), WORDS.items())
def test_words(change: Change, words: str) -> None:
    assert change_text(change) == words


def test_every_kind_has_words() -> None:
    assert {change.kind for change in WORDS} == set(ChangeKind)


def test_scale_text() -> None:
    assert [scale_text(2, 1), scale_text(3, 1), scale_text(0, 4)] == ["×0.5", "×0.3333", "0→4"]
