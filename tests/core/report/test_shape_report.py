"""The schema of the report's JSON."""

import json
import math
from typing import Any

import featfuse
import pytest
from featfuse import CHANNEL_MODES, COMBINES, METHODS, ShapeReport

Shape = tuple[int, ...]

Schema = Any

NUMBER_OR_NONE = (int, float, type(None))

TEXT_OR_NONE = (str, type(None))

SCHEMA: Schema = {
    "schema": int,
    "featfuse": str,
    "command": str,
    "compatibility": {"identical", "broadcast", "mismatch"},
    "inputs": [
        {
            "name": str,
            "path": TEXT_OR_NONE,
            "key": TEXT_OR_NONE,
            "format": TEXT_OR_NONE,
            "shape": [int],
            "dtype": str,
            "layout": TEXT_OR_NONE,
            "layout_source": TEXT_OR_NONE,
        }
    ],
    "axes": [{"axis": str, "sizes": [(int, type(None))], "actions": [str], "output": (int, type(None))}],
    "pipeline": dict,
    "output": {
        "path": TEXT_OR_NONE,
        "key": TEXT_OR_NONE,
        "format": TEXT_OR_NONE,
        "shape": [int],
        "dtype": str,
        "layout": TEXT_OR_NONE,
        "bytes": int,
    },
    "suggestions": [{"command": str, "output_shape": [int]}],
    "warnings": [str],
    "seconds": NUMBER_OR_NONE,
}
"""Types, lists of one type, sets of words, objects with exactly these names."""


def check_schema(value: object, schema: Schema, where: str = "report") -> None:
    if isinstance(schema, set):
        assert value in schema, where
    elif isinstance(schema, list):
        assert isinstance(value, list), where
        for index, item in enumerate(value):
            check_schema(item, schema[0], f"{where}[{index}]")
    elif isinstance(schema, dict):
        assert isinstance(value, dict), where
        assert list(value) == list(schema), where
        for name, item in value.items():
            check_schema(item, schema[name], f"{where}.{name}")
    else:
        assert isinstance(value, schema), f"{where}: {value!r}"
        assert not isinstance(value, bool), where


def as_json(report: ShapeReport) -> Any:
    return json.loads(report.to_json())


CASES: list[tuple[list[Shape], dict[str, Any]]] = [
    ([(2, 3), (2, 3)], {}),
    ([()], {}),
    ([(0, 3), (1, 3)], {}),
    ([(2, 9, 7, 3)] * 2, {"combine": "stack"}),  # axes without a meaning
    ([(5, 3, 8, 8), (4, 4)], {"method": "nearest"}),  # axes that one input lacks
    ([(4 + k, 20 - k) for k in range(16)], {"method": "bilinear"}),
    ([(9, 9)], {"method": "avg-pool", "pool_size": "3x2", "pool_stride": "2x3", "pool_padding": "1x0"}),
    ([(8, 8), (5, 5)], {"method": "crop", "offset": {"H": 1}}),
    *(
        (
            [(8, 8, 6), (8, 8, 6) if name == "strict" else (4, 4, 24 if row.shuffles else 6)],
            {"method": name, "combine": combine},
        )
        for name, row in METHODS.items()
        for combine in COMBINES
    ),
    *(([(8, 8, 6), (8, 8, 3)], {"channels": mode}) for mode in CHANNEL_MODES if mode != "strict"),
]


@pytest.mark.parametrize(("shapes", "options"), CASES)
def test_json_follows_the_schema_and_adds_up(shapes: list[Shape], options: dict[str, Any]) -> None:
    report = featfuse.inspect(*shapes, **options)
    data = as_json(report)
    check_schema(data, SCHEMA)
    assert data["command"] == "inspect"
    assert data["output"]["bytes"] == 4 * math.prod(data["output"]["shape"])
    assert [row["output"] for row in data["axes"]] == data["output"]["shape"]
    assert [row["shape"] for row in data["inputs"]] == [list(shape) for shape in shapes]
    assert "×" not in json.dumps(data["axes"], ensure_ascii=False)
    text = str(report)
    for row in report.axes:
        assert all(action in text for action in row.actions)


def test_json_of_a_refusal_says_why() -> None:
    data = as_json(featfuse.inspect((1, 8, 8, 32), (1, 8, 8, 16)))
    assert "axis C" in data.pop("problem")
    assert data["output"] is None
    check_schema(data, {**SCHEMA, "output": type(None)})
    assert [row["output"] for row in data["axes"]] == [None] * 4
    assert data["suggestions"]
