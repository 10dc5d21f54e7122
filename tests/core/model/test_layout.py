"""Layouts: `--layout`, the file's own word, or none when none is needed."""

from collections.abc import Sequence

import featfuse
import numpy as np
import pytest
from featfuse import FeatfuseError, ShapeError, UsageError
from featfuse.model.layout import (
    LETTERS,
    OriginKind,
    align,
    given_layouts,
    is_anonymous,
    own_reading,
    parse_layouts,
    without_names,
)
from featfuse.model.tensor import TensorSpec

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


def test_the_files_own_word() -> None:
    own, other, none = specs([(1, 3, 4, 5), (1, 3, 4, 5), (1, 3, 4, 5)], ["NHWC", "HWC"])
    reading = own_reading(own)
    assert reading is not None
    assert (reading.layout, reading.origin.detail) == ("NHWC", "dimension labels")
    assert own_reading(other) is None, "a word about another number of axes is no word"
    assert own_reading(none) is None


@pytest.mark.parametrize(
    ("text", "count", "expected"),
    [(None, 2, [None, None]), ("nchw", 2, ["NCHW", "NCHW"]), ("NLC, NCHW", 2, ["NLC", "NCHW"])],
)
def test_given_layouts(text: str | None, count: int, expected: list[str | None]) -> None:
    assert given_layouts(text, count) == expected


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
    assert 'layout="NCHW" or layout="NHWC"' in report.problem


def test_the_report_names_the_rule() -> None:
    report = featfuse.inspect((1, 64, 64, 32), (1, 32, 32, 32), method="bilinear")
    assert "NHWC, inferred: square maps; `layout` to override" in str(report)
    assert report.inputs[0].layout_source == "inferred: square maps; `layout` to override"


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


def test_many_axes_have_numbers() -> None:
    readings = without_names(specs([(1,) * 20] * 2))
    assert all(is_anonymous(reading.layout) for reading in readings)
    assert not set(readings[0].layout) & set(LETTERS)


@pytest.mark.parametrize(
    ("text", "shapes", "expected"),
    [
        ("channels_last", [(1, 8, 9, 3)], ["NHWC"]),
        ("channels-first", [(1, 3, 8, 9), (1, 3, 4, 5)], ["NCHW", "NCHW"]),
        ("channels_first", [(2, 80, 1000)], ["NCW"]),
        ("channels_last", [(1, 4, 8, 9, 3)], ["NDHWC"]),
        ("BCHW", [(1, 3, 8, 9)], ["NCHW"]),
        ("bhwc", [(1, 8, 9, 3)], ["NHWC"]),
        ("BLC,BCHW", [(1, 64, 3), (1, 3, 8, 8)], ["NLC", "NCHW"]),
        ("BCT", [(1, 80, 1000)], ["NCT"]),
    ],
)
def test_other_names_of_layouts(text: str, shapes: Shapes, expected: list[str]) -> None:
    assert [reading.layout for reading in parse_layouts(text, specs(shapes))] == expected
