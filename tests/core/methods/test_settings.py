"""What a builder of maps is told."""

from collections.abc import Callable

from featfuse import ShapeError
from featfuse.methods.settings import AxisSettings


def test_a_refusal_names_the_input_the_axis_and_both_sizes(
    axis_settings: Callable[..., AxisSettings],
) -> None:
    error = axis_settings("stride", 10, 6).refuse(10, 6, "why", "how")
    assert isinstance(error, ShapeError)
    assert str(error) == "input 1: axis W: stride cannot bring 10 to 6: why\nhow"
