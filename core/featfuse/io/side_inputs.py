"""Opening what the options name beside the inputs: a grid to take, a mask, weights, kernels."""

from typing import cast

import numpy as np

from featfuse.errors import UsageError
from featfuse.io.inputs import Inputs, Source
from featfuse.model.constant import Constant
from featfuse.model.tensor import TensorSpec, whole
from featfuse.planning.extras import Extras, Projection, Side
from featfuse.planning.parameters import Parameter
from featfuse.planning.token_grids import grids_asked_for
from featfuse.request.options import Options
from featfuse.wording import Blank, worded

__all__ = ["open_extras"]


def open_extras(inputs: Inputs, options: Options) -> Extras:
    """Everything that planning needs; token inputs are seen as grids from here on."""
    inputs.lay_tokens(grids_asked_for(inputs.specs, options))
    numbers, maps = _weights(inputs, options)
    return Extras(
        like=_like(inputs, options),
        mask=_mask(inputs, options),
        weight_maps=maps,
        numbers=numbers,
        kernel=_parameter(inputs, options.kernel, "kernel"),
        bias=_parameter(inputs, options.bias, "bias"),
        projections=_projections(inputs, options),
    )


def _like(inputs: Inputs, options: Options) -> TensorSpec | None:
    """The header of the tensor that --like names, which is not read."""
    if options.like is None:
        return None
    with Inputs([cast(Source, options.like)], "like") as opened:
        if opened.count != 1:
            raise UsageError(
                f"{worded('like', str(options.like))}: {opened.count} tensors match",
                hint="Name one tensor with ::KEY.",
            )
        inputs.named += opened.named
        return opened.specs[0]


def _mask(inputs: Inputs, options: Options) -> Side | None:
    if options.mask is None or (isinstance(options.mask, str) and options.mask == "auto"):
        return None
    return Side(*inputs.add_side(cast(Source, options.mask), "mask"))


def _weights(inputs: Inputs, options: Options) -> tuple[tuple[float, ...] | None, Side | None]:
    """Scalar weights, given as numbers or in a small file, or weights per position."""
    if options.weights is None:
        return None, None
    if isinstance(options.weights, tuple) and all(isinstance(it, float) for it in options.weights):
        return options.weights, None
    index, spec = inputs.add_side(cast(Source, options.weights), "weights")
    if max(spec.shape, default=1) != spec.size:
        return None, Side(index, spec)
    numbers = np.asarray(inputs.read(index, whole(spec.shape)), dtype=np.float64).ravel()
    return tuple(numbers.tolist()), None


def _parameter(inputs: Inputs, source: object, option: str) -> Parameter | None:
    if source is None:
        return None
    name, array = inputs.load(cast(Source, source), option)
    return Parameter(name, Constant(array))


def _projections(inputs: Inputs, options: Options) -> tuple[Projection, ...]:
    result: list[Projection] = []
    for number, kernel, bias in options.project:
        if number < 1 or any(number - 1 == it.place for it in result):
            told = worded("project", Blank(f"{number}=...", f"{{{number}: ...}}"))
            raise UsageError(f"{told}: inputs are numbered from 1, and each is projected once")
        loaded = _parameter(inputs, kernel, "project")
        assert loaded is not None
        result.append(Projection(number - 1, loaded, _parameter(inputs, bias, "project")))
    return tuple(result)
