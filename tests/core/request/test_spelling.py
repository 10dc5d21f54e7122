"""Values of options as the command line spells them."""

import pytest
from featfuse.request.parsing import ByAxis
from featfuse.request.spelling import spelled


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("to", "largest", "largest"),
        ("to", (64, 48), "64x48"),
        ("to", ByAxis({"H": 64}), "H:64"),
        ("scale", (1.37, 2.0), "1.37x2"),
        ("scale", ByAxis({"H": 2.0, "W": 0.5}), "H:2,W:0.5"),
        ("roi", ByAxis({"H": (0.25, 1.0)}), "H:0.25:1"),
    ],
)
def test_spelled(name: str, value: object, text: str) -> None:
    assert spelled(name, value) == text
