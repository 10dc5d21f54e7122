"""How options are named: to a shell, to Python. Every message of the core names them through this module."""

import ast
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import featfuse
import numpy as np
import pytest
from featfuse.wording import (
    Blank,
    Named,
    either,
    for_python,
    is_for_python,
    phrase,
    together,
    worded,
    written,
)

CORE = Path(featfuse.__file__ or "").parent


@pytest.mark.parametrize(
    ("name", "values", "shell", "python"),
    [
        ("pad_value", (), "--pad-value", "`pad_value`"),
        ("method", ("pad",), "--method pad", 'method="pad"'),
        ("channels", ("tile", "mean"), "--channels tile or mean", 'channels="tile" or "mean"'),
        (
            "channels",
            ("tile", "pad", "mean"),
            "--channels tile, pad or mean",
            'channels="tile", "pad" or "mean"',
        ),
        ("mask_scale", (255,), "--mask-scale 255", "mask_scale=255"),
        ("pad_value", (-1.5,), "--pad-value -1.5", "pad_value=-1.5"),
        ("force", (True,), "--force", "force=True"),
        ("antialias", (False,), "--no-antialias", "antialias=False"),
        ("like", (Blank("INPUT"),), "--like INPUT", "like=INPUT"),
        ("mask", (Blank("mask.npy", "mask"),), "--mask mask.npy", "mask=mask"),
    ],
)
def test_an_option_as_its_reader_writes_it(name, values, shell, python):
    assert worded(name, *values) == shell
    with for_python():
        assert worded(name, *values) == python
    assert worded(name, *values) == shell


def test_phrases():
    template = (
        "{option} is not used by {other:{value}}, use {channels:tile|mean}, {force:True}, {to} "
        "or {like:<INPUT>}"
    )
    words = {"option": Named("pad_value"), "other": Named("method"), "value": "crop"}
    assert phrase(template, **words) == (
        "--pad-value is not used by --method crop, use --channels tile or mean, --force, --to or --like INPUT"
    )
    with for_python():
        assert phrase(template, **words) == (
            '`pad_value` is not used by method="crop", use channels="tile" or "mean", force=True, `to` or '
            "like=INPUT"
        )
        assert phrase("{mask_scale:255}") == "mask_scale=255"
        assert together({"grid": "14x14", "skip_tokens": 1}) == 'grid="14x14", skip_tokens=1'
    assert together({"grid": "14x14", "skip_tokens": 1}) == "--grid 14x14 --skip-tokens 1"
    assert phrase("{a}", a="{b}") == "{b}", "words are not read as templates"


@pytest.mark.parametrize(
    "value",
    [
        "it's",
        'a "b"',
        "both ' and \"",
        "line\nend",
        "\udcff",
        3,
        -0.5,
        True,
        None,
        (1, 2),
        (1,),
        [1, "a"],
        {1: "k.npy"},
    ],
    ids=repr,
)
def test_what_is_written_is_python(value):
    assert ast.literal_eval(written(value)) == value


def test_numbers_of_numpy_are_written_as_numbers():
    assert written((np.int64(8), np.float32(0.5), np.bool_(True))) == "(8, 0.5, True)"


def test_what_has_no_text_is_called_by_a_name():
    assert written(np.ones(2), "mask") == "mask"
    assert written({1: (np.ones(2), Path("b.npy"))}, "kernel") == '{1: (kernel, "b.npy")}'
    blank = pickle.loads(pickle.dumps(Blank("a.npy", "a")))
    assert (blank, written(blank)) == ("a.npy", "a")


def test_the_reader_is_known_within_the_block_and_this_thread_only():
    seen = []
    with for_python():
        thread = Thread(target=lambda: seen.append(is_for_python()))
        thread.start()
        thread.join()
        with for_python(False):
            assert either("shell", "python") == "shell"
        assert either("shell", "python") == "python"
    assert seen == [False]
    assert not is_for_python()


APART = {
    CORE / "batches" / "command.py": "which writes the command itself",
    CORE / "methods" / "__init__.py": "what `fuse methods` shows",
    CORE / "request" / "combining.py": "what `fuse methods` shows",
}


def texts(path: Path) -> Iterator[ast.Constant]:
    """Every text in a module that is no docstring, and no shell's half of `either`."""
    tree = ast.parse(path.read_text())
    nodes = list(ast.walk(tree))
    apart = {node.value for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "either":
            apart.update(part for part in ast.walk(node.args[0]) if isinstance(part, ast.expr))
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in apart:
            yield node


@pytest.mark.parametrize("path", sorted(CORE.rglob("*.py")), ids=lambda path: str(path.relative_to(CORE)))
def test_no_message_has_a_flag_in_it(path):
    """Python callers have none: `worded` and `phrase` name options, `either` commands."""
    flags = re.compile(r"--[a-z]|`fuse\b|\bfuse (batch|inspect|methods)\b")
    found = {node.lineno: node.value for node in texts(path) if flags.search(node.value)}
    assert path in APART or not found, found
    assert path not in APART or found, "no exception any more"
