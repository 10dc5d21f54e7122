"""Opening what the options name beside the inputs: a grid to take, a mask, weights, kernels."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, cast

import numpy as np

from featfuse.errors import UsageError
from featfuse.io.inputs import Inputs, Source, check_single
from featfuse.io.selection import SeveralTensors
from featfuse.model.constant import Constant
from featfuse.model.tensor import TensorSpec, whole
from featfuse.planning.extras import Extras, Projection, Side
from featfuse.planning.parameters import Parameter
from featfuse.planning.token_grids import grids_asked_for
from featfuse.request.options import Options
from featfuse.wording import Blank, worded

if TYPE_CHECKING:
    from featfuse.planning.fitting import Fit

__all__ = ["open_extras"]


def open_extras(inputs: Inputs, options: Options) -> Extras:
    """Everything that planning needs; token inputs are seen as grids from here on."""
    inputs.lay_tokens(grids_asked_for(inputs.specs, options))
    numbers, maps = _weights(inputs, options)
    known = Extras(
        like=_like(inputs, options), mask=_mask(inputs, options), weight_maps=maps, numbers=numbers
    )
    known = known._replace(projections=_projections(inputs, options, known))
    kernel = _parameter(inputs, options.kernel, "kernel", partial(_kernel_fit, inputs, options, known))
    known = known._replace(kernel=kernel)
    bias = _parameter(inputs, options.bias, "bias", partial(_bias_fit, inputs, options, known))
    return known._replace(bias=bias)


def _like(inputs: Inputs, options: Options) -> TensorSpec | None:
    """The header of the tensor that --like names, which is not read."""
    if options.like is None:
        return None
    with Inputs([cast(Source, options.like)], "like") as opened:
        check_single("like", options.like, opened.count)
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


def _parameter(
    inputs: Inputs, source: object, option: str, find_fit: Callable[[], "Fit | None"], before: str = ""
) -> Parameter | None:
    """The weights that an option names, behind `before` in its value. When the file holds several tensors,
    `find_fit` tells which of them to offer."""
    if source is None:
        return None
    try:
        name, array = inputs.load(cast(Source, source), option)
    except SeveralTensors as error:
        from featfuse.io.weight_offers import offered

        raise offered(error, option, before, find_fit()) from None
    return Parameter(name, Constant(array))


def _kernel_fit(inputs: Inputs, options: Options, known: Extras, place: int | None = None) -> "Fit | None":
    from featfuse.planning.fitting import find_kernel_fit

    return find_kernel_fit(inputs.specs, options, known, place)


def _bias_fit(
    inputs: Inputs,
    options: Options,
    known: Extras,
    place: int | None = None,
    kernel: Parameter | None = None,
) -> "Fit | None":
    from featfuse.planning.fitting import find_bias_fit

    return find_bias_fit(inputs.specs, options, known, place, kernel)


def _projections(inputs: Inputs, options: Options, known: Extras) -> tuple[Projection, ...]:
    result: list[Projection] = []
    for number, kernel, bias in options.project:
        if number < 1 or any(number - 1 == it.place for it in result):
            told = worded("project", Blank(f"{number}=...", f"{{{number}: ...}}"))
            raise UsageError(f"{told}: inputs are numbered from 1, and each is projected once")
        place, before = number - 1, f"{number}="
        find_fit = partial(_kernel_fit, inputs, options, known, place)
        loaded = _parameter(inputs, kernel, "project", find_fit, before)
        assert loaded is not None
        find_fit = partial(_bias_fit, inputs, options, known, place, loaded)
        added = _parameter(inputs, bias, "project", find_fit, f"{before}{loaded.name},")
        result.append(Projection(place, loaded, added))
    return tuple(result)
