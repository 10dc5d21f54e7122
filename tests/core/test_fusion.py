"""One fusion: what the command line and the workers of a batch call. It speaks to a shell."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from featfuse.errors import ShapeError
from featfuse.fusion import default_output, fuse_to_array, fuse_to_file, inspect_inputs
from featfuse.io.job import Delivery
from featfuse.process.limits import Limits

LIMITS = Limits(1 << 20)
X = np.ones((1, 4, 8, 8), np.float32)


def test_warnings_are_returned(tmp_path: Path) -> None:
    words = "input 1 shrinks without --antialias, detail will alias: H 8→4, W 8→4"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result, told = fuse_to_array(
            [X], {"method": "bilinear", "to": "4x4", "layout": "NCHW"}, Delivery(), LIMITS
        )
        report = fuse_to_file(
            [X],
            {"method": "bilinear", "to": "4x4", "layout": "NCHW"},
            Delivery(str(tmp_path / "o.npy")),
            LIMITS,
        )
    assert result.shape == (1, 4, 4, 4)
    assert told == report.warnings == (words,)


@pytest.mark.parametrize(
    ("out", "force", "end"),
    [
        ("fused.npy", False, ""),
        ("o.npy", False, " --out o.npy"),
        ("a b.npy", True, " --out 'a b.npy' --force"),
    ],
)
def test_commands_have_the_callers_output(out: str, force: bool, end: str) -> None:
    with pytest.raises(ShapeError) as caught:
        fuse_to_file([X, X[:, :2]], {"layout": "NCHW"}, Delivery(out, force), LIMITS)
    assert caught.value.commands[0] == (f"fuse input1.npy input2.npy --layout NCHW --channels tile{end}")


def test_a_question_is_answered_without_an_error() -> None:
    report = inspect_inputs([(1, 4, 8, 8), (1, 4, 5, 5)], {"layout": "NCHW"})
    assert report.problem is not None
    assert "Choose a --method" in report.problem


@pytest.mark.parametrize(
    ("first", "output"),
    [("a.npy", "fused.npy"), ("f/a.H5::k/x", "fused.h5"), ("-", "fused.npy"), ("input1.npy", "fused.npy")],
)
def test_the_default_output(first: str, output: str) -> None:
    assert default_output([first, "b.npz"]) == output
