"""What must hold beside an option for it to be read."""

import pytest
from featfuse.request.conditions import Condition, beside, instead_of, only, unless


@pytest.mark.parametrize(
    ("condition", "given", "absent"),
    [
        (beside("mask"), True, False),
        (instead_of("to"), False, True),
        (only("reduce", "pca", "gap"), True, False),
        (unless("reduce", "pca", hint=""), False, True),
    ],
)
def test_conditions_hold_or_not(condition: Condition, given: bool, absent: bool) -> None:
    assert condition.holds("pca") == given
    assert condition.holds(None) == absent


def test_words_are_compared_whole() -> None:
    assert not only("reduce", "pca").holds("pc")
    assert unless("reduce", "pca", hint="").holds("pca2")
