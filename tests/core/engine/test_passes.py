"""Passes: turns are taken in their order, and a pass may do several at once."""

from collections.abc import Sequence

import numpy as np
import pytest
from featfuse.engine import Turn, passes, plan_passes
from featfuse.engine.passes import Pass
from featfuse.model.axis import broadcast, identity
from featfuse.model.tensor import Array

TURNS = [
    Turn(broadcast(4), 0, 0, slice(0, 4)),
    Turn(identity(3), 1, 0, slice(1, 3)),
    Turn(broadcast(5), 2, 0, slice(1, 3)),
]


def done(block: Array) -> Array:
    for which, turns in plan_passes(TURNS, block.shape, block.dtype):
        block = which.apply(turns, block)
    return block


def test_one_map_at_a_time() -> None:
    planned = plan_passes(TURNS, (1, 3, 1), np.dtype("f4"))
    assert [(which.name, list(turns)) for which, turns in planned] == [("one map", [it]) for it in TURNS]
    block = np.arange(3.0).reshape(1, 3, 1)
    assert done(block).tolist() == np.broadcast_to(block[:, 1:3], (4, 2, 2)).tolist()


def test_a_pass_of_two_axes_is_one_more_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked with the shape that the turns before it leave, and takes what it can."""
    asked: list[tuple[int, ...]] = []

    def takes(turns: Sequence[Turn], shape: tuple[int, ...], dtype: np.dtype) -> int:
        asked.append(shape)
        return 2 if shape[0] == 4 else 0

    def both(turns: Sequence[Turn], block: Array) -> Array:
        return np.broadcast_to(block[:, turns[0].out], (4, 2, 2))

    monkeypatch.setattr(passes, "PASSES", (Pass("two at once", takes, both), *passes.PASSES))
    block = np.arange(3.0).reshape(1, 3, 1)
    planned = plan_passes(TURNS, block.shape, block.dtype)
    assert [(which.name, len(turns)) for which, turns in planned] == [("one map", 1), ("two at once", 2)]
    assert asked == [(1, 3, 1), (4, 3, 1)]
    assert done(block).tolist() == np.broadcast_to(block[:, 1:3], (4, 2, 2)).tolist()
