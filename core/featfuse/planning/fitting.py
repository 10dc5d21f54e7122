"""Which tensors of a file could be the kernel or the bias that was not named: those whose shape fits.

What they must fit follows from the inputs and the options, by the plan of the same request without them.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from featfuse.errors import FeatfuseError
from featfuse.model.tensor import TensorSpec
from featfuse.planning.extras import Extras
from featfuse.planning.parameters import (
    BIAS_HINT,
    MIXING_HINT,
    TRANSPOSED_HINT,
    Parameter,
    bias_fits,
    mixing_axes,
    transposed_axes,
)
from featfuse.planning.plan import FusionPlan, Member, Mix, Upsample
from featfuse.planning.planner import convolved_members, make_plan, read_inputs
from featfuse.request.options import Options

__all__ = ["Fit", "find_bias_fit", "find_kernel_fit"]


class Fit(NamedTuple):
    """Whether a shape fits, what it must fit (`the 16 channels of a.npy`), and what helps if none does."""

    fits: Callable[[tuple[int, ...]], bool]
    what: str
    hint: str


def find_kernel_fit(
    specs: Sequence[TensorSpec], options: Options, extras: Extras, place: int | None = None
) -> Fit | None:
    """What the kernel of conv1x1 or of a transposed convolution must fit or, with `place`, that of --project
    for this input (from 0). None where that cannot be told."""
    try:
        if place is not None:
            return _projection_fit(specs, options, extras, place)
        if options.reduce == "conv1x1":
            return _mixing_fit(specs, options, extras)
        return _transposed_fit(convolved_members(specs, options, extras), options)
    except FeatfuseError:  # told when there is a kernel
        return None


def find_bias_fit(
    specs: Sequence[TensorSpec],
    options: Options,
    extras: Extras,
    place: int | None = None,
    kernel: Parameter | None = None,
) -> Fit | None:
    """What the bias of the kernel in `extras` must fit or, with `place`, that of the `kernel` which --project
    has for this input. None where that cannot be told."""
    try:
        if place is not None and kernel is not None:
            return _projection_bias_fit(specs, options, extras, place, kernel)
        return _made_fit(make_plan(specs, options._replace(bias=None), extras))
    except FeatfuseError:
        return None


def _mixing_fit(specs: Sequence[TensorSpec], options: Options, extras: Extras) -> Fit | None:
    untrained = options._replace(kernel=None, bias=None, kernel_layout=None, out_channels=1)
    mix = make_plan(specs, untrained, extras).reduction
    if not isinstance(mix, Mix):
        return None
    channels = mix.in_channels
    return Fit(
        lambda shape: bool(mixing_axes(shape, channels, options.kernel_layout)),
        f"the {channels} channels of the combined inputs",
        MIXING_HINT,
    )


def _transposed_fit(members: Sequence[Member], options: Options) -> Fit | None:
    groups = options.groups or 1
    wanted = {(member.sizes.get("C", 0), len(member.grid)): member for member in members}
    if not wanted:
        return None

    def fits(shape: tuple[int, ...]) -> bool:
        return all(
            channels % groups == 0 and transposed_axes(shape, channels, groups, rank, options.kernel_layout)
            for channels, rank in wanted
        )

    words = [f"the {channels} channels of {member.spec.name}" for (channels, _), member in wanted.items()]
    return Fit(fits, " and ".join(words), TRANSPOSED_HINT)


def _projection_fit(specs: Sequence[TensorSpec], options: Options, extras: Extras, place: int) -> Fit | None:
    channels = _channels(specs, options, extras, place)
    if channels is None:
        return None
    return Fit(
        lambda shape: bool(mixing_axes(shape, channels, None)),
        f"the {channels} channels of {specs[place].name}",
        MIXING_HINT,
    )


def _projection_bias_fit(
    specs: Sequence[TensorSpec], options: Options, extras: Extras, place: int, kernel: Parameter
) -> Fit | None:
    channels = _channels(specs, options, extras, place)
    axes = {} if channels is None else mixing_axes(kernel.value.shape, channels, None)
    return next((_bias_fit(kernel.value.shape[out_axis]) for out_axis, _ in axes.values()), None)


def _channels(specs: Sequence[TensorSpec], options: Options, extras: Extras, place: int) -> int | None:
    """Those of input number `place` as it is read."""
    if place >= len(specs):
        return None
    readings, _ = read_inputs(specs, options, extras)
    return readings[place].sizes(specs[place].shape).get("C")


def _made_fit(plan: FusionPlan) -> Fit | None:
    """What the bias of a plan's convolution must fit."""
    operations = [it for branch in plan.fusion.branches for it in branch.operations]
    made = [plan.reduction] if isinstance(plan.reduction, Mix) else operations
    return next((_bias_fit(it.out_channels) for it in made if isinstance(it, (Mix, Upsample))), None)


def _bias_fit(out_channels: int) -> Fit:
    return Fit(
        lambda shape: bias_fits(shape, out_channels), f"the {out_channels} channels of its kernel", BIAS_HINT
    )
