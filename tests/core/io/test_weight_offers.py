"""A checkpoint named without a key: which of its tensors fit, each to be pasted, and a handful at most."""

import shlex
from pathlib import Path

import numpy as np
import pytest
from featfuse.errors import InputError
from featfuse.io.readers import open_input
from featfuse.io.selection import SeveralTensors, select
from featfuse.io.weight_offers import MOST_OFFERED, offered
from featfuse.planning.fitting import Fit

SQUARE = Fit(lambda shape: len(shape) == 2 and shape[0] == shape[1], "the square hole", "Pegs are squares.")


def several(path: Path, **shapes: tuple[int, ...]) -> SeveralTensors:
    np.savez(path, **{name: np.zeros(shape, np.float32) for name, shape in shapes.items()})
    with open_input(str(path)) as reader, pytest.raises(SeveralTensors) as caught:
        select(reader, None)
    return caught.value


def test_those_that_fit_come_with_what_to_paste(tmp_path: Path) -> None:
    path = tmp_path / "my weights.npz"
    error = several(path, **{"b10": (3, 3), "b9": (2, 2), "a": (2, 3), "c d": (4, 4)})
    told = offered(error, "kernel", "", SQUARE)
    assert isinstance(told, InputError)
    assert told.message == f"--kernel: {path} holds 4 tensors, 3 of which fit the square hole:"
    assert [line.split()[0] for line in told.details] == ["b9", "b10", "c"]
    assert "(3, 3) float32" in told.details[1]
    assert [shlex.split(line) for line in told.commands] == [
        ["--kernel", f"{path}::{key}"] for key in ("b9", "b10", "c d")
    ]


def test_one_alone_is_named(tmp_path: Path) -> None:
    told = offered(several(tmp_path / "w.npz", a=(2, 3), b=(5, 5)), "bias", "", SQUARE)
    assert "2 tensors, 1 of which fits the square hole:" in told.message
    assert told.hint == "Name it:"
    assert told.commands == (f"--bias {tmp_path}/w.npz::b",)


def test_a_handful_is_offered(tmp_path: Path) -> None:
    told = offered(
        several(tmp_path / "w.npz", **{f"k{n}": (n, n) for n in range(1, 12)}), "kernel", "", SQUARE
    )
    assert "11 of which fit" in told.message
    assert len(told.commands) == MOST_OFFERED == len(told.details) - 1
    assert told.details[-1].strip() == "... and 6 more that fit"


def test_where_none_fits_all_are_listed(tmp_path: Path) -> None:
    told = offered(several(tmp_path / "w.npz", a=(2, 3), b=(5,)), "kernel", "", SQUARE)
    assert "2 tensors, none of which fits the square hole:" in told.message
    assert [line.split()[0] for line in told.details] == ["a", "b"]
    assert (told.hint, told.commands) == ("Pegs are squares.", ())


def test_where_nothing_is_known_all_are_listed(tmp_path: Path) -> None:
    told = offered(several(tmp_path / "w.npz", a=(2, 3), b=(5,)), "project", "2=", None)
    assert told.message == f"--project 2: {tmp_path}/w.npz holds 2 tensors:"
    assert told.hint == f"Say which one, like --project 2={tmp_path}/w.npz::a"


def test_what_stands_before_the_file_stays(tmp_path: Path) -> None:
    told = offered(several(tmp_path / "w.npz", a=(2, 3), b=(5, 5)), "project", "1=k v.npy,", SQUARE)
    assert told.message.startswith("--project 1: ")
    assert [shlex.split(line) for line in told.commands] == [["--project", f"1=k v.npy,{tmp_path}/w.npz::b"]]
