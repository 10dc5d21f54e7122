"""A batch as a command: whatever was given, and only that."""

import shlex

import numpy as np
from featfuse.batches import BatchOptions
from featfuse.batches.command import batch_command
from featfuse.wording import for_python


def test_what_was_given_and_nothing_else():
    assert batch_command(["a/", "b/"], BatchOptions(out="o/"), {}) == "fuse batch a/ b/ --out o/"
    told = batch_command(
        ["a/{id}.npy", "it's/{id}.npy"],
        BatchOptions(out="f.h5::{id}", include=("x*", "y*"), jobs=2, resume=True, sync=False, memory="1G"),
        {"method": "bilinear", "antialias": False, "mask": "m/{id}.npy", "to": None},
    )
    assert shlex.split(told) == [
        *("fuse", "batch", "a/{id}.npy", "it's/{id}.npy", "--out", "f.h5::{id}"),
        *("--include", "x*", "--include", "y*", "--jobs", "2", "--resume", "--no-sync", "--memory", "1G"),
        *("--method", "bilinear", "--no-antialias", "--mask", "m/{id}.npy"),
    ]


def test_for_python_it_is_a_call():
    options = BatchOptions(out="f.h5::{id}", include=("x*",), jobs=2, resume=True, sync=False)
    with for_python():
        told = batch_command(["a/", "b/"], options, {"method": "bilinear", "dtype": np.float16, "to": None})
    assert told == (
        'featfuse.batch("a/", "b/", out="f.h5::{id}", include=("x*",), jobs=2, resume=True, sync=False, '
        'method="bilinear", dtype="float16")'
    )
