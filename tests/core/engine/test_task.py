"""A piece of work: what its output samples read, worked out once."""

from collections.abc import Callable

import numpy as np
from featfuse import METHODS
from featfuse.engine.task import NOT_FLAT, Task
from featfuse.methods.settings import AxisSettings


def test_taps_of_the_part_alone(axis_settings: Callable[..., AxisSettings]) -> None:
    (axis_map,) = METHODS["bilinear"].build()(8, 20, axis_settings("bilinear", 8, 20))
    task = Task(axis_map, np.zeros((8, 3)), 0, 0, slice(4, 9), NOT_FLAT)
    np.testing.assert_array_equal(task.taps.indices, axis_map.taps(slice(0, 20)).indices[4:9])
    assert task.taps is task.taps
