"""The verbs: what they take and give, warn of and say."""

import inspect
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import featfuse
import numpy as np
import pytest
from featfuse import FeatfuseWarning, InputError, RunError, ShapeError, UsageError
from featfuse.batches import BatchOptions
from featfuse.io.inputs import Inputs
from featfuse.request.kinds import SWITCH
from featfuse.request.table import OPTIONS
from featfuse.wording import worded

from tests.support.batches import leftovers, values, write

# ----------------------------------------------------------------------------------------- in and out


def test_arrays_in_array_out() -> None:
    x, y = np.ones((1, 3, 8, 8), np.float32), np.ones((1, 3, 4, 4), np.float32)
    kept = x.copy(), y.copy()
    result = featfuse.fuse(x, y, method="bilinear")
    assert isinstance(result, np.ndarray)
    assert result.shape == (1, 3, 8, 8)
    assert (result == 2).all()
    assert (x == kept[0]).all()
    assert (y == kept[1]).all()


@pytest.mark.parametrize("method", ["strict", "crop", "nearest"])
def test_the_result_is_new_memory_that_can_be_written_to(method: str) -> None:
    x = np.ones((4, 4), dtype=np.float32)
    options: dict[str, Any] = {} if method == "strict" else {"method": method, "to": "3x3"}
    result = featfuse.fuse(x, **options)
    assert result.flags.c_contiguous
    result[...] = 5
    assert (x == 1).all()


def test_scalars() -> None:
    x, y = np.array(1.5, np.float32), np.array(2, np.float32)
    result = featfuse.fuse(x, y)
    assert result.shape == ()
    assert result == 3.5
    assert featfuse.fuse(x, y, combine="stack").tolist() == [1.5, 2.0]
    assert featfuse.fuse(x, np.ones((2, 3), np.float32)).tolist() == [[2.5] * 3] * 2


def test_a_scalar_needs_no_layout() -> None:
    assert featfuse.fuse(np.ones(()), np.ones((1, 2, 3, 4))).shape == (1, 2, 3, 4)


def test_nothing_in_nothing_out() -> None:
    empty, one = np.zeros((0, 3), np.float32), np.ones((1, 3), np.float32)
    assert featfuse.fuse(empty, one).shape == (0, 3)
    assert featfuse.fuse(empty, empty, combine="stack").shape == (2, 0, 3)
    x, y = np.zeros((1, 0, 3, 3), np.float32), np.ones((1, 2, 3, 3), np.float32)
    assert featfuse.fuse(x, y, combine="concat").tolist() == y.tolist()
    assert featfuse.fuse(empty, method="pad", to="2x3", pad_value=7.0).tolist() == [[7.0] * 3] * 2


def test_a_bare_shape_can_be_planned_and_not_run() -> None:
    assert featfuse.inspect((4, 4), (2, 2), method="nearest").problem is None
    with pytest.raises(InputError, match="input 1 is only a shape"):
        featfuse.fuse((4, 4), (4, 4))


def test_a_dry_run_reports_and_writes_nothing(tmp_path: Path) -> None:
    x = np.ones((4, 4), np.float32)
    report = featfuse.fuse(x, out=tmp_path / "f.npy", method="pad", to="6x6", dry_run=True, sidecar=True)
    assert report.output is not None
    assert report.output.shape == (6, 6)
    assert report.seconds is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("shape", "size", "options", "expected"),
    [
        ((1, 3, 8, 8), (4, 6), {}, (1, 3, 4, 6)),
        ((8, 8), (4, 6), {"method": "bicubic", "convention": "tf"}, (4, 6)),
        ((8,), 5, {}, (5,)),
        ((8,), np.int64(5), {}, (5,)),
        ((8, 8), np.array([4, 6]), {}, (4, 6)),
        ((8, 8), range(4, 6), {}, (4, 5)),
        ((8,), (5,), {"method": "nearest"}, (5,)),
        ((1, 2, 4, 4, 4), (2, 3, 5), {"layout": "NCDHW"}, (1, 2, 2, 3, 5)),
        ((9, 9), None, {"method": "max-pool", "pool_size": "3"}, (3, 3)),
    ],
)
def test_resize(
    shape: tuple[int, ...], size: Any, options: dict[str, Any], expected: tuple[int, ...]
) -> None:
    assert featfuse.resize(np.ones(shape, np.float32), size, **options).shape == expected


def test_inspect_never_raises_for_shapes() -> None:
    """It says why not, side by side."""
    report = featfuse.inspect((2, 9, 7, 3), (2, 5, 4, 6), layout="NCHW")
    assert report.problem is not None
    assert report.output is None
    assert [row.sizes for row in report.axes] == [(2, 2), (9, 5), (7, 4), (3, 6)]
    for shapes in [((2, 3), (3, 2)), ((1, 2, 3, 4, 5, 6), (6, 5, 4, 3, 2, 1)), ((), (2,), (3, 4, 5))]:
        assert featfuse.inspect(*shapes).compatibility in ("mismatch", "broadcast")
    assert featfuse.inspect((2, 3), (2, 3), layout="DHW").problem is not None


# ----------------------------------------------------------------------------------------------- warnings

X = np.random.default_rng(0).normal(size=(1, 3, 8, 8)).astype(np.float32)
HALVES = np.full((1, 1, 2, 2), 6e4, np.float16)

WARNED: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    (
        r"input 1 shrinks without antialias=True, detail will alias: H 8→4",
        (X,),
        {"method": "bilinear", "to": "4x4"},
    ),
    (r"the 1x1 kernel is untrained", (X,), {"reduce": "conv1x1", "out_channels": 2}),
    (r"4 of 4 finite values became inf in float16", (HALVES, HALVES), {}),
    (
        r"1 of 2 values did not fit int8",
        (np.array([1.0, 300]),),
        {"dtype": "int8", "on_overflow": "saturate"},
    ),
    (r"mask has values outside 0 to 1.*mask_scale=255", (X, X), {"mask": np.full((8, 8), 7.0)}),
]


@pytest.mark.parametrize(("words", "inputs", "options"), WARNED, ids=[row[0][:20] for row in WARNED])
@pytest.mark.parametrize("to_file", [False, True])
def test_what_the_command_line_warns_of(words, inputs, options, to_file, tmp_path):
    """Once a call, at the line of the caller."""
    out = {"out": tmp_path / "o.npy"} if to_file else {}
    layout = {"layout": "NCHW"} if inputs[0].ndim == 4 else {}
    with pytest.warns(FeatfuseWarning, match=words) as caught:
        result = featfuse.fuse(*inputs, **layout, **options, **out)
    assert [(warning.filename, warning.category) for warning in caught] == [(__file__, FeatfuseWarning)]
    if to_file:
        assert result.warnings == (str(caught[0].message),)


def test_resize_warns_at_the_line_of_its_caller():
    with pytest.warns(FeatfuseWarning, match="shrinks without") as caught:
        featfuse.resize(X, (4, 4), layout="NCHW")
    assert [warning.filename for warning in caught] == [__file__]


def test_nothing_else_warns():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        featfuse.fuse(X, X[..., :4, :4], method="bilinear", layout="NCHW")
        report = featfuse.inspect(X, method="bilinear", to="4x4", layout="NCHW")
    assert "shrinks without antialias=True" in report.warnings[0], "the report's to tell"


def test_warnings_can_be_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error", FeatfuseWarning)
        with pytest.raises(FeatfuseWarning):
            featfuse.resize(X, (4, 4), layout="NCHW")


def test_the_command_line_does_not_warn_twice(shell, tmp_path):
    np.save(tmp_path / "a.npy", X)
    told = shell(f"cd {tmp_path} && fuse a.npy -m bilinear --to 4x4 --layout NCHW")
    assert told.stdout.decode().count("detail will alias") == 1
    assert told.stderr == b""


# ------------------------------------------------------------------------------------------- what is said


@pytest.mark.parametrize(
    "maps",
    [[X, X], (X, X), ["a.npy", "b.npy"], [(2, 3), (2, 3)], iter([X]), {"a": X}, [], [[X], [X]]],
    ids=["list", "tuple", "paths", "shapes", "iterator", "dict", "empty", "nested"],
)
def test_maps_in_one_argument(maps):
    for verb, way in ((featfuse.fuse, "featfuse.fuse(*maps)"), (featfuse.inspect, "featfuse.inspect(*maps)")):
        with pytest.raises(
            UsageError, match=r"^input 1 is a .*: each input is an argument of its own"
        ) as caught:
            verb(maps)
        assert way in caught.value.hint
    with pytest.raises(UsageError) as caught:
        featfuse.resize(maps, 3)
    assert caught.value.hint == "Write [featfuse.resize(x, size) for x in maps]."
    with pytest.raises(UsageError, match=r"^pattern 1 is a .*: each pattern is an argument") as caught:
        featfuse.batch(maps, out="o/")
    assert "featfuse.batch(*patterns, out=...)" in caught.value.hint


def test_numbers_are_an_array_and_sizes_a_shape():
    assert featfuse.fuse([[1.0, 2], [3, 4]], [[1.0, 1]]).tolist() == [[2, 3], [4, 5]]
    assert featfuse.inspect((2, 3), (2, 3)).output.shape == (2, 3)


def test_errors_about_arrays_talk_python():
    large, small = np.ones((1, 64, 64, 32)), np.ones((1, 32, 32, 16))
    with pytest.raises(ShapeError) as caught:
        featfuse.fuse(large, small, method="bilinear")
    assert caught.value.lines == [
        "axis C: channel counts differ and do not broadcast: input 1 has 32, input 2 has 16",
        'Choose channels="tile", "repeat", "zero-pad", "truncate" or "mean", or combine="concat".',
        '  featfuse.fuse(input1, input2, method="bilinear", channels="tile")',
        '  featfuse.fuse(input1, input2, method="bilinear", channels="repeat")',
        '  featfuse.fuse(input1, input2, method="bilinear", channels="zero-pad")',
        '  featfuse.fuse(input1, input2, method="bilinear", channels="truncate")',
        '  featfuse.fuse(input1, input2, method="bilinear", channels="mean")',
        '  featfuse.fuse(input1, input2, method="bilinear", combine="concat")',
    ]


def test_errors_in_threads_talk_python(tmp_path, monkeypatch):
    """Windows are read in threads of their own."""

    def fail(self, index, window):
        raise RunError(f"a smaller {worded('memory')}")

    monkeypatch.setattr(Inputs, "read", fail)
    with pytest.raises(RunError, match="a smaller `memory`"):
        featfuse.fuse(np.ones((64, 64, 1024)), layout="HWC", threads=4, memory="4M")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (featfuse.fuse, "no input given|featfuse.fuse(a, b)"),
        (lambda: featfuse.fuse(X, dry_run=True), "`dry_run` needs `out`|featfuse.inspect plans without one."),
        (lambda: featfuse.fuse(X, sidecar=True), "`sidecar` needs `out`"),
        (lambda: featfuse.fuse(X, memory="much"), 'memory="much": not a size'),
        (lambda: featfuse.fuse(X, mask_invert=True), "`mask_invert` needs `mask`|leave `mask_invert` out"),
        (
            lambda: featfuse.fuse(X, method="pad", to="9x9", edge="clamp"),
            '`edge` is not used by method="pad"',
        ),
        (lambda: featfuse.fuse(X, X, combine="meen"), "`combine`: unknown choice 'meen'|Did you mean mean?"),
        (lambda: featfuse.fuse(X, "nowhere.npy"), "nowhere.npy: no such file"),
        (lambda: featfuse.fuse(X, X, mask=np.ones((2, 2, 2, 2, 2))), "mask=mask: shape (2, 2, 2, 2, 2)"),
        (featfuse.batch, "batch needs a pattern|featfuse.batch("),
        (lambda: featfuse.batch("a/"), 'batch needs `out`|out="fused/"'),
        (lambda: featfuse.batch("a/", out="o/", jobs=0), "jobs=0: at least 1 is needed"),
        (lambda: featfuse.batch("a/", out="o/", jobs="all"), 'jobs="all": not a whole number'),
        (lambda: featfuse.batch(X, out="o/"), "pattern 1 (ndarray) is no path|featfuse.fuse takes arrays"),
        (lambda: featfuse.batch("a/{id}.npy", out="o/"), "a/{id}.npy: nothing matches|Look at the path."),
        (lambda: featfuse.fuse(X, threads=1.5), "threads=1.5: not a whole number"),
        (lambda: featfuse.fuse(None, X), "input 1 (NoneType) is neither an array nor a path"),
        (lambda: featfuse.fuse(""), "an input's name is empty|Give PATH or PATH::KEY."),
        (lambda: featfuse.fuse(X, out="no/o.npy"), 'no does not exist|Make it first: os.makedirs("'),
        (lambda: featfuse.resize(X, 2.5), "`to`: 2.5 is not a size"),
    ],
)
def test_usage_is_told_in_keywords(call, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(featfuse.FeatfuseError) as caught:
        call()
    for word in words.split("|"):
        assert word in str(caught.value)
    assert "--" not in str(caught.value)


# --------------------------------------------------------------------------------------------------- help


def test_help_lists_every_option_with_its_values():
    text = inspect.getdoc(featfuse.fuse)
    assert text is not None
    options = text[text.index("Options:") :].replace("\n            ", " ")
    for name, row in OPTIONS.items():
        line = next(line for line in options.splitlines() if line.startswith(f"    {name}: "))
        assert all(word in line for word in (*row.chosen_from, *row.aliases)), line
        assert row.kind is SWITCH or row.values_text in line
        assert "; default: " in line
    assert "--" not in text
    assert max(map(len, text.splitlines())) < 150


# -------------------------------------------------------------------------------------------------- batch


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """a/ and b/ with three maps each; those of b are smaller."""
    monkeypatch.chdir(tmp_path)
    for number in range(3):
        write(f"a/{number}.npy", values(number, (2, 8, 8)))
        write(f"b/{number}.npy", values(number, (2, 4, 4)))


CALL: Any = {"out": "o/", "method": "nearest", "layout": "CHW", "jobs": 1}


def test_a_batch_has_run_when_the_call_returns(folders):
    result = featfuse.batch("a/", Path("b"), **CALL)
    assert sorted(path.name for path in Path("o").glob("*.npy")) == ["0.npy", "1.npy", "2.npy"]
    assert [it.status for it in result] == ["done"] * 3
    assert [it.id for it in result] == [it.id for it in result], "as often as one likes"
    assert (len(result), result.exit_code, repr(result)) == (3, 0, "3 items: 3 done")


def test_a_batch_can_be_iterated_while_it_runs(folders):
    result = featfuse.batch("a/", "b/", stream=True, **CALL)
    assert not list(Path().glob("o/*.npy"))
    first = next(iter(result))
    assert first.status == "done"
    assert len(result) == 1
    assert repr(result) == "3 items: 1 done, 2 not tried"
    assert result.wait() is result
    assert len(list(result)) == len(list(Path("o").glob("*.npy"))) == 3
    assert next(iter(result)) == first


def test_a_stream_that_is_left_ends_the_batch(folders):
    for _ in featfuse.batch("a/", "b/", stream=True, **CALL):
        break
    assert len(list(Path("o").glob("*.npy"))) < 3
    assert leftovers() == []
    assert featfuse.batch("a/", "b/", resume=True, **CALL).exit_code == 0


def test_usage_is_told_at_the_call(folders):
    with pytest.raises(UsageError, match="unknown option 'methd'"):
        featfuse.batch("a/", "b/", stream=True, methd="pad", **CALL)  # type: ignore[call-arg]
    assert not Path("o").exists()


def test_failed_items_are_warned_of(folders):
    Path("b/1.npy").write_bytes(b"rubbish")
    Path("b/2.npy").unlink()
    with pytest.warns(FeatfuseWarning, match="^2 of 3 items failed, the first: 1: b/1.npy") as caught:
        result = featfuse.batch("a/", "b/", **CALL)
    assert [warning.filename for warning in caught] == [__file__]
    assert result.exit_code == 5
    assert [it.id for it in result.failed] == ["1", "2"]
    assert repr(result).startswith("3 items: 1 done, 2 failed\nfailed: 1: b/1.npy")


def test_what_items_are_warned_of_is_told_once(folders):
    with pytest.warns(FeatfuseWarning) as caught:
        featfuse.batch("a/", "b/", **{**CALL, "method": "bilinear", "to": "2x2"})
    (told,) = [str(warning.message) for warning in caught]
    assert told.startswith("warnings: 6, the first: a/0.npy shrinks without antialias=True")


def test_items_fail_in_python_words(folders):
    write("b/1.npy", values(1, (5, 4, 4)))
    with pytest.warns(FeatfuseWarning):
        result = featfuse.batch("a/", "b/", **CALL)
    (failed,) = result.failed
    assert 'Choose channels="tile"' in failed.error


def test_every_keyword_arrives(monkeypatch, folders):
    given: dict[str, Any] = {
        "out": Path("o"),
        "pairs": Path("p.csv"),
        "include": "x*",
        "exclude": ["y", "z"],
        "allow_missing": 1,
        "jobs": 2,
        "dask": "local",
        "resume": 3,
        "force": 4,
        "sync": 5,
        "fail_fast": 6,
        "manifest": Path("m.jsonl"),
        "memory": "7M",
        "threads": 8,
    }
    assert list(given) == list(BatchOptions.__dataclass_fields__)

    class Stop(Exception):
        pass

    def begin(patterns, how, options):
        for name, value in given.items():
            expected = {
                "out": "o",
                "pairs": "p.csv",
                "include": ("x*",),
                "exclude": ("y", "z"),
                "manifest": "m.jsonl",
            }
            assert getattr(how, name) == expected.get(name, value), name
        assert options == {"method": "pad"}
        raise Stop

    monkeypatch.setattr("featfuse.verbs._begin", begin)
    with pytest.raises(Stop):
        featfuse.batch("a/", method="pad", **given)


INTERRUPTED = """
import os, pathlib, signal, threading, time, featfuse

def interrupt():
    while not list(pathlib.Path().glob("o/*.npy")):
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=interrupt, daemon=True).start()
featfuse.batch("a/", "b/", out="o/", method="nearest", layout="CHW", jobs=2, sync=False)
print("not reached")
"""


@pytest.mark.slow
def test_ctrl_c_ends_a_batch(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("a/0.npy", values(0, (2, 8, 8)))
    write("b/0.npy", values(0, (2, 4, 4)))
    for number in range(1, 4000):
        for folder in "ab":
            Path(f"{folder}/{number}.npy").hardlink_to(f"{folder}/0.npy")
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=False)
    assert done.stderr.rstrip().endswith("KeyboardInterrupt")
    assert done.stdout == ""
    assert leftovers() == []
    count = len(list(Path("o").glob("*.npy")))
    assert 0 < count < 4000
