"""Layouts: `--layout`, the file's own word, the rank, inference, or none when none is needed."""

from collections.abc import Sequence

import featfuse
import numpy as np
import pytest
from featfuse import FeatfuseError, ShapeError, UsageError
from featfuse.model.layout import (
    LETTERS,
    OriginKind,
    align,
    common_layouts,
    is_anonymous,
    parse_layouts,
    resolve_layouts,
)
from featfuse.model.tensor import TensorSpec
from featfuse.report.reports import origin_words

Shapes = Sequence[tuple[int, ...]]


def specs(shapes: Shapes, layouts: Sequence[str | None] = ()) -> list[TensorSpec]:
    known = [*layouts, *[None] * (len(shapes) - len(layouts))]
    return [
        TensorSpec(
            f"input {number}",
            shape,
            np.dtype("float32"),
            layout=layout,
            layout_source="dimension labels" if layout else None,
        )
        for number, (shape, layout) in enumerate(zip(shapes, known, strict=True), start=1)
    ]


DECIDED = [
    # why: shapes, the files' layouts, expected layouts, words of the expected source
    ("rank 0", [()], (), [""], "by rank"),
    ("rank 1", [(7,)], (), ["W"], "by rank"),
    ("rank 2", [(7, 5)], (), ["HW"], "by rank"),
    ("the file knows, whatever the sizes say", [(1, 8, 8, 3)], ("NCHW",), ["NCHW"], "dimension labels"),
    ("the file's word of another rank is no word", [(1, 8, 8, 3)], ("HW",), ["NHWC"], "square maps"),
    ("rule a, one tensor", [(1, 64, 64, 32)], (), ["NHWC"], "square maps"),
    ("rule a, channels first", [(1, 32, 64, 64)], (), ["NCHW"], "square maps"),
    ("rule a, rank 3", [(16, 9, 9)], (), ["CHW"], "square maps"),
    ("rule a, rank 5 looks at the last two spatial axes", [(1, 4, 9, 9, 2)], (), ["NDHWC"], "square maps"),
    ("rule a, all tensors together", [(1, 64, 64, 32), (1, 32, 32, 16)], (), ["NHWC"] * 2, "square maps"),
    ("rule a, tensors of different rank", [(1, 64, 64, 32), (32, 32, 8)], (), ["NHWC", "HWC"], "square"),
    ("rule a settles a tensor that alone reads both ways", [(8, 8, 8), (8, 8, 4)], (), ["HWC"] * 2, "square"),
    ("rule b, same space and other channels", [(2, 9, 7, 3), (2, 9, 7, 5)], (), ["NHWC"] * 2, "matching"),
    ("rule b, same channels and other space", [(2, 3, 9, 7), (2, 3, 5, 4)], (), ["NCHW"] * 2, "matching"),
    ("rule b, a map without channels", [(3, 4, 5), (4, 5)], (), ["CHW", "HW"], "matching sizes"),
    # NHWC maps of other heights read so too; the report says who decided
    ("rule b, the same last two sizes", [(2, 9, 7, 3), (2, 5, 7, 3)], (), ["NCHW"] * 2, "matching sizes"),
    ("rule b, sixteen inputs", [(3, 9, 7)] * 15 + [(3, 5, 4)], (), ["CHW"] * 16, "matching sizes"),
    ("one known, one inferred", [(3, 9, 7), (5, 9, 7)], ("CHW",), ["CHW", "CHW"], "matching sizes"),
]


@pytest.mark.parametrize(
    ("shapes", "known", "expected", "source"), [row[1:] for row in DECIDED], ids=[row[0] for row in DECIDED]
)
def test_decided(shapes: Shapes, known: Sequence[str | None], expected: list[str], source: str) -> None:
    readings = resolve_layouts(specs(shapes, known), None, needed=True)
    assert [reading.layout for reading in readings] == expected
    undecided = [reading for reading, layout in zip(readings, [*known, None], strict=False) if layout is None]
    assert all(source in origin_words(reading.origin) for reading in undecided or readings)


AMBIGUOUS = [
    # why: shapes that read both ways, or neither way
    ("one tensor that is not square", [(3, 9, 7)]),
    ("square either way", [(8, 8, 8)]),
    ("two equal tensors", [(2, 9, 7, 3), (2, 9, 7, 3)]),
    ("H and C differ, or C and W", [(2, 9, 7, 3), (2, 5, 7, 4)]),
    ("all sizes differ", [(2, 9, 7, 3), (2, 5, 4, 6)]),
    ("rank 5", [(1, 2, 3, 4, 5)]),
]


@pytest.mark.parametrize("shapes", [row[1] for row in AMBIGUOUS], ids=[row[0] for row in AMBIGUOUS])
def test_ambiguous(shapes: Shapes) -> None:
    """Both readings side by side when something depends on it, and no guess when nothing does."""
    with pytest.raises(ShapeError) as caught:
        resolve_layouts(specs(shapes), None, needed=True)
    first, last = {3: ("CHW", "HWC"), 4: ("NCHW", "NHWC"), 5: ("NCDHW", "NDHWC")}[len(shapes[0])]
    for reading in (first, last):
        assert f"read as {reading}" in str(caught.value)
        assert f"--layout {reading}" in caught.value.hint
    for number, shape in enumerate(shapes, start=1):
        assert f"input {number}" in str(caught.value)
        for letter, size in zip(first, shape, strict=True):
            assert f"{letter}={size}" in str(caught.value)
    readings = resolve_layouts(specs(shapes), None, needed=False)
    assert all(is_anonymous(reading.layout) for reading in readings)


def test_more_than_five_axes_need_a_word() -> None:
    shapes = [(1, 2, 3, 4, 5, 6)] * 2
    with pytest.raises(ShapeError, match="6 axes"):
        resolve_layouts(specs(shapes), None, needed=True)
    assert [it.layout for it in resolve_layouts(specs(shapes), "NTCDHW", needed=True)] == ["NTCDHW"] * 2


GIVEN = [
    # --layout, shapes, expected
    ("NHWC", [(1, 4, 5, 3), (1, 2, 2, 3)], ["NHWC", "NHWC"]),
    ("nchw", [(1, 3, 4, 5)], ["NCHW"]),  # letters in any case
    ("NHWC, NCHW", [(1, 4, 5, 3), (1, 3, 4, 5)], ["NHWC", "NCHW"]),  # one each, blanks allowed
    ("NCHW", [(1, 3, 4, 5), (3, 4, 5)], ["NCHW", "CHW"]),  # a smaller tensor lacks the batch
    ("NHWC", [(1, 4, 5, 3), (4, 5)], ["NHWC", "HW"]),  # ... and the channels
    ("CHW", [(3, 4, 5), (4, 5)], ["CHW", "HW"]),
    ("NTHWC", [(1, 2, 4, 5, 3)], ["NTHWC"]),
    ("NLC", [(1, 49, 8)], ["NLC"]),
]


@pytest.mark.parametrize(("text", "shapes", "expected"), GIVEN)
def test_given(text: str, shapes: Shapes, expected: list[str]) -> None:
    readings = parse_layouts(text, specs(shapes))
    assert [reading.layout for reading in readings] == expected
    assert all(reading.origin.kind is OriginKind.GIVEN for reading in readings)


def test_given_beats_the_file() -> None:
    (reading,) = resolve_layouts(specs([(1, 3, 4, 5)], ["NHWC"]), "NCHW", needed=True)
    assert reading.layout == "NCHW"


@pytest.mark.parametrize(
    ("text", "shapes", "kind", "word"),
    [
        ("NHWC,NHWC", [(1, 2, 2, 3)], UsageError, "2 layouts for 1 input"),
        ("NHHC", [(1, 2, 2, 3)], UsageError, "not a layout"),
        ("NXYC", [(1, 2, 2, 3)], UsageError, "not a layout"),
        ("N-CHW", [(1, 2, 2, 3)], UsageError, "not a layout"),
        ("HWC", [(1, 2, 2, 3)], ShapeError, "3 axes, the tensor has 4"),
        ("NHWC,NHWC", [(1, 2, 2, 3), (2, 2, 3)], ShapeError, "input 2"),  # in a list, each is meant as it is
    ],
)
def test_refused(text: str, shapes: Shapes, kind: type[FeatfuseError], word: str) -> None:
    with pytest.raises(kind, match=word) as caught:
        parse_layouts(text, specs(shapes))
    assert caught.value.hint


def test_a_list_names_the_inputs_and_not_the_template() -> None:
    report = featfuse.inspect(
        (1, 3, 8, 8), (1, 4, 4, 3), like=(1, 3, 6, 6), layout="NCHW,NHWC", method="bilinear"
    )
    assert report.output is not None
    assert report.output.shape == (1, 3, 6, 6)


@pytest.mark.parametrize(
    ("shapes", "options"),
    [
        ([(2, 9, 7, 3)] * 2, {}),
        ([(2, 9, 7, 3)] * 2, {"combine": "mean"}),
        ([(2, 9, 7, 3)] * 2, {"combine": "stack"}),
        ([(2, 9, 7, 3), (2, 9, 1, 3)], {}),  # NumPy broadcasting needs no names either
        ([(2, 9, 7, 3)] * 2, {"method": "bilinear"}),  # nothing to resize
        ([(1, 2, 3, 4, 5, 6)] * 3, {"combine": "max"}),
    ],
)
def test_not_needed(shapes: Shapes, options: dict[str, str]) -> None:
    report = featfuse.inspect(*shapes, **options)  # type: ignore[arg-type]
    assert report.problem is None
    assert report.output is not None
    assert report.output.layout is None
    assert all(row.layout is None for row in report.inputs)


@pytest.mark.parametrize(
    ("shapes", "options"),
    [
        ([(2, 9, 7, 3)] * 2, {"combine": "concat"}),  # which axis is joined?
        ([(2, 9, 7, 3)] * 2, {"method": "bilinear", "to": "4x4"}),
        ([(2, 9, 7, 3), (2, 5, 7, 4)], {"method": "bilinear"}),
        ([(2, 9, 7, 3)], {"method": "max-pool", "pool_size": "2"}),
    ],
)
def test_needed(shapes: Shapes, options: dict[str, str]) -> None:
    report = featfuse.inspect(*shapes, **options)  # type: ignore[arg-type]
    assert report.problem is not None
    assert "ambiguous" in report.problem
    assert "--layout NCHW or --layout NHWC" in report.problem


def test_the_report_names_the_rule() -> None:
    report = featfuse.inspect((1, 64, 64, 32), (1, 32, 32, 32), method="bilinear")
    assert "NHWC, inferred: square maps; --layout to override" in str(report)
    assert report.inputs[0].layout_source == "inferred: square maps; --layout to override"


@pytest.mark.parametrize(
    ("layouts", "expected"),
    [
        (["NHWC", "NCHW"], "NHWC"),  # the first decides
        (["HWC", "NCHW"], "NHWC"),  # the batch is put in front
        (["HW", "CHW"], "CHW"),  # the channels where the other has them
        (["HW", "HWC"], "HWC"),
        (["HW", "NCHW"], "NCHW"),
        (["CHW", "NHWC"], "NCHW"),
        (["HWC", "DHW"], "DHWC"),  # space keeps its order
        (["NCHW", "DHW"], "NCDHW"),
        (["NCDHW", "TDHW"], "NCTDHW"),
        (["W", "HW", "CHW", "NCHW"], "NCHW"),
        (["", "NCHW"], "NCHW"),
        (["", ""], ""),
    ],
)
def test_align(layouts: list[str], expected: str) -> None:
    assert align(layouts) == expected


@pytest.mark.parametrize("first", ["", "W", "HW", "CHW", "HWC", "NCHW", "NDHWC", "NCTHW"])
@pytest.mark.parametrize("second", ["", "W", "HW", "CHW", "HWC", "NHWC", "NCDHW", "NLC"])
def test_align_loses_nothing(first: str, second: str) -> None:
    result = align([first, second])
    assert sorted(result) == sorted(set(first) | set(second))
    assert set(result) <= set(LETTERS)
    assert [letter for letter in result if letter in first] == list(first), "the first input's order stays"


def test_many_axes_stay_anonymous() -> None:
    readings = resolve_layouts(specs([(1,) * 20] * 2), None, needed=False)
    assert all(is_anonymous(reading.layout) for reading in readings)
    assert not set(readings[0].layout) & set(LETTERS)


@pytest.mark.parametrize(
    ("shapes", "known", "offers"),
    [
        ([(2, 9, 7, 3), (2, 5, 7, 4)], (), ["NCHW", "NHWC"]),
        ([(2, 9, 7, 3), (5, 7, 4)], (), ["NCHW", "NHWC"]),
        ([(2, 9, 7, 3), (2, 5, 7, 4)], ("NHWC",), ["NHWC,NCHW", "NHWC"]),  # what a file says stays
        ([(2, 9, 7, 3), (7, 5)], (), ["NCHW", "NHWC"]),
        ([(2, 9, 7, 3), (7,)], (), ["NCHW,W", "NHWC,W"]),
    ],
)
def test_the_layouts_to_choose_from_read_as_promised(
    shapes: Shapes, known: Sequence[str | None], offers: list[str]
) -> None:
    tensors = specs(shapes, known)
    assert common_layouts(tensors) == offers
    for offer in offers:
        readings = parse_layouts(offer, tensors)
        for reading, layout in zip(readings, known, strict=False):
            assert reading.layout == layout
