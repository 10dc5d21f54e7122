"""Plans that differ in letters alone do the same; others do not."""

import numpy as np
import pytest
from featfuse.errors import ShapeError
from featfuse.model.layout import parse_layouts
from featfuse.model.tensor import TensorSpec
from featfuse.planning.arithmetic import arithmetic, refusal
from featfuse.planning.planner import make_plan
from featfuse.request.options import Options


def told(shapes, layout, **options):
    specs = [TensorSpec(f"input {place}", shape, np.dtype("float32")) for place, shape in enumerate(shapes)]
    try:
        return arithmetic(make_plan(specs, Options.resolve({"layout": layout, **options})))
    except ShapeError as error:
        return refusal(error, parse_layouts(layout, specs))


VIDEO = [(2, 16, 3, 64, 64), (2, 16, 3, 32, 32)]
WAVE = [(4, 80, 1000), (4, 80, 250)]
ROWS = [(10, 32), (10, 16)]


@pytest.mark.parametrize(
    ("shapes", "one", "other", "options", "same"),
    [
        (VIDEO, "NCDHW", "NTCHW", {"method": "bilinear"}, True),
        (VIDEO, "NCDHW", "NTCHW", {"method": "bilinear", "normalize": "l2"}, False),
        (VIDEO, "NCDHW", "NTCHW", {"method": "bilinear", "combine": "concat"}, False),
        (VIDEO, "NCDHW", "NTCHW", {"method": "bilinear", "reduce": "gap"}, False),
        (VIDEO, "NCDHW", "NTCHW", {"method": "bilinear", "combine": "stack"}, True),
        (VIDEO, "NCDHW", "NDHWC", {"method": "bilinear"}, False),
        (WAVE, "CHW", "NCW", {"method": "bilinear"}, True),
        (WAVE, "CHW", "NCW", {"method": "bilinear", "reduce": "conv1x1", "out_channels": 2}, False),
        ([(4, 4, 5)], "NCW", "CNW", {"method": "pixel-shuffle", "to": "10"}, False),
        ([(4, 4, 5)], "NCW", "CNW", {"method": "lp-pool", "to": "3"}, True),
        (ROWS, "NC", "LC", {"combine": "concat"}, True),
        (ROWS, "NC", "LC", {}, True),  # refused alike
        (ROWS, "NC", "HW", {}, False),
    ],
)
def test_same_or_not(shapes, one, other, options, same):
    assert (told(shapes, one, **options) == told(shapes, other, **options)) is same
    assert hash(told(shapes, one, **options)) == hash(told(shapes, one, **options))
