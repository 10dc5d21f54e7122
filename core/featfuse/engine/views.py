"""Selections in arithmetic progression: identity, crop, stride. A NumPy view, no copy at all."""

from featfuse.engine.blocks import part_along
from featfuse.engine.work import Strategy, Work
from featfuse.model.tensor import Array

__all__ = ["VIEW"]


def _suits(work: Work) -> range | None:
    return work.axis_map.view


def _apply(work: Work, view: range) -> Array:
    part = view[work.out.start : work.out.stop]
    last = part[-1] - work.origin + (1 if part.step > 0 else -1)
    samples = slice(part[0] - work.origin, last if last >= 0 else None, part.step)
    return part_along(work.block, work.axis, samples)


VIEW = Strategy("view", _suits, _apply)
