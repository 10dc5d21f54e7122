"""Shuffles, planned: the factor that follows from the grids, and the way out where there is none."""

from collections.abc import Callable
from typing import Any

import featfuse
import numpy as np
import pytest
from featfuse import ShapeError
from featfuse.planning.plan import Shuffle

from tests.support.reference.shuffling import depth_to_space, space_to_depth

Plan = Callable[..., Any]

PLANS = [
    # why: shapes, options, expected shape
    ("by the other input", [(1, 3, 8, 12), (1, 12, 4, 6)], {}, (1, 3, 8, 12)),
    ("by --to", [(1, 18, 4, 6)], {"to": "12x18"}, (1, 2, 12, 18)),
    ("by --scale", [(1, 18, 4, 6)], {"layout": "NCHW", "scale": "3"}, (1, 2, 12, 18)),
    ("by --scale, some axes", [(1, 5, 8, 3, 4)], {"layout": "NTCHW", "scale": "1x2x2"}, (1, 5, 2, 6, 8)),
    ("by --scale to the other", [(1, 3, 8, 12), (1, 12, 4, 6)], {"scale": 2}, (1, 3, 8, 12)),
    ("by --like", [(1, 12, 4, 6)], {"like": (8, 12)}, (1, 3, 8, 12)),
    ("each input its own factor", [(1, 4, 4, 4), (1, 16, 2, 2), (1, 64, 1, 1)], {}, (1, 4, 4, 4)),
    ("channels are met after it", [(1, 6, 8, 8), (1, 12, 4, 4)], {"channels": "tile"}, (1, 6, 8, 8)),
    ("and joined", [(1, 6, 8, 8), (1, 12, 4, 4)], {"combine": "concat"}, (1, 9, 8, 8)),
    ("one channel broadcasts", [(1, 6, 8, 8), (1, 4, 4, 4)], {}, (1, 6, 8, 8)),
    ("no batch", [(3, 8, 12), (12, 4, 6)], {"layout": "CHW"}, (3, 8, 12)),
    ("one dimension", [(2, 12, 5)], {"layout": "NCW", "to": "20"}, (2, 3, 20)),
    ("three dimensions", [(1, 16, 2, 3, 4)], {"layout": "NCDHW", "to": "4x6x8"}, (1, 2, 4, 6, 8)),
    ("frames by themselves", [(1, 5, 8, 3, 4)], {"layout": "NTCHW", "to": "5x6x8"}, (1, 5, 2, 6, 8)),
    ("time as well", [(1, 5, 8, 3, 4)], {"layout": "NTCHW", "to": "10x6x8"}, (1, 10, 1, 6, 8)),
    ("time alone", [(1, 8, 5)], {"layout": "NCT", "to": "10"}, (1, 4, 10)),
    ("on the grid already", [(1, 3, 8, 8), (1, 3, 8, 8)], {"layout": "NCHW"}, (1, 3, 8, 8)),
]


@pytest.mark.parametrize(
    ("shapes", "options", "shape"), [row[1:] for row in PLANS], ids=[row[0] for row in PLANS]
)
def test_plans(plan: Plan, shapes: list[Any], options: dict[str, Any], shape: tuple[int, ...]) -> None:
    assert plan(*shapes, method="pixel-shuffle", **options).shape == shape


def test_the_way_back(plan: Plan) -> None:
    assert plan((1, 3, 8, 12), (1, 12, 4, 6), method="pixel-unshuffle").shape == (1, 12, 4, 6)
    assert plan((1, 3, 8, 12), method="pixel-unshuffle", layout="NCHW", scale=0.5).shape == (1, 12, 4, 6)
    video = plan((1, 5, 2, 6, 8), method="pixel-unshuffle", layout="NTCHW", to="5x3x4")
    assert video.shape == (1, 5, 8, 3, 4)


REFUSED = [
    # why: method, shapes, options, words of the error
    ("another factor", "pixel-shuffle", [(1, 8, 4, 6)], {"to": "8x18"}, "H 4 to 8, W 6 to 18|--to 8x12"),
    ("one axis only", "pixel-shuffle", [(1, 8, 4, 6)], {"to": "8x6"}, "W 6 to 6|one and the same|bilinear"),
    ("no whole factor", "pixel-shuffle", [(1, 8, 4, 6)], {"to": "9x13"}, "H 4 to 9|whole factor"),
    ("the wrong way", "pixel-shuffle", [(1, 8, 4, 6)], {"to": "2x3"}, "H 4 to 2|pixel-unshuffle"),
    ("the wrong way back", "pixel-unshuffle", [(1, 8, 4, 6)], {"to": "8x12"}, "H 4 to 8|pixel-shuffle"),
    ("the wrong scale", "pixel-shuffle", [(1, 8, 4, 6)], {"scale": 0.5}, "H 4 to 2|--scale"),
    ("no whole scale", "pixel-shuffle", [(1, 8, 4, 6)], {"scale": 1.5}, "H 4 to 6|whole factor|bilinear"),
    ("a rest", "pixel-unshuffle", [(1, 8, 107, 160)], {"to": "54x80"}, "H 107 to 54|Crop or pad|avg-pool"),
    (
        "channels",
        "pixel-shuffle",
        [(1, 18, 4, 6)],
        {"to": "8x12"},
        "map1.npy|axis C|by 2|4 (2x2)|18|--to 12x18, --project 1=KERNEL|--method bilinear",
    ),
    (
        "few channels",
        "pixel-shuffle",
        [(1, 3, 8, 8), (1, 3, 4, 4)],
        {"layout": "NCHW"},
        "map2.npy|--project 2",
    ),
    ("volumes", "pixel-shuffle", [(1, 4, 2, 3, 4)], {"layout": "NCDHW", "to": "4x6x8"}, "8 (2x2x2)|and 4 is"),
    ("no channels", "pixel-shuffle", [(4, 6)], {"layout": "HW", "to": "8x12"}, "channel axis|HW|--layout"),
]


@pytest.mark.parametrize(
    ("method", "shapes", "options", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_refused(plan: Plan, method: str, shapes: list[Any], options: dict[str, Any], words: str) -> None:
    with pytest.raises(ShapeError) as caught:
        plan(*shapes, method=method, **({"layout": "NCHW"} | options))
    for word in words.split("|"):
        assert word in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize(("convention", "blocks"), [("torch", False), ("onnx", True), ("tf", True)])
def test_the_convention_orders_the_channels(plan: Plan, convention: str, blocks: bool) -> None:
    found = plan((1, 8, 2, 2), method="pixel-shuffle", to="4x4", layout="NCHW", convention=convention)
    (operation,) = found.value.fusion.branches[0].operations
    assert operation == Shuffle(True, 2, ("H", "W"), blocks, 2)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC", "NWHC", "CWHN", "HWC"])
@pytest.mark.parametrize("convention", ["torch", "tf"])
def test_neighbours_follow_letters(layout: str, convention: str) -> None:
    """Row by row along H and W, wherever the input has them."""
    x = np.arange(1 * 8 * 2 * 3).reshape(1, 8, 2, 3)
    wide = depth_to_space(x, 2, blocks=convention == "tf")
    order = ["NCHW".index(letter) for letter in layout]
    given, expected = (y[0] if "N" not in layout else y for y in (x, wide))
    order = order if "N" in layout else [place - 1 for place in order]
    to = [{"H": 4, "W": 6}[letter] for letter in layout if letter in "HW"]
    call = {"layout": layout, "convention": convention}
    result = featfuse.fuse(given.transpose(order), method="pixel-shuffle", to=tuple(to), **call)
    assert np.array_equal(result, expected.transpose(order))
    back = featfuse.fuse(result, method="pixel-unshuffle", to=tuple(size // 2 for size in to), **call)
    assert np.array_equal(back, given.transpose(order))


def test_frames_are_shuffled_one_by_one() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 8, 2, 4))
    result = featfuse.fuse(x, method="pixel-shuffle", layout="NTCHW", to="3x4x8")
    expected = [depth_to_space(x[:, t], 2, blocks=False) for t in range(3)]
    assert np.array_equal(result, np.stack(expected, axis=1))
    back = featfuse.fuse(result, method="pixel-unshuffle", layout="NTCHW", to="3x2x4")
    assert np.array_equal(back[:, 1], space_to_depth(result[:, 1], 2, blocks=False))


def test_a_projection_comes_before_it() -> None:
    x, kernel = (
        np.random.default_rng(0).normal(size=(1, 5, 2, 3)),
        np.random.default_rng(1).normal(size=(8, 5)),
    )
    result = featfuse.fuse(x, method="pixel-shuffle", layout="NCHW", to="4x6", project={1: kernel})
    mixed = np.einsum("oc,nchw->nohw", kernel, x)
    np.testing.assert_allclose(result, depth_to_space(mixed, 2, blocks=False))


def test_levels_of_a_pyramid() -> None:
    rng = np.random.default_rng(0)
    maps = [rng.normal(size=(1, channels, size, size)) for channels, size in ((4, 8), (16, 4), (64, 2))]
    result = featfuse.fuse(*maps, method="pixel-shuffle", fold="coarse-to-fine", layout="NCHW")
    middle = maps[1] + depth_to_space(maps[2], 2, blocks=False)
    np.testing.assert_allclose(result, maps[0] + depth_to_space(middle, 2, blocks=False))


def test_a_mask_takes_what_was_shuffled() -> None:
    a, b = np.ones((1, 2, 4, 4)), np.arange(32.0).reshape(1, 8, 2, 2)
    mask = np.tri(4)
    result = featfuse.fuse(a, b, method="pixel-shuffle", layout="NCHW", mask=mask)
    np.testing.assert_allclose(result, a + mask * depth_to_space(b, 2, blocks=False))
