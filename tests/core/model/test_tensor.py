"""Whether shapes add as they are."""

import featfuse
import pytest
from featfuse.model.tensor import compatibility

Shape = tuple[int, ...]


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        ([(2, 3), (2, 3)], "identical"),
        ([(2, 3)], "identical"),
        ([(2, 3), (1, 3)], "broadcast"),
        ([(2, 3), (3,)], "broadcast"),
        ([(2, 3), (2, 4)], "mismatch"),
        ([(1, 64, 64, 32), (1, 32, 32, 16)], "mismatch"),
    ],
)
def test_compatibility_is_numpys(shapes: list[Shape], expected: str) -> None:
    assert compatibility(shapes) == expected
    assert featfuse.inspect(*shapes).compatibility == expected
