"""Options that a fusion does not use are refused."""

from collections.abc import Callable
from typing import Any

import pytest
from featfuse import COMBINES, UsageError

Plan = Callable[..., Any]


@pytest.mark.parametrize("combine", COMBINES)
def test_weights_are_used_or_refused(plan: Plan, combine: str) -> None:
    if COMBINES[combine].weights:
        assert plan((2, 2), (2, 2), combine=combine, weights="1,0.5").pipeline["weights"] == [1.0, 0.5]
        return
    with pytest.raises(UsageError, match=f"--weights is not used by --combine {combine}"):
        plan((2, 2), (2, 2), combine=combine, weights="1,0.5")


UNUSED = [
    # options that the others given make idle: an error, never silence
    {"method": "letterbox", "to": "8x8", "interpolation": "nearest", "antialias": True},
    {"method": "letterbox", "to": "8x8", "interpolation": "nearest", "edge": "clamp"},
    {"method": "letterbox", "to": "8x8", "interpolation": "bilinear", "cubic_a": -0.5},
    {"method": "letterbox", "to": "8x8", "interpolation": "bilinear", "nearest_rounding": "ceil"},
    {"method": "crop", "to": "3x3", "anchor": "start", "odd": "ceil"},
]


@pytest.mark.parametrize("options", UNUSED, ids=str)
def test_an_idle_option_is_refused(plan: Plan, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="not used"):
        plan((5, 6), **options)
