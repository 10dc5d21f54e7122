"""Alike items share a plan; each item's result and what is said of it are its own all the same."""

import json
from pathlib import Path

import featfuse
import numpy as np
import pytest
from featfuse.batches.work import Task, fuse_item
from featfuse.io.address import Address
from safetensors import safe_open

from tests.support.batches import RECIPE, values, write

RECIPES = {
    "bilinear": {"method": "bilinear"},
    "concat": {"combine": "concat"},
    "pca": {"combine": "concat", "reduce": "pca", "out_channels": 2},
    "ramp": {"method": "pad", "pad_mode": "linear_ramp"},
    "mask": {"method": "pad", "mask": "auto"},
    "fold": {"fold": "coarse-to-fine"},
    "warned": {"method": "bilinear", "to": "smallest"},
    "mean": {"method": "bilinear", "channels": "mean"},
}


@pytest.mark.parametrize("name", RECIPES)
def test_each_item_is_what_it_is_alone(run, fused, name):
    """Sizes alternate, and some items have an edge that is the end value of a ramp."""
    for item in range(6):
        shape = (3, 9 - item % 2, 8)
        large = values(item, shape)
        small = values(50 + item, (3, 5, 4))
        small[:, 0] *= item % 3
        write(f"a/{item}.npy", large)
        write(f"b/{item}.npy", small)
    done = run("a/", "b/", out="o/", jobs=1, **RECIPES[name])
    assert {it.status for it in done.values()} == {"done"}
    for item in range(6):
        alone = fused(f"a/{item}.npy", f"b/{item}.npy", **RECIPES[name])
        np.testing.assert_array_equal(np.load(f"o/{item}.npy"), alone)
        if name == "warned":
            assert f"a/{item}.npy" in done[str(item)].warnings[0]


def test_each_output_names_its_own_inputs(pairs, run):
    pairs(3)
    run("a/{id}.npy", "b/{id}.npy", out="o/{id}.safetensors", jobs=1)
    for item in range(3):
        with safe_open(Path(f"o/{item}.safetensors"), "np") as file:
            inputs = json.loads(file.metadata()["featfuse.inputs"])
        assert [row["name"] for row in inputs] == [f"a/{item}.npy", f"b/{item}.npy"]
    assert featfuse.fuse("a/0.npy", "b/0.npy", **RECIPE).shape == (2, 8, 8)


def test_a_bug_costs_its_item_and_keeps_its_traceback(pairs, monkeypatch):
    pairs(1)
    monkeypatch.setattr("featfuse.io.open_request.make_plan", lambda *_: 1 / 0)
    inputs = Address("a/0.npy"), Address("b/0.npy")
    outcome = fuse_item(Task("0", inputs, Address("o/0.npy"), {"method": "nearest"}, 1 << 20, 1))
    assert outcome.status == "failed"
    assert "a bug in featfuse" in (outcome.error or "")
    assert "ZeroDivisionError" in (outcome.error or "")
