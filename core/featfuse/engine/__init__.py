"""The engine: how an AxisMap is applied to a block (`strategies`), and several to one (`passes`); and to an
input that is too long for a block (`piecewise`)."""

from featfuse.engine.passes import Turn, plan_passes
from featfuse.engine.strategies import STRATEGIES, apply

__all__ = ["STRATEGIES", "Turn", "apply", "plan_passes"]
