"""Records: what a frozen dataclass does, and pickling."""

import pickle

import pytest
from featfuse.model.value import Value


class Point(Value):
    x: int
    y: int = 2


class Pair(Value):
    x: int
    y: int = 2


def test_fields_by_place_by_name_and_by_default():
    assert (Point(1).x, Point(1).y, Point(1, 5).y, Point(y=3, x=0).y) == (1, 2, 5, 3)
    assert repr(Point(1)) == "Point(x=1, y=2)"
    match Point(7):
        case Point(x, y):
            assert (x, y) == (7, 2)


@pytest.mark.parametrize(("values", "named"), [((), {}), ((1, 2, 3), {}), ((1,), {"z": 1}), ((1,), {"x": 1})])
def test_what_a_record_lacks_or_does_not_have(values, named):
    with pytest.raises((TypeError, AttributeError)):
        Point(*values, **named)


def test_equal_within_one_class():
    assert Point(1) == Point(1, 2)
    assert hash(Point(1)) == hash(Point(1, 2))
    assert Point(1) != Point(2)
    assert Point(1) != Pair(1)
    assert Point(1) != (1, 2)
    assert {Point(1), Point(1, 2), Pair(1)} == {Point(1), Pair(1)}


def test_never_changed_but_replaced():
    point = Point(1)
    with pytest.raises(AttributeError, match="Point cannot be changed: x"):
        point.x = 3
    with pytest.raises(AttributeError, match="cannot be changed: y"):
        del point.y
    assert point._replace(y=9) == Point(1, 9)
    assert point == Point(1)


def test_it_survives_pickling():
    assert pickle.loads(pickle.dumps(Point(4))) == Point(4)
