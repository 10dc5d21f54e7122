"""Which axis is which: decided with the rule that decided, or asked with every answer and what follows."""

import json
from pathlib import Path

import featfuse
import pytest
from featfuse.errors import ShapeError
from featfuse.fusion import inspect_inputs
from featfuse.model.layout import OriginKind
from featfuse.planning.planner import read_inputs
from featfuse.planning.readings import READINGS, AmbiguousLayout, joint_readings
from featfuse.request.options import Options

from tests.core.model.test_layout import specs

CASES = [
    json.loads(line)
    for name in ("layouts.jsonl", "layouts_own.jsonl")
    if (path := Path(__file__).with_name(name)).exists()
    for line in path.read_text().splitlines()
]


def outcome(shapes, options):
    """The first input's layout, "-" for axes with numbers, or "ask"; and all that the command line says."""
    try:
        report = inspect_inputs([tuple(shape) for shape in shapes], options)
    except featfuse.FeatfuseError as error:
        return "ask", str(error)
    said = "\n".join([report.problem or "", *(it.command for it in report.suggestions)])
    if report.problem is None:
        return report.inputs[0].layout or "-", said
    return ("ask" if "ambiguous" in report.problem else report.inputs[0].layout or "refused"), said


@pytest.mark.parametrize(
    "case", CASES, ids=lambda case: f"{case['shapes']} {case['options']}".replace(" ", "")
)
def test_a_case(case):
    got, said = outcome(case["shapes"], case["options"])
    assert got in case["right"], said
    if got == "ask":
        for words in case.get("says", ()):
            assert words in said


DECIDED = [
    # shapes, the files' layouts, options, expected layouts, the rule
    ([(7,)], (), {"method": "bilinear", "to": 9}, ["W"], ""),
    ([(7, 5)], (), {"method": "bilinear", "to": (9, 9)}, ["HW"], ""),
    ([(1, 8, 8, 3)], ("NCHW",), {"to": (4, 4), "method": "nearest"}, ["NCHW"], "dimension labels"),
    ([(1, 8, 8, 3)], ("HW",), {"to": (4, 4), "method": "nearest"}, ["NHWC"], "square maps"),
    (
        [(1, 64, 64, 32), (32, 32, 8)],
        (),
        {"method": "bilinear", "channels": "tile"},
        ["NHWC", "HWC"],
        "square maps",
    ),
    ([(8, 8, 8), (8, 8, 4)], (), {"combine": "concat"}, ["HWC"] * 2, "square maps"),
    ([(2, 9, 7, 3), (2, 9, 7, 5)], (), {"combine": "concat"}, ["NHWC"] * 2, "one grid"),
    ([(2, 3, 90, 70), (2, 3, 45, 35)], (), {"method": "area"}, ["NCHW"] * 2, "one ratio"),
    ([(3, 9, 7), (5, 9, 7)], ("CHW",), {"combine": "concat"}, ["CHW"] * 2, "one grid"),
    ([(64,), (1, 64, 32, 32)], (), {"combine": "mul"}, ["C", "NCHW"], "the only one that broadcasts"),
    ([(1, 16, 30, 80), (1, 16, 40, 90)], (), {"method": "pad"}, ["NCHW"] * 2, "one margin"),
]


@pytest.mark.parametrize(("shapes", "known", "options", "expected", "rule"), DECIDED)
def test_decided(shapes, known, options, expected, rule):
    readings, _ = read_inputs(specs(shapes, known), Options.resolve(options))
    assert [reading.layout for reading in readings] == expected
    assert readings[-1].origin.detail == rule


@pytest.mark.parametrize(
    ("shapes", "options"),
    [
        ([(2, 9, 7, 3)] * 2, {"combine": "concat"}),
        ([(8, 8, 8), (4, 4, 4)], {"method": "bilinear"}),
        ([(2, 9, 7, 3), (2, 5, 7, 4)], {"method": "bilinear"}),
        ([(40,), (1, 3, 9, 40)], {"method": "bilinear"}),  # a vector, or a row of a map?
    ],
)
def test_asked(shapes, options):
    with pytest.raises(AmbiguousLayout) as caught:
        read_inputs(specs(shapes), Options.resolve(options))
    answers = caught.value.answers
    assert len(answers) > 1
    assert len({answer.given for answer in answers}) == len(answers)
    for answer in answers:
        again, _ = read_inputs(specs(shapes), Options.resolve({**options, **dict(answer.given)}))
        assert [it.layout for it in again] == [it.layout for it in answer.readings], "as promised"


def test_readings_of_one_answer_are_told_as_such():
    readings, _ = read_inputs(
        specs([(2, 16, 3, 64, 48), (2, 16, 3, 32, 24)]), Options.resolve({"method": "nearest"})
    )
    assert readings[0].origin.kind is OriginKind.SAME
    assert {it.layout for it in readings} == {"NCDHW"}


def test_more_than_five_axes_need_a_word():
    shapes = [(1, 2, 3, 4, 5, 6), (1, 2, 3, 4, 5, 7)]
    with pytest.raises(ShapeError, match="6 axes"):
        read_inputs(specs(shapes), Options.resolve({"method": "nearest"}))


def test_tensors_of_one_rank_are_read_alike_but_for_what_a_file_says():
    joint = joint_readings(specs([(2, 3, 4, 5), (3, 4, 5), (2, 3, 4, 6)], [None, "HWC"]))
    assert [[it.layout for it in one] for one in joint] == [
        ["NCHW", "HWC", "NCHW"],
        ["NHWC", "HWC", "NHWC"],
    ]
    assert all(len(layout) == rank for rank, layouts in READINGS.items() for layout in layouts)


def test_the_template_is_no_input():
    """--layout does not speak of the tensor of --like: offers are for the inputs alone."""
    report = featfuse.inspect((2, 9, 7, 3), (2, 5, 7, 3), like=(2, 4, 4, 4), method="bilinear")
    assert report.problem is not None
    assert 'layout="NCHW" or layout="NHWC"' in report.problem
