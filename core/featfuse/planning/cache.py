"""Plans that are used again: most items of a batch are alike but for their names."""

from collections.abc import Hashable, Sequence

from featfuse.model.tensor import TensorSpec
from featfuse.planning.extras import NO_EXTRAS, Extras
from featfuse.planning.plan import FusionPlan, make_plan
from featfuse.request.options import Options

__all__ = ["keep_plans", "likeness", "plan_for"]

_MOST_KEPT = 64

_kept: dict[Hashable, FusionPlan] | None = None


def keep_plans() -> None:
    """Keep plans from now on, in a process that uses one at a time: running a plan may change its steps."""
    global _kept  # noqa: PLW0603 (it is of the process)
    _kept = {}


def plan_for(specs: Sequence[TensorSpec], options: Options, extras: Extras) -> FusionPlan:
    """`make_plan`, or a plan that was kept of inputs which differ from these in their names alone."""
    if _kept is None or extras != NO_EXTRAS:
        return make_plan(specs, options, extras)
    alike = (likeness(specs), options)
    plan = _kept.get(alike)
    if plan is not None:
        return plan._replace(specs=tuple(specs))
    plan = make_plan(specs, options, extras)
    if not (plan.warnings or plan.levels or plan.mask):  # these name the inputs
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        _kept[alike] = plan
    return plan


def likeness(specs: Sequence[TensorSpec]) -> Hashable:
    """What a plan depends on: the headers without their names."""
    return tuple(spec._replace(name="", path=None, key=None) for spec in specs)
