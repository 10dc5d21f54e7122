"""What happens along an axis, as a fact."""

from featfuse.model.change import KEPT, Change, ChangeKind, resized


def test_changes_are_values() -> None:
    change = resized(4, 8, "bilinear")
    assert change == Change(ChangeKind.RESIZE, name="bilinear", in_size=4, out_size=8)
    assert len({change, resized(4, 8, "bilinear"), resized(4, 9, "bilinear"), resized(4, 8, "area")}) == 3
    assert KEPT.kind is ChangeKind.KEEP
