"""Selections in arithmetic progression: identity, crop, stride. A NumPy view, no copy at all."""

from featfuse.engine.blocks import part_along
from featfuse.engine.task import Strategy, Task
from featfuse.model.tensor import Array

__all__ = ["VIEW"]


def _suits(task: Task) -> range | None:
    return task.axis_map.view


def _apply(task: Task, view: range) -> Array:
    part = view[task.out.start : task.out.stop]
    last = part[-1] - task.origin + (1 if part.step > 0 else -1)
    samples = slice(part[0] - task.origin, last if last >= 0 else None, part.step)
    return part_along(task.block, task.axis, samples)


VIEW = Strategy("view", _suits, _apply)
