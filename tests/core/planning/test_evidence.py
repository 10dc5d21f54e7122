"""Evidence: each rule on sizes that bear its mark, and on near misses."""

import pytest
from featfuse.planning.evidence import RULES, Seen

RULE = {rule.name: rule for rule in reversed(RULES)}
"""By name; of two that are told alike, the first."""


def seen(*spaces, channels=(), batches=(), **wishes):
    count = len(spaces)
    return Seen(spaces, tuple(channels) or (3,) * count, tuple(batches) or (1,) * count, **wishes)


@pytest.mark.parametrize(
    ("rule", "case", "fits"),
    [
        ("cubes", seen((32, 32, 32), (16, 16, 16)), True),
        ("cubes", seen((32, 32, 32), (16, 16, 8)), False),
        ("cubes", seen((32, 32), (16, 16)), False),
        ("square maps", seen((7, 7), (14, 14)), True),
        ("square maps", seen((7, 7), (14, 13)), False),
        ("square maps", seen((3, 7, 7), (5, 7, 7)), True),  # the last two
        ("square maps", seen((7, 7), ()), False),  # in every input
        ("square maps", seen((40,), (23,)), False),
        ("one ratio", seen((107, 160), (54, 80)), True),
        ("one ratio", seen((13, 17), (7, 9)), True),
        ("one ratio", seen((64, 48), (32, 24), (16, 12)), True),
        ("one ratio", seen((64, 48), (64, 48), (16, 12)), True),
        ("one ratio", seen((64, 48), (32, 48)), False),  # both differ
        ("one ratio", seen((64, 48), (32, 96)), False),  # one way
        ("one ratio", seen((64, 48), (32, 12)), False),
        ("one ratio", seen((8, 64, 48), (8, 32, 24)), True),  # further axes are equal
        ("one ratio", seen((8, 64, 48), (4, 32, 24)), True),  # or go along
        ("one ratio", seen((8, 64, 48), (2, 32, 24)), True),  # thick slices
        ("one ratio", seen((8, 64, 48), (16, 32, 24)), False),
        ("one ratio", seen((0, 0), (3, 3)), False),
        ("one ratio", seen((5, 5), (5, 5)), False),
        ("one ratio to the size asked for", seen((64, 48), wanted=(128, 96)), True),
        ("one ratio to the size asked for", seen((9, 7), wanted=(4, 4)), False),
        ("one ratio to the size asked for", seen((64, 48), wanted=(64, 48)), False),
        ("one ratio to the size asked for", seen((64, 48)), False),
        ("one margin", seen((60, 80), (64, 84), margins=True), True),
        ("one margin", seen((60, 80), (64, 86), margins=True), False),
        ("one margin", seen((60, 80), (64, 84)), False),  # a method that scales
        ("one grid", seen((9, 7), (9, 7), channels=(3, 5)), True),
        ("one grid", seen((9, 7), (9, 7)), False),
        ("one grid", seen((9, 7), (9, 7), channels=(3, 5), batches=(2, 3)), False),
        ("one grid", seen((1, 80), (1, 80), channels=(1000, 500)), False),  # no map
        ("one grid", seen((9, 80), (9, 80), channels=(1000, 500), timed=True), False),  # time, perhaps
        ("one grid", seen((9, 80), (9, 80), channels=(1000, 500), timed=True, free=True), True),
        ("square maps", seen((1, 1), (1, 1)), False),
        ("square maps", seen((1, 1), (7, 7)), True),
        ("one grid", seen((9, 7), (9, 8), channels=(3, 5)), False),
        ("nearly one grid", seen((60, 80), (64, 84)), True),
        ("nearly one grid", seen((60, 80), (64, 84), channels=(3, 5)), False),
        ("nearly one grid", seen((60, 80), (120, 84)), False),
        ("one axis differs", seen((1000,), (250,), channels=(80, 80)), True),
        ("one axis differs", seen((1000,), (250,), channels=(80, 40)), False),
        ("one axis differs", seen((1000,), (250,), channels=(80, 40), free=True), True),
        ("one axis differs", seen((1000,), (1000,), channels=(80, 80)), False),
        ("one axis differs", seen((10, 1000), (10, 250), channels=(80, 80)), False),
    ],
)
def test_a_rule(rule, case, fits):
    if rule in ("one ratio", "one axis differs"):
        found = RULE["one step"].fits(case) and RULE["one step"].told(case) == rule
    else:
        found = RULE[rule].fits(case)
    assert found is fits


def test_tensors_without_space_do_not_disturb_square_maps_where_no_reading_has_more():
    last = [rule for rule in RULES if rule.name == "square maps"][-1]
    assert last.fits(seen((7, 7), ()))
    assert not last.fits(seen((), ()))
