"""Keys of containers as items."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from featfuse.errors import InputError

from tests.support.batches import KINDS, load, store


def problems(batch):
    return {it.id: it.error for it in batch.planned if it.error}


def test_a_key_that_its_container_lacks_is_a_missing_partner(plan):
    with h5py.File("f.h5", "w") as file:
        for name, layers in {"x": ("l3", "l4"), "y": ("l3",)}.items():
            for layer in layers:
                file[f"{name}/{layer}"] = np.zeros((2, 4, 4), np.float32)
    batch = plan("f.h5::{id}/l3", "f.h5::{id}/l4", out="o/{id}.npy")
    assert problems(batch) == {"y": "no partner: f.h5 has no key y/l4"}
    batch = plan("f.h5::{id}/l3", "f.h5::{id}/l4", out="o/{id}.npy", allow_missing=True)
    assert [it.status for it in batch.planned] == ["planned", "missing"]


def test_an_unreadable_single_container_is_an_error_of_the_batch(plan):
    Path("f.h5").write_bytes(b"\x89HDF\r\n\x1a\n rubbish")
    with pytest.raises(InputError, match=r"f\.h5"):
        plan("f.h5::{id}", out="o/{id}.npy")


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_that_was_lost_is_made_again(kind, pairs, run):
    pairs(2)
    run("a/", "b/", out=f"o/f.{kind}::{{name}}")
    store(f"o/f.{kind}", {"0": load(f"o/f.{kind}")["0"]})
    again = run("a/", "b/", out=f"o/f.{kind}::{{name}}", resume=True)
    assert {name: it.status for name, it in again.items()} == {"0": "skipped", "1": "done"}
    assert sorted(load(f"o/f.{kind}")) == ["0", "1"]


def test_a_group_in_the_way_costs_its_item_only(pairs, run):
    pairs(2)
    Path("o").mkdir()
    store("o/f.h5", {"1/inner": np.ones(3, np.float32)})
    done = run("a/", "b/", out="o/f.h5::{name}")
    assert {name: it.status for name, it in done.items()} == {"0": "done", "1": "failed"}
    assert "group" in (done["1"].error or "")
    assert sorted(load("o/f.h5")) == ["0", "1/inner"]
