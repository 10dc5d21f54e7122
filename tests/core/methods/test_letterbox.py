"""Letterboxes: the aspect ratio, and windows within the border."""

from collections.abc import Callable
from typing import Any

import featfuse
import numpy as np
import pytest

RNG = np.random.default_rng(0)


def normal(*shape: int) -> Any:
    return RNG.normal(size=shape).astype(np.float32)


Plan = Callable[..., Any]


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest", "area"])
def test_a_window_that_lies_in_the_border_reads_nothing(interpolation: str) -> None:
    options = {"method": "letterbox", "interpolation": interpolation, "to": (40, 40, 40), "layout": "DHW"}
    x = normal(10, 10, 20)
    whole = featfuse.fuse(x, **options)
    np.testing.assert_allclose(featfuse.fuse(x, **options, memory="16K"), whole, atol=1e-6)


def test_letterbox_keeps_the_aspect_ratio(plan: Plan) -> None:
    rows = plan((20, 40), method="letterbox", to="32x32").axes
    assert [row.actions[0] for row in rows] == ["×0.8 letterbox, pad 8+8", "×0.8 letterbox"]
