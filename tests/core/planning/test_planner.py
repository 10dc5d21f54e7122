"""Planning on bare shapes: targets, channels, batches, joins, refusals. No test here touches data.

The `plan` fixture checks the invariants of any plan, so every case tests them again.
"""

from collections.abc import Callable
from typing import Any

import pytest
from featfuse import COMBINES, METHODS, ShapeError
from featfuse.request.table import OPTIONS

Shape = tuple[int, ...]

Plan = Callable[..., Any]

PLANS = [
    # why: shapes, options, expected shape
    ("identical", [(2, 3), (2, 3)], {}, (2, 3)),
    ("one input", [(2, 3)], {}, (2, 3)),
    ("scalars", [(), ()], {}, ()),
    ("1 broadcasts", [(1, 5), (4, 1)], {}, (4, 5)),
    # targets
    ("auto of interpolation", [(8, 4), (4, 8)], {"method": "bilinear"}, (8, 8)),
    ("auto of pool", [(8, 4), (4, 8)], {"method": "max-pool"}, (4, 4)),
    ("auto of crop-or-pad", [(8, 4), (4, 8)], {"method": "crop-or-pad"}, (8, 4)),
    ("largest, per axis", [(8, 4), (4, 6)], {"method": "area", "to": "largest"}, (8, 6)),
    ("smallest, per axis", [(8, 4), (4, 6)], {"method": "nearest", "to": "smallest"}, (4, 4)),
    ("first", [(8, 4), (4, 6)], {"method": "bicubic", "to": "first"}, (8, 4)),
    ("last", [(8, 4), (4, 6)], {"method": "bicubic", "to": "last"}, (4, 6)),
    ("HxW", [(8, 4), (4, 6)], {"method": "bilinear", "to": "5x7"}, (5, 7)),
    ("HxW as a tuple", [(8, 4)], {"method": "bilinear", "to": (5, 7)}, (5, 7)),
    ("W", [(8,)], {"method": "bilinear", "to": "5"}, (5,)),
    ("W as a number", [(8,)], {"method": "bilinear", "to": 5}, (5,)),
    ("DxHxW", [(1, 2, 4, 4, 4)], {"method": "nearest", "to": "8x4x2", "layout": "NCDHW"}, (1, 2, 8, 4, 2)),
    ("like", [(8, 4), (4, 6)], {"method": "bilinear", "like": (5, 7)}, (5, 7)),
    ("like of smaller rank", [(1, 8, 8, 3)], {"method": "nearest", "like": (6, 6)}, (1, 6, 6, 3)),
    # many inputs
    ("sixteen", [(4 + k, 20 - k) for k in range(16)], {"method": "nearest"}, (19, 20)),
    ("three by the smallest", [(8, 8), (6, 7), (4, 9)], {"method": "crop"}, (4, 7)),
    # channels: the count that is led to
    ("tile", [(1, 9, 9, 6), (1, 9, 9, 3)], {"channels": "tile"}, (1, 9, 9, 6)),
    ("repeat", [(1, 9, 9, 6), (1, 9, 9, 3)], {"channels": "repeat"}, (1, 9, 9, 6)),
    ("zero-pad", [(1, 9, 9, 6), (1, 9, 9, 4)], {"channels": "zero-pad"}, (1, 9, 9, 6)),
    ("truncate", [(1, 9, 9, 6), (1, 9, 9, 4)], {"channels": "truncate"}, (1, 9, 9, 4)),
    ("mean", [(1, 9, 9, 6), (1, 9, 9, 3)], {"channels": "mean"}, (1, 9, 9, 3)),
    ("one channel has no vote", [(1, 9, 9, 6), (1, 9, 9, 1)], {"channels": "truncate"}, (1, 9, 9, 6)),
    ("three counts", [(2, 9, 9), (4, 9, 9), (8, 9, 9)], {"channels": "tile"}, (8, 9, 9)),
    (
        "channels and sizes",
        [(1, 64, 64, 32), (1, 32, 32, 16)],
        {"method": "bilinear", "channels": "tile"},
        (1, 64, 64, 32),
    ),
    # axes that one side lacks, mixed layouts
    ("a batch on one side", [(5, 3, 8, 8), (3, 4, 4)], {"method": "nearest"}, (5, 3, 8, 8)),
    ("a batch on the other side", [(3, 4, 4), (5, 3, 8, 8)], {"method": "nearest"}, (5, 3, 8, 8)),
    ("a batch of one", [(5, 3, 8, 8), (1, 3, 4, 4)], {"method": "nearest"}, (5, 3, 8, 8)),
    ("no channels", [(3, 8, 8), (4, 4)], {"method": "bilinear"}, (3, 8, 8)),
    ("NCHW and NHWC", [(1, 3, 8, 8), (1, 4, 4, 3)], {"layout": "NCHW,NHWC", "method": "area"}, (1, 3, 4, 4)),
    ("NHWC and NCHW", [(1, 4, 4, 3), (1, 3, 8, 8)], {"layout": "NHWC,NCHW", "method": "area"}, (1, 4, 4, 3)),
    ("HWC and NCHW", [(4, 5, 3), (2, 3, 8, 9)], {"layout": "HWC,NCHW", "method": "pad"}, (2, 8, 9, 3)),
    ("a map in a volume", [(5, 5), (4, 5, 5)], {"layout": "HW,DHW"}, (4, 5, 5)),
    # joins
    ("concat", [(1, 64, 64, 32), (1, 64, 64, 16)], {"combine": "concat"}, (1, 64, 64, 48)),
    (
        "concat of three, sizes differ",
        [(8, 8, 3), (4, 4, 5), (2, 2, 1)],
        {"combine": "concat", "method": "nearest"},
        (8, 8, 9),
    ),
    ("concat, a map counts as one", [(3, 8, 8), (8, 8)], {"combine": "concat"}, (4, 8, 8)),
    ("concat, mixed", [(1, 3, 8, 8), (8, 8, 2)], {"combine": "concat", "layout": "NCHW,HWC"}, (1, 5, 8, 8)),
    (
        "concat repeats a batch of one",
        [(4, 3, 8, 8), (1, 2, 8, 8)],
        {"combine": "concat"},
        (4, 5, 8, 8),
    ),
    ("stack", [(8, 8), (8, 8), (8, 8)], {"combine": "stack"}, (3, 8, 8)),
    ("stack, sizes differ", [(8, 8), (4, 6)], {"combine": "stack", "method": "crop"}, (2, 4, 6)),
    ("stack without a layout", [(2, 9, 7, 3)] * 2, {"combine": "stack"}, (2, 2, 9, 7, 3)),
    # pools of a given geometry
    ("pool, one input", [(1, 3, 9, 9)], {"method": "max-pool", "pool_size": "2"}, (1, 3, 4, 4)),
    ("pool, ceil", [(1, 3, 9, 9)], {"method": "max-pool", "pool_size": 2, "ceil_mode": True}, (1, 3, 5, 5)),
    (
        "pool, sizes by axis",
        [(9, 9)],
        {"method": "avg-pool", "pool_size": "3x2", "pool_stride": "2x3", "pool_padding": "1x0"},
        (5, 3),
    ),
    ("pool that hits the other's size", [(8, 8), (4, 4)], {"method": "avg-pool", "pool_size": "2"}, (4, 4)),
    # letterbox
    ("letterbox", [(20, 40), (32, 32)], {"method": "letterbox"}, (32, 40)),
    ("letterbox to", [(20, 40)], {"method": "letterbox", "to": "32x32"}, (32, 32)),
    # strides, transposed
    ("stride", [(9, 9), (5, 5)], {"method": "stride"}, (5, 5)),
    ("transposed-conv", [(8, 8), (4, 2)], {"method": "transposed-conv"}, (8, 8)),
    # nothing there
    ("size 0", [(0, 3), (0, 3)], {}, (0, 3)),
    ("size 0 broadcasts", [(0, 3), (1, 3)], {}, (0, 3)),
    ("no channels at all", [(0, 8, 8), (2, 8, 8)], {"combine": "concat", "layout": "CHW"}, (2, 8, 8)),
    ("pad from nothing", [(0, 3), (2, 3)], {"method": "pad"}, (2, 3)),
]


@pytest.mark.parametrize(
    ("shapes", "options", "expected"), [row[1:] for row in PLANS], ids=[row[0] for row in PLANS]
)
def test_shapes(plan: Plan, shapes: list[Shape], options: dict[str, Any], expected: Shape) -> None:
    assert plan(*shapes, **options).shape == expected


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("combine", COMBINES)
def test_every_method_with_every_combine(plan: Plan, method: str, combine: str) -> None:
    """Sizes in a ratio of two, which every method can bring together, but strict."""
    shuffles = METHODS[method].shuffles
    small = (8, 8, 3) if method == "strict" else (4, 4, 12 if shuffles else 3)
    result = plan((8, 8, 3), small, method=method, combine=combine)
    grid = {"largest": 8, "smallest": 4, "first": 8, "none": 8}[METHODS[method].target]
    channels = 12 if shuffles == "channels" else 3
    joined = {"concat": (grid, grid, 2 * channels), "stack": (2, grid, grid, channels)}
    assert result.shape == joined.get(combine, (grid, grid, channels))
    idle = {"offset", "cubic_a", "nearest_rounding", "bias"} | {"scale", "recompute_scale_factor"}
    idle |= {"keep_aspect", "roi", "extrapolation_value"}
    idle -= {"cubic_a"} if method == "bicubic" else set()
    geometry = {name for name in METHODS["avg-pool"].options if OPTIONS[name].panel == "Pooling"}
    geometry |= {"kernel_layout", "stride", "padding", "output_padding", "dilation", "groups"}
    for name in set(METHODS[method].options) - idle - geometry:  # of a window or a kernel: none is given
        assert name in result.pipeline, "an option of the method is not in the resolved pipeline"


REFUSED = [
    # why: shapes, options, words of the error
    (
        "channels",
        [(1, 8, 8, 32), (1, 8, 8, 16)],
        {},
        "axis C|map1.npy has 32|map2.npy has 16|--channels tile",
    ),
    (
        "channels under a method",
        [(1, 64, 64, 32), (1, 32, 32, 16)],
        {"method": "bilinear"},
        "axis C|map1.npy has 32|map2.npy has 16|concat",
    ),
    ("sizes", [(8, 8), (7, 8)], {}, "axis H|map1.npy has 8|map2.npy has 7|--method"),
    ("batch", [(2, 3, 8, 8), (4, 3, 8, 8)], {}, "axis N|batch|map1.npy has 2|map2.npy has 4|batch of 1"),
    (
        "channels that are no multiple",
        [(8, 8, 6), (8, 8, 4)],
        {"channels": "tile"},
        "map2.npy|axis C|tile|4|6|zero-pad",
    ),
    (
        "concat of other sizes",
        [(8, 8, 6), (9, 9, 4)],
        {"combine": "concat"},
        "axis H|map1.npy has 8|map2.npy has 9|--method",
    ),
    (
        "concat without channels",
        [(8, 8), (8, 8)],
        {"combine": "concat", "layout": "HW"},
        "concat|channel|HW|--layout",
    ),
    (
        "pool that misses",
        [(8, 8), (5, 5)],
        {"method": "max-pool", "pool_size": "2"},
        "map1.npy|axis H|8|5|window 2|gives 4|adaptive",
    ),
    (
        "too much pool padding",
        [(8, 8)],
        {"method": "max-pool", "pool_size": "2", "pool_padding": "2", "to": "4x4"},
        "axis H|padding 2|no sample|--pool-padding",
    ),
    ("crop grows", [(8, 8), (5, 5)], {"method": "crop", "to": "9x5"}, "map1.npy|axis H|8|9|crop-or-pad"),
    ("pad shrinks", [(8, 8), (5, 5)], {"method": "pad", "to": "8x4"}, "map1.npy|axis W|8|4|crop-or-pad"),
    ("a step that does not exist", [(8, 8), (5, 5)], {"method": "stride"}, "axis H|8|5|area"),
    ("a factor that is not whole", [(8, 8), (5, 5)], {"method": "transposed-conv"}, "axis H|5|8|bilinear"),
    ("offset too far", [(8, 8), (5, 8)], {"method": "crop", "offset": "H:4"}, "map1.npy|axis H|H:4|0 to 3"),
    ("offset where nothing changes", [(8, 8), (5, 8)], {"method": "crop", "offset": "W:1"}, "W:1|not change"),
    ("offset of no axis", [(8, 8), (5, 8)], {"method": "crop", "offset": "D:0"}, "D:0|not in the layout"),
    ("like lacks an axis", [(8, 8)], {"method": "crop", "like": (4,)}, "--like|axis H|--to"),
    ("nothing to resize from", [(0, 4)], {"method": "bilinear", "to": "2x2"}, "map1.npy|axis H|0|2|pad"),
]


@pytest.mark.parametrize(
    ("shapes", "options", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_refused(plan: Plan, shapes: list[Shape], options: dict[str, Any], words: str) -> None:
    """The error names the axis, the sizes, the inputs and a way out."""
    with pytest.raises(ShapeError) as caught:
        plan(*shapes, **options)
    assert caught.value.hint
    for word in words.split("|"):
        assert word in str(caught.value)
