"""OPTIONS: the table and all that is derived from it say the same, and a new row reaches everything."""

import os
import pickle
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import featfuse
import featfuse_cli
import numpy as np
import pytest
from featfuse import METHODS, REDUCES
from featfuse.methods.settings import AxisSettings
from featfuse.model.dtypes import DTYPES
from featfuse.report.suggest import command_line
from featfuse.request import kinds
from featfuse.request.options import FusionOptions, Options
from featfuse.request.table import METHOD_PLACE, OPTIONS, REDUCE_PLACE
from featfuse.request.usage import LISTED

rows = pytest.mark.parametrize("row", OPTIONS.values(), ids=OPTIONS)

VALUES: Mapping[object, object] = {
    kinds.TEXT: "NHWC",
    kinds.DTYPE: "float64",
    kinds.NUMBER: -0.5,
    kinds.WHOLE: 2,
    kinds.SWITCH: True,
    kinds.TARGET: "3x4",
    kinds.GRIDS: "3x4",
    kinds.COUNTS: "1,0",
    kinds.SIZES: "3x4",
    kinds.BORDER: "0x1",
    kinds.PADDING: "same",
    kinds.SIDES: "1+2x0",
    kinds.OFFSET: "H:3,W:-1",
    kinds.SCALE: "1.5x2",
    kinds.REGION: "H:0.25:0.75,W:1:0",
    kinds.SOURCE: "w.npy",
    kinds.MASK: "auto",
    kinds.WEIGHTS: "1,0.5",
    kinds.PROJECTIONS: ["1=w.npy", "2=k.npy,b.npy"],
}
"""A value of every kind, as the command line gives it."""


def value_of(name: str) -> Any:
    row = OPTIONS[name]
    if row.above is not None:
        return row.above + 1.5
    return row.chosen_from[-1] if row.choices else VALUES[row.kind]


# ------------------------------------------------------------------------------------------ the row itself


def test_the_typed_dict_is_in_step() -> None:
    """Names, types and words: what type checkers read is what is parsed."""
    hints = get_type_hints(FusionOptions)
    assert set(hints) == set(OPTIONS)
    for name, row in OPTIONS.items():
        words = {*row.chosen_from, *row.aliases, *(row.offers if row.kind is kinds.DTYPE else ())}
        literals, others = parts_of(hints[name])
        assert literals == (words if row.chosen_from or row.kind is kinds.DTYPE else set()), name
        assert others == (set() if row.chosen_from else parts_of(row.kind.keyword)[1]), name


def parts_of(hint: Any) -> tuple[set[str], set[Any]]:
    """The words of a type, and the other members of the union that it is."""
    if get_origin(hint) is Literal:
        return set(get_args(hint)), set()
    if get_origin(hint) not in (Union, UnionType):
        return set(), {hint}
    parts = [parts_of(member) for member in get_args(hint)]
    return set().union(*(words for words, _ in parts)), set().union(*(others for _, others in parts))


def test_names_and_short_flags_are_unique() -> None:
    assert all(name == row.name for name, row in OPTIONS.items())
    short = [row.short for row in OPTIONS.values() if row.short]
    assert len(set(short)) == len(short)
    places = [row.told for row in OPTIONS.values() if row.told not in (-1, 80)]
    assert len(set(places)) == len(places)
    assert not {METHOD_PLACE, REDUCE_PLACE} & set(places)


def test_dtype_names_are_the_library_s() -> None:
    assert set(OPTIONS["dtype"].offers) == set(DTYPES)


def test_what_methods_and_reductions_list_exists() -> None:
    assert set(OPTIONS) >= LISTED
    for reducer in REDUCES.values():
        assert set(reducer.options) >= set(reducer.needs)
    for method in METHODS.values():
        assert not method.resizes_by or method.resizes_by in method.options


@rows
def test_conditions_look_at_options_and_words_that_exist(row) -> None:
    for condition in row.when:
        other = OPTIONS[condition.other]
        assert set(condition.values or ()) <= {*other.chosen_from, "same", "valid"}
        assert condition.values is None or condition.values


@rows
def test_the_builders_default_is_the_table_s(row) -> None:
    default = AxisSettings._field_defaults.get(row.name)
    if row.name in LISTED and default is not None:
        assert row.default == default


# ------------------------------------------------------------------------------------------------- parsing


@rows
def test_what_the_command_line_writes_python_reads_the_same(row) -> None:
    """A value, spelt as a suggestion spells it, means the same."""
    given = value_of(row.name)
    parsed = row.kind.parse(row.flag, given)
    spelt = row.kind.spell(row.name, given)
    assert all(isinstance(word, str) for word in spelt)
    if row.kind is not kinds.SWITCH:
        again = [row.kind.word(word) if row.kind.word in (int, float) else word for word in spelt]
        assert row.kind.parse(row.flag, again if row.kind is kinds.PROJECTIONS else again[0]) == parsed


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"antialias": False, "ceil_mode": True}, "--no-antialias --ceil-mode"),
        ({"to": (3, 4), "pool_size": 2}, "--to 3x4 --pool-size 2"),
        ({"offset": {"H": 1, "W": -2}}, "--offset H:1,W:-2"),
        ({"pool_padding": ((1, 2), 0)}, "--pool-padding 1+2x0"),
        ({"pool_padding": "same", "p": 3}, "--pool-padding same --p 3"),
        ({"weights": (1.0, 0.5)}, "--weights 1,0.5"),
        ({"weights": np.ones(2), "mask": np.ones(2)}, "--weights weights.npy --mask mask.npy"),
        ({"kernel": Path("a b.npy")}, "--kernel 'a b.npy'"),
        ({"project": {2: np.ones(2)}}, "--project 2=project2.npy"),
        ({"project": ["1=a.npy", "2=b.npy"]}, "--project 1=a.npy --project 2=b.npy"),
        ({"layout": None}, ""),
    ],
    ids=str,
)
def test_a_command_line_is_spelt(given: dict[str, Any], line: str) -> None:
    assert command_line(["a.npy"], given) == f"fuse a.npy {line}".strip()


# ------------------------------------------------------------------------------------------------ the value


def test_options_are_a_value() -> None:
    given = {"method": "pad", "offset": {"H": 1}, "mask": "m.npy", "weights": (1, 2)}
    first, second = (Options.resolve(dict(given)) for _ in range(2))  # type: ignore[arg-type]
    assert first == second
    assert len({first, second, pickle.loads(pickle.dumps(first))}) == 1
    assert first != first._replace(combine="max")
    assert first._replace(combine="max").combine == "max"
    for change in (lambda: setattr(first, "method", "crop"), lambda: delattr(first, "method")):
        with pytest.raises(AttributeError):
            change()
    with pytest.raises(TypeError):
        first.offset["H"] = 2
    with pytest.raises(TypeError, match="combin"):
        first._replace(combin="max")


def test_arrays_are_told_apart_but_not_in_facts() -> None:
    kernel = np.ones((2, 2, 1, 1))
    first = Options.resolve({"reduce": "conv1x1", "kernel": kernel, "project": {1: (kernel, kernel)}})
    second = first._replace(kernel=kernel + 1)
    assert first == first._replace(combine="add")
    assert first != second
    assert hash(first) == hash(second)
    assert first.facts == second.facts
    assert first.facts.kernel == first.facts.project[0][1] == kinds.TENSOR
    assert first.facts.project[0][0] == 1
    assert first.facts != first._replace(bias=kernel).facts


@pytest.mark.parametrize(
    ("given", "kept"),
    [({"mask": "auto"}, "auto"), ({"mask": "m.npy"}, kinds.TENSOR), ({"mask": np.ones(2)}, kinds.TENSOR)],
    ids=["auto", "path", "array"],
)
def test_facts_of_a_mask(given: Any, kept: str) -> None:
    assert Options.resolve(given).facts.mask == kept


# ------------------------------------------------------------------------------------- how to add an option

ADDED = """
import sys
from featfuse.request import kinds, table
from featfuse.request.conditions import beside

row = table.Option("blur", kinds.NUMBER, "Border", "Soften.", "SIGMA", default=0.5, when=(beside("mask"),))
table._TABLE[row.name] = row

import numpy as np
import featfuse
from featfuse_cli.app import app
from typer.testing import CliRunner

def fuse(*words):
    result = CliRunner().invoke(app, list(words), prog_name="fuse")
    print(result.exit_code, result.stdout, result.stderr)

np.save("a.npy", np.ones((2, 2), np.float32))
print("PIPELINE", featfuse.inspect((4, 4), (2, 2), method="pad", mask="auto").pipeline.get("blur"))
print("PYTHON", featfuse.inspect((4, 4), (2, 2), method="pad", mask="auto", blur=2).pipeline["blur"])
for given in ({"blur": 1}, {"blur": "x"}, {"blurr": 1}):
    try:
        featfuse.inspect((4, 4), **given)
    except featfuse.UsageError as error:
        print("REFUSED", error.lines)
fuse("run", "--help")
fuse("inspect", "a.npy", "--blur", "1")
fuse("a.npy", "a.npy", "--mask", "a.npy", "--blur", "3", "--out", "o.npy", "--sidecar")
print("SIDECAR", "".join(open("o.npy.json").read().split()))
"""


def test_a_row_is_all_that_a_new_option_needs(tmp_path: Path) -> None:
    """Flags, keywords, checks, defaults, errors, help, provenance: nothing else is told of it."""
    roots = [str(Path(package.__file__ or "").parents[1]) for package in (featfuse, featfuse_cli)]
    done = subprocess.run(
        [sys.executable, "-c", ADDED],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(roots), "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = done.stdout
    assert "PIPELINE 0.5\n" in told
    assert "PYTHON 2.0\n" in told
    assert "REFUSED ['`blur` needs `mask`', 'Give both, or leave `blur` out.']" in told
    assert "REFUSED [\"`blur`: 'x' is not a number\", 'Write it like -0.5.']" in told
    assert "REFUSED [\"unknown option 'blurr'\", 'Did you mean blur?']" in told
    assert "--blur " in told
    assert "SIGMA" in told
    assert "2  error: --blur needs --mask" in told
    assert '"blur":3.0' in told
