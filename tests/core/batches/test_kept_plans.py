"""A worker plans alike items once; each item's result and what is said of it are its own all the same."""

import json
from pathlib import Path

import featfuse
import numpy as np
import pytest
from featfuse.model.tensor import TensorSpec
from featfuse.planning import cache
from featfuse.planning.extras import NO_EXTRAS
from featfuse.request.options import Options
from safetensors import safe_open

from tests.support.batches import RECIPE, values, write

F32 = np.dtype("float32")


@pytest.fixture
def kept(monkeypatch):
    monkeypatch.setattr(cache, "_kept", None)
    cache.keep_plans()


def specs(name: str, size: int = 8) -> list[TensorSpec]:
    return [
        TensorSpec(f"a/{name}.npy", (2, 8, 8), F32, path=f"a/{name}.npy"),
        TensorSpec(f"b/{name}.npy", (2, size, size), F32, path=f"b/{name}.npy"),
    ]


def plan(name: str, size: int = 4, **options):
    return cache.plan_for(specs(name, size), Options.resolve({**RECIPE, **options}), NO_EXTRAS)


def test_one_plan_for_items_that_differ_in_their_names_alone(kept):
    first, second = plan("0"), plan("1")
    assert second.root is first.root
    assert [spec.name for spec in first.specs] == ["a/0.npy", "b/0.npy"]
    assert [spec.name for spec in second.specs] == ["a/1.npy", "b/1.npy"]


def test_other_sizes_and_other_options_are_other_plans(kept):
    roots = [
        plan("0").root,
        plan("0", 2).root,
        plan("0", method="bilinear").root,
        plan("0", combine="max").root,
    ]
    assert len({id(root) for root in roots}) == 4


@pytest.mark.parametrize(
    "options", [{"to": "smallest", "method": "bilinear"}, {"mask": "auto", "method": "pad"}]
)
def test_what_names_its_inputs_is_planned_anew(kept, options):
    first, second = plan("0", **options), plan("1", **options)
    assert second.root is not first.root
    told = " ".join(second.warnings) + " ".join(second.mask.inputs if second.mask else ())
    assert "/1.npy" in told
    assert "/0.npy" not in told


def test_nothing_is_kept_unless_asked_for(monkeypatch):
    monkeypatch.setattr(cache, "_kept", None)
    assert plan("0").root is not plan("1").root


def test_what_is_kept_is_bounded(kept, monkeypatch):
    monkeypatch.setattr(cache, "_MOST_KEPT", 3)
    for size in range(1, 9):
        plan("0", size, method="bilinear")
        assert len(cache._kept) <= 3


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
