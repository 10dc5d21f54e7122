"""A FusionPlan is a value: equal requests give equal plans, whatever their files are called."""

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import featfuse
import h5py
import numpy as np
import pytest
from featfuse.io.open_request import OpenRequest, open_request
from featfuse.model.tensor import TensorSpec
from featfuse.planning import planner
from featfuse.planning.build import build_steps
from featfuse.planning.plan import FusionPlan, Mix, Remap
from featfuse.steps.base import Run

SHAPES = ((2, 4, 8, 8), (2, 4, 4, 4))
MANY_CHANNELS = np.random.default_rng(0).normal(size=(3, 8, 1, 1)).astype("float32")
LEARNED = np.random.default_rng(1).normal(size=(4, 4, 2, 2)).astype("float32")
LATERAL = np.random.default_rng(2).normal(size=(4, 4)).astype("float32")
MASK = np.ones((8, 8), "float32")
REQUESTS: dict[str, dict[str, Any]] = {
    "bilinear": {"method": "bilinear"},
    "offset": {"method": "pad", "offset": "H:1,W:2"},
    "scale": {"method": "bilinear", "scale": "2"},
    "aspect": {"method": "bilinear", "to": "6x4", "keep_aspect": "not-larger"},
    "ramp": {"method": "pad", "pad_mode": "linear_ramp"},
    "mask": {"method": "pad", "mask": "auto"},
    "mask file": {"method": "nearest", "mask": MASK},
    "blend": {"method": "nearest", "mask": MASK, "mask_mode": "blend"},
    "stack": {"method": "area", "combine": "stack"},
    "weights": {"method": "bicubic", "combine": "fast-normalized", "weights": "1,2"},
    "conv1x1": {"method": "bilinear", "combine": "concat", "reduce": "conv1x1", "kernel": MANY_CHANNELS},
    "untrained": {"method": "bilinear", "combine": "concat", "reduce": "conv1x1", "out_channels": 3},
    "pca": {"method": "bilinear", "combine": "concat", "reduce": "pca", "out_channels": 2},
    "gap": {"method": "bilinear", "reduce": "gap"},
    "learned": {"method": "transposed-conv", "kernel": LEARNED, "stride": 2},
    "project": {"method": "bilinear", "project": {1: LATERAL}, "normalize": "l2"},
    "fold": {"method": "nearest", "fold": "coarse-to-fine"},
}
given = pytest.mark.parametrize("options", REQUESTS.values(), ids=REQUESTS)


@contextmanager
def opened(options: dict[str, Any]) -> Iterator[OpenRequest]:
    copies = {name: it.copy() if isinstance(it, np.ndarray) else it for name, it in options.items()}
    with open_request(SHAPES, {"layout": "NCHW", **copies}) as request:  # type: ignore[typeddict-item]
        yield request


def planned(options: dict[str, Any], name: str = "a") -> FusionPlan:
    """Planned afresh: nothing that was kept."""
    with opened(options) as request:
        specs = [spec._replace(name=f"{name}{spec.name}") for spec in request.sources.specs]
        planner._kept.cache_clear()
        return planner.make_plan(specs, request.options, request.extras)


@given
def test_equal_requests_give_equal_plans(options):
    first, second = planned(options), planned(options, name="b")
    assert first is not second
    assert first == second
    assert hash(first) == hash(second)
    assert len({first, second}) == 1


@given
def test_a_plan_survives_the_way_to_another_process(options):
    plan = planned(options)
    again = pickle.loads(pickle.dumps(plan))
    assert again == plan
    assert hash(again) == hash(plan)
    root, copy = build_steps(plan), build_steps(again)
    assert (copy.shape, copy.dtype) == (root.shape, root.dtype)


def test_other_requests_give_other_plans():
    plans = [planned(options) for options in REQUESTS.values()]
    plans += [planned({"method": "bilinear", "to": "smallest"}), planned({"method": "bicubic"})]
    plans += [planned({**REQUESTS["conv1x1"], "kernel": MANY_CHANNELS + 1})]
    plans += [planned({**REQUESTS["untrained"], "seed": 1})]
    assert len(set(plans)) == len(plans)


@given
def test_alike_requests_are_planned_once(options):
    with opened(options) as request, opened(options) as other:
        planner._kept.cache_clear()
        first = request.plan()
        renamed = [spec._replace(name="x", path="x") for spec in other.sources.specs]
        assert planner.make_plan(renamed, other.options, other.extras) is first
        assert planner._kept.cache_info().hits == 1


def test_an_error_names_the_inputs_all_the_same():
    specs = [
        TensorSpec(f"{name}.npy", (1, size, 8, 8), np.dtype("f4")) for name, size in (("p", 4), ("q", 3))
    ]
    with opened({}) as request, pytest.raises(featfuse.ShapeError, match=r"p\.npy has 4, q\.npy has 3"):
        planner.make_plan(specs, request.options)


@given
def test_a_run_leaves_the_plan_as_it_was(options):
    plan = planned(options)
    before = pickle.dumps(plan)
    with opened(options) as request:
        arrays = [np.random.default_rng(0).normal(size=shape).astype("f4") for shape in SHAPES]
        sides = [it for it in (options.get("mask"),) if isinstance(it, np.ndarray)]
        root = build_steps(plan)
        run = Run(lambda place, window: [*arrays, *sides][place][window])
        root.prepare(run)
        root.block(tuple(slice(0, size) for size in root.shape), run)
        assert request.plan() == plan
    assert pickle.dumps(plan) == before


def test_facts_can_be_read_off():
    plan = planned({"method": "bilinear", "combine": "concat", "reduce": "conv1x1", "out_channels": 3})
    assert dict(plan.fusion.target) == {"N": 2, "C": 8, "H": 8, "W": 8}
    (moved,) = plan.fusion.branches[1].operations
    assert isinstance(moved, Remap)
    assert [len(chain) for chain in moved.chains] == [0, 0, 1, 1]
    assert isinstance(plan.reduction, Mix)
    assert (plan.reduction.in_channels, plan.reduction.out_channels) == (8, 3)
    assert plan.untrained is not None


def test_a_layout_that_could_be_another_is_not_written(tmp_path):
    """Of a clip whose frames and channels may be swapped, the file says nothing."""
    large, small = np.zeros((2, 3, 2, 9, 7), np.float32), np.zeros((2, 3, 2, 5, 4), np.float32)
    report = featfuse.fuse(large, small, method="nearest", out=str(tmp_path / "o.h5"))
    assert report.inputs[0].layout_source == "any reading does the same"
    with h5py.File(tmp_path / "o.h5") as file:
        assert [dim.label for dim in file["fused"].dims] == [""] * 5
