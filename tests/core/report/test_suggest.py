"""Suggestions: every command that is offered works as written, and gives the shape it promises."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import featfuse
import numpy as np
import pytest
from featfuse import METHODS, ShapeError
from featfuse.fusion import fuse_to_file, inspect_inputs
from featfuse.io.inputs import Inputs
from featfuse.io.job import Delivery
from featfuse.io.side_inputs import open_extras
from featfuse.planning.planner import make_plan
from featfuse.process.limits import Limits
from featfuse.report.suggest import COMMANDS, command_line
from featfuse.request.options import FusionOptions, Options
from featfuse_cli.app import app
from typer.testing import CliRunner

Shape = tuple[int, ...]

CASES: list[tuple[str, list[Shape], dict[str, Any]]] = [
    # why: shapes, options already given
    ("nothing to do", [(2, 3), (2, 3)], {}),
    ("sizes", [(1, 64, 64, 32), (1, 32, 32, 32)], {}),
    ("sizes and channels", [(1, 64, 64, 32), (1, 32, 32, 16)], {}),
    ("channels", [(1, 64, 64, 32), (1, 64, 64, 16)], {}),
    ("channels without a common factor", [(8, 8, 6), (8, 8, 4)], {}),
    ("both layouts are offered", [(3, 9, 7), (3, 5, 7)], {}),
    ("both layouts, other channels", [(2, 9, 7, 3), (2, 5, 4, 6)], {}),
    ("one axis", [(40,), (23,)], {}),
    ("off by one", [(27, 40), (28, 40)], {}),
    ("a batch on one side", [(4, 3, 8, 8), (3, 4, 4)], {}),
    ("volumes", [(1, 4, 9, 9, 2), (1, 2, 5, 5, 2)], {}),
    ("three", [(8, 8, 4), (4, 4, 4), (2, 2, 2)], {}),
    ("batches that do not broadcast", [(2, 3, 8, 8), (4, 3, 8, 8)], {}),
    ("a method is given", [(1, 64, 64, 32), (1, 32, 32, 16)], {"method": "bilinear", "antialias": False}),
    ("a method that cannot", [(8, 8), (5, 5)], {"method": "stride"}),
    ("a layout is given", [(2, 9, 7, 3), (2, 5, 4, 3)], {"layout": "NHWC"}),
    ("a combine is given", [(8, 8, 4), (4, 4, 2)], {"combine": "concat"}),
    ("values with signs", [(8, 8, 4), (5, 5, 2)], {"method": "pad", "pad_value": -1.5}),
    ("weights", [(8, 8, 4), (5, 5, 2)], {"weights": (1, -0.5)}),
    ("a target", [(8, 8, 4), (5, 5, 2)], {"method": "bilinear", "to": (9, 7)}),
    ("an offset", [(8, 8, 4), (5, 5, 2)], {"method": "crop", "offset": {"H": 3, "W": 0}}),
    ("one input", [(3, 9, 7)], {"combine": "mean"}),
]


def parse(command: str) -> tuple[list[str], FusionOptions]:
    """A suggested command taken apart: its inputs, and its options as the library takes them."""
    words = shlex.split(command)
    assert words.pop(0) == "fuse"
    inputs: list[str] = []
    options: dict[str, Any] = {}
    while words:
        word = words.pop(0)
        name = word.removeprefix("--no-").removeprefix("--").replace("-", "_")
        if not word.startswith("--"):
            inputs.append(word)
        elif name in ("antialias", "ceil_mode", "count_include_pad"):
            options[name] = not word.startswith("--no-")
        else:
            value = words.pop(0)
            options[name] = float(value) if name in ("pad_value", "cubic_a") else value
    return inputs, options  # type: ignore[return-value]


RNG = np.random.default_rng(0)


def normal(*shape: int) -> Any:
    return RNG.normal(size=shape).astype(np.float32)


@pytest.mark.parametrize(("shapes", "given"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_every_suggestion_plans_to_the_promised_shape(shapes: list[Shape], given: dict[str, Any]) -> None:
    report = inspect_inputs(shapes, given)
    with Inputs(shapes) as sources:
        for suggestion in report.suggestions:
            inputs, options = parse(suggestion.command)
            assert inputs == sources.texts
            resolved = Options.resolve(options)
            plan = make_plan(sources.specs, resolved, open_extras(sources, resolved))
            assert plan.shape == suggestion.output_shape
    commands = [suggestion.command for suggestion in report.suggestions]
    assert len(set(commands)) == len(commands)


HOPELESS = {"batches that do not broadcast", "a method that cannot"}


@pytest.mark.parametrize(("why", "shapes", "given"), CASES)
def test_there_is_a_way_out_of_every_mismatch(why: str, shapes: list[Shape], given: dict[str, Any]) -> None:
    report = featfuse.inspect(*shapes, **given)
    assert bool(report.suggestions) or why in HOPELESS
    if report.problem is None or why in HOPELESS:
        return
    with pytest.raises(ShapeError) as caught:
        featfuse.fuse(*[np.zeros(shape, np.float32) for shape in shapes], **given)
    commands = [suggestion.command for suggestion in report.suggestions]
    assert 0 < len(caught.value.commands) <= len(commands)
    assert set(caught.value.commands) <= set(commands)


def test_what_needs_a_meaning_of_its_own_is_not_offered() -> None:
    """That channels are blocks of neighbours, or that norms are wanted, no size can tell."""
    report = featfuse.inspect((1, 3, 8, 8), (1, 12, 4, 4), layout="NCHW")
    assert report.suggestions
    assert not any(name in it.command for it in report.suggestions for name in ("pixel", "lp-pool"))


def test_the_classic_case_offers_all_there_is() -> None:
    """(1, 64, 64, 32) and (1, 32, 32, 16): every channel mode, concat, and both directions."""
    report = inspect_inputs([(1, 64, 64, 32), (1, 32, 32, 16)], {"method": "bilinear"})
    offered = {
        suggestion.command.split("bilinear ")[1]: suggestion.output_shape for suggestion in report.suggestions
    }
    assert offered == {
        "--channels tile": (1, 64, 64, 32),
        "--channels repeat": (1, 64, 64, 32),
        "--channels zero-pad": (1, 64, 64, 32),
        "--channels truncate": (1, 64, 64, 16),
        "--channels mean": (1, 64, 64, 16),
        "--combine concat": (1, 64, 64, 48),
    }


def test_the_callers_options_and_output_are_kept() -> None:
    x, y = np.zeros((8, 8, 4), np.float32), np.zeros((5, 5, 4), np.float32)
    given: FusionOptions = {"weights": "1,0.5", "dtype": "float16", "layout": "HWC"}
    with pytest.raises(ShapeError) as caught:
        fuse_to_file([x, y], given, Delivery("my result.npy", force=True), Limits(1 << 20))
    assert caught.value.commands
    for command in caught.value.commands:
        _, options = parse(command.removesuffix(" --force"))
        assert options["weights"] == "1,0.5"
        assert options["dtype"] == "float16"
        assert options["layout"] == "HWC"
        assert command.endswith("--out 'my result.npy' --force")


# --------------------------------------------------------------------------------------------- for Python


@pytest.mark.parametrize(("shapes", "given"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_every_call_that_is_offered_works(shapes: list[Shape], given: dict[str, Any]) -> None:
    names = {f"input{place}": normal(*shape) for place, shape in enumerate(shapes, start=1)}
    report = featfuse.inspect(*names.values(), **given)
    for suggestion in report.suggestions:
        result = eval(suggestion.command, {"featfuse": featfuse, **names})
        assert result.shape == suggestion.output_shape, suggestion.command


def test_the_callers_own_words_are_in_each_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    x, mask = np.zeros((8, 8, 4), np.float32), np.ones((8, 8))
    np.save("my map.npy", x[:5, :5])
    given: Any = {"dtype": np.float16, "layout": "HWC", "mask": mask, "out": Path("o.npy"), "force": True}
    with pytest.raises(ShapeError) as caught:
        featfuse.fuse(x, "my map.npy", **given)
    first = caught.value.commands[0]
    assert first == (
        'featfuse.fuse(input1, "my map.npy", dtype="float16", layout="HWC", mask=mask, method="bilinear", '
        'out="o.npy", force=True)'
    )
    report = eval(first, {"featfuse": featfuse, "input1": x, "mask": mask})
    assert report.output.shape == (8, 8, 4)


# ------------------------------------------------------------------------------------------- quoting


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("a.npy", "a.npy"),
        ("my map.npy", "'my map.npy'"),
        ("it's.npy", """'it'"'"'s.npy'"""),
        ("f.h5::feat/l 3", "'f.h5::feat/l 3'"),
        ("$HOME.npy", "'$HOME.npy'"),
        ("-a.npy", "./-a.npy"),
        ("--to.npy", "./--to.npy"),
        ("-", "-"),
        *((command, f"./{command}") for command in COMMANDS),
        ("run.npy", "run.npy"),
    ],
)
def test_inputs_are_quoted(text: str, word: str) -> None:
    assert command_line([text], {}) == f"fuse {word}"
    assert shlex.split(word)[0].removeprefix("./") == text.removeprefix("./")


SAMPLES: Mapping[str, object] = {
    "method": "avg-pool",
    "antialias": True,
    "to": (3, 4),
    "layout": "HWC,CHW",
    "combine": "mean",
    "weights": (1.0, 0.25),
    "channels": "zero-pad",
    "convention": "tf",
    "ceil_mode": True,
    "cubic_a": -0.5,
    "offset": {"H": 3, "W": 1},
    "pool_size": (2, 3),
    "dtype": "float16",
}


@pytest.mark.parametrize("name", SAMPLES)
def test_an_option_survives_the_shell(name: str) -> None:
    """Written as a command and read back, an option is what it was."""
    users = [row.name for row in METHODS.values() if name in (*row.options, "to") and row.name != "strict"]
    base: dict[str, Any] = {"method": users[0] if users else "strict"} | {name: SAMPLES[name]}
    if name == "ceil_mode":
        base["pool_size"] = 2
    _, options = parse(command_line(["a.npy"], base))
    assert Options.resolve(options) == Options.resolve(base)  # type: ignore[arg-type]


def test_a_like_that_is_no_path_is_not_offered_as_one() -> None:
    report = inspect_inputs([(1, 8, 8, 4), (1, 8, 8, 2)], {"like": (1, 4, 4, 4), "method": "bilinear"})
    assert report.suggestions
    assert not any("--like 1x4x4x4" in suggestion.command for suggestion in report.suggestions)


# ------------------------------------------------------------------------- through the command line

FILES: list[tuple[str, str, Shape, Shape]] = [
    # why: folder, shapes. Every suggestion is run.
    ("a folder with a blank", "my maps", (8, 8, 4), (4, 4, 2)),
    ("a file like an option", ".", (9, 9, 4), (5, 5, 4)),
    ("both layouts", ".", (3, 9, 7), (3, 5, 7)),
]


@pytest.mark.parametrize(("folder", "first", "second"), [row[1:] for row in FILES], ids=[r[0] for r in FILES])
def test_pasted_commands_work(
    folder: str, first: Shape, second: Shape, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = (str(Path(folder) / "-a.npy"), str(Path(folder) / "it's b.npy"))
    Path(folder).mkdir(exist_ok=True)
    for name, shape in zip(names, (first, second), strict=True):
        np.save(f"./{name}", np.ones(shape, dtype=np.float32))
    report = inspect_inputs(names, {})
    assert len(report.suggestions) > 5
    for suggestion in report.suggestions:
        run(shlex.split(suggestion.command)[1:])
        assert np.load("fused.npy").shape == suggestion.output_shape
        Path("fused.npy").unlink()


def run(words: Sequence[str]) -> None:
    result = CliRunner().invoke(app, [*words, "--quiet"], prog_name="fuse")
    assert result.exit_code == 0, (words, result.output)


def test_suggestions_keep_projections(tmp_path: Path) -> None:
    np.save(tmp_path / "k.npy", normal(4, 3))
    for project in (f"1={tmp_path / 'k.npy'}", {1: normal(4, 3)}):
        report = inspect_inputs([(1, 3, 8, 8), (1, 4, 4, 4)], {"project": project, "layout": "NCHW"})
        assert report.problem
        assert all("--project 1=" in suggestion.command for suggestion in report.suggestions)
        assert report.suggestions


def test_keras_beside_torch_is_offered_as_a_list_of_layouts() -> None:
    report = featfuse.inspect((1, 28, 28, 48), (1, 48, 14, 14), method="bilinear")
    assert 'layout="NHWC,NCHW"' in str(report.problem)
    assert report.suggestions[0].output_shape == (1, 28, 28, 48)
