"""What all headers have in common: sizes that can be, names of axes, words that may be quoted."""

import numpy as np
import pytest
from featfuse.formats.headers import (
    BOMB_BYTES,
    check_shape,
    clip,
    is_bomb,
    layout_from_names,
    layout_from_text,
    natural_key,
    unreadable,
)


@pytest.mark.parametrize(
    ("names", "layout"),
    [
        (("batch", "lat", "lon"), "NHW"),
        ((" Time ", "CHANNELS", "y", "x"), "TCHW"),
        (("tokens", "features"), "LC"),
        (("row", "height"), None),  # the same axis twice
        (("row", "whatever"), None),
        ((), None),
    ],
)
def test_layouts_that_names_spell(names: tuple[str, ...], layout: str | None) -> None:
    assert layout_from_names(names) == layout


@pytest.mark.parametrize(
    ("text", "rank", "layout"),
    [("NCHW", 4, "NCHW"), ("nhwc", 4, "NHWC"), ("NCHW", 3, None), ("NCHX", 4, None), (5, 1, None)],
)
def test_layouts_of_metadata(text: object, rank: int, layout: str | None) -> None:
    assert layout_from_text(text, rank) == layout


def test_shapes_that_no_array_has() -> None:
    assert check_shape((3, 4), 8) == 96
    assert check_shape((0, 2**40), 8) == 0
    for shape, words in (((-1, 2), "negative"), ((1,) * 33, "33 axes"), ((2**40, 2**40, 0), "any file")):
        with pytest.raises(ValueError, match=words):
            check_shape(shape, 1)


def test_claims_that_no_data_packs_so_well_for() -> None:
    assert not is_bomb(BOMB_BYTES, 1)
    assert is_bomb(BOMB_BYTES + 1, 1)
    assert not is_bomb(1000 << 30, 1 << 30)
    assert is_bomb((1000 << 30) + 1, 1 << 30)


def test_words_are_quoted_in_part_only() -> None:
    assert clip("x" * 200) == "x" * 200
    assert clip("x" * 201) == "x" * 200 + "..."


def test_layers_are_counted() -> None:
    names = ["layer10.b", "layer2.b", "layer2.a10", "layer2.a9", "Layer1"]
    assert sorted(names, key=natural_key) == ["Layer1", "layer2.a9", "layer2.a10", "layer2.b", "layer10.b"]
    assert sorted(["a10", "a", "a0", "a9b", "a-1", "ab"], key=natural_key) == [
        "a",
        "a0",
        "a9b",
        "a10",
        "a-1",
        "ab",
    ]
    assert natural_key("1" * 60_000) < natural_key("2" * 60_000), "Python converts no numbers of such length"


@pytest.mark.parametrize(
    ("dtype", "word"),
    [("O", "never loaded"), ("f4,i4", "f0, f1"), ("c8", "complex"), ("V2", "bfloat16"), ("U3", "text")],
)
def test_types_that_are_refused(dtype: str, word: str) -> None:
    assert word in unreadable(np.dtype(dtype))[0]
