"""Which shapes would do as kernel or bias: those that a plan takes, and no others."""

from typing import Any

import featfuse
import numpy as np
import pytest
from featfuse.errors import ShapeError
from featfuse.io.inputs import Inputs
from featfuse.model.constant import Constant
from featfuse.planning.extras import NO_EXTRAS, Extras, Projection
from featfuse.planning.fitting import Fit, find_bias_fit, find_kernel_fit
from featfuse.planning.parameters import Parameter
from featfuse.request.options import Options

Shapes = list[tuple[int, ...]]

MAPS: Shapes = [(1, 6, 12, 10), (1, 8, 6, 5)]
KERNELS: Shapes = [
    *((7, 14), (14, 7), (14,), (7, 14, 1, 1), (1, 1, 14, 7), (7, 14, 3, 3), (14, 14), (7, 6), (7, 8), ()),
    *((8, 5, 2, 2), (2, 2, 5, 8), (8, 5, 2), (8, 5, 3, 4), (5, 8, 4, 4), (4, 8, 1, 1), (4, 6, 1, 1)),
    *((6, 3, 1), (2, 2, 8, 8), (16, 2, 2, 2)),
]


def kernel(shape: tuple[int, ...]) -> Parameter:
    return Parameter("k", Constant(np.zeros(shape, np.float32)))


def find(shapes: Shapes, given: dict[str, Any], extras: Extras = NO_EXTRAS, **where: Any) -> Fit | None:
    with Inputs(shapes) as inputs:
        options = Options.resolve({"layout": "NCHW", **given})  # type: ignore[typeddict-item]
        return find_kernel_fit(inputs.specs, options, extras, **where)


CASES: dict[str, tuple[Shapes, dict[str, Any], str]] = {
    "concat": (MAPS, {"method": "nearest", "combine": "concat", "reduce": "conv1x1"}, "the 14 channels of"),
    "add": ([MAPS[0]] * 2, {"reduce": "conv1x1"}, "the 6 channels of the combined inputs"),
    "Keras": (
        MAPS,
        {"method": "nearest", "combine": "concat", "reduce": "conv1x1", "kernel_layout": "io"},
        "14",
    ),
    "transposed": ([MAPS[1]], {"method": "transposed-conv", "stride": 2}, "the 8 channels of input 1"),
    "beside": (
        [(1, 5, 12, 10), MAPS[1]],
        {"method": "transposed-conv", "stride": 2, "padding": "same", "combine": "concat"},
        "the 8 channels of input 2",
    ),
    "groups": ([MAPS[1]], {"method": "transposed-conv", "stride": 2, "groups": 2}, "the 8 channels"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_fits_is_what_a_fusion_takes(case: str) -> None:
    """A kernel that two readings fit is one to offer, though it takes another option."""
    shapes, given, words = CASES[case]
    fit = find(shapes, {**given, "kernel": "w.safetensors"})
    assert fit is not None
    assert words in fit.what
    arrays = [np.zeros(shape, np.float32) for shape in shapes]
    taken = 0
    for shape in KERNELS:
        try:
            featfuse.fuse(*arrays, kernel=np.zeros(shape, np.float32), layout="NCHW", **given)
            fits = True
        except ShapeError as error:
            fits = "as IOHW and as HWOI" in error.message
        assert fit.fits(shape) == fits, shape
        taken += fits
    assert taken


def test_projections_fit_their_input() -> None:
    given = {"method": "nearest", "project": {2: "w.safetensors"}, "combine": "concat"}
    fit = find(MAPS, given, place=1)
    assert fit is not None
    assert fit.what == "the 8 channels of input 2"
    assert [shape for shape in KERNELS if fit.fits(shape)] == [(7, 8), (4, 8, 1, 1)]
    assert find(MAPS, given, place=7) is None


def test_what_is_projected_counts_as_such() -> None:
    given = {"method": "nearest", "combine": "concat", "reduce": "conv1x1", "kernel": "w.safetensors"}
    fit = find(MAPS, given, Extras(projections=(Projection(1, kernel((3, 8)), None),)))
    assert fit is not None
    assert fit.what == "the 9 channels of the combined inputs"


BIASES: Shapes = [(7,), (7, 1, 1), (1, 7), (6,), (7, 7), (5,), (10,), ()]


@pytest.mark.parametrize(
    ("shapes", "given", "weights", "fitting"),
    [
        (MAPS, {"method": "nearest", "combine": "concat", "reduce": "conv1x1"}, (7, 14), BIASES[:3]),
        ([MAPS[1]], {"method": "transposed-conv", "stride": 2}, (8, 5, 2, 2), [(5,)]),
        ([MAPS[1]], {"method": "transposed-conv", "stride": 2, "groups": 2}, (8, 5, 2, 2), [(10,)]),
        ([MAPS[1]], {"method": "transposed-conv", "stride": 2}, (9, 5, 2, 2), None),
    ],
)
def test_a_bias_has_a_number_for_each_channel_that_the_kernel_makes(
    shapes: Shapes, given: dict[str, Any], weights: tuple[int, ...], fitting: Shapes | None
) -> None:
    with Inputs(shapes) as inputs:
        options = Options.resolve({"layout": "NCHW", "kernel": "w", "bias": "w", **given})  # type: ignore[typeddict-item]
        fit = find_bias_fit(inputs.specs, options, Extras(kernel=kernel(weights)))
    assert (None if fit is None else [shape for shape in BIASES if fit.fits(shape)]) == fitting


def test_the_bias_of_a_projection() -> None:
    with Inputs(MAPS) as inputs:
        options = Options.resolve({"layout": "NCHW", "project": {2: ("w", "w")}, "method": "nearest"})
        fit = find_bias_fit(inputs.specs, options, NO_EXTRAS, 1, kernel((7, 8, 1, 1)))
        assert fit is not None
        assert [shape for shape in BIASES if fit.fits(shape)] == BIASES[:3]
        assert find_bias_fit(inputs.specs, options, NO_EXTRAS, 1, kernel((7, 9, 1, 1))) is None


@pytest.mark.parametrize(
    ("shapes", "given"),
    [
        (MAPS, {"layout": "HW", "reduce": "conv1x1"}),  # not these tensors' axes
        ([(196, 96, 50)], {"layout": None, "reduce": "conv1x1"}),  # a question
        (MAPS, {"method": "nearest", "reduce": "conv1x1"}),  # 6 and 8 channels do not add
    ],
)
def test_nothing_is_offered_where_the_inputs_do_not_tell(shapes: Shapes, given: dict[str, Any]) -> None:
    assert find(shapes, {"kernel": "w.safetensors", **given}) is None
