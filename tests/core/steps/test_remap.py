"""Maps on every axis of a tensor, in windows: each equals that part of the whole."""

import itertools

import featfuse
import numpy as np
import pytest
from featfuse.model.dtypes import DTYPES

from tests.support.plans import plan_of


@pytest.mark.parametrize("method", ["bilinear", "max-pool", "pad", "nearest"])
def test_windows_of_a_step_say_what_they_need(method: str) -> None:
    """The budget cuts the result differently; the values are those of one window."""
    x = np.random.default_rng(0).normal(size=(2, 9, 12, 3)).astype(np.float32)
    options = {"method": method, "layout": "NHWC", "to": (13, 17) if method != "max-pool" else (4, 5)}
    whole = featfuse.fuse(x, **options)
    for memory, threads in itertools.product(("4K", "16K"), (1, 2)):
        part = featfuse.fuse(x, memory=memory, threads=threads, **options)
        np.testing.assert_allclose(part, whole, atol=1e-6)


def test_a_map_that_changes_nothing_costs_nothing() -> None:
    plan = plan_of([(4, 4), (4, 4)], method="bilinear")
    assert plan.shape == (4, 4)


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize(
    ("method", "size"),
    [
        ("nearest", (17, 40)),
        ("nearest-exact", (17, 40)),
        ("max-pool", (5, 4)),
        ("stride", (5, 4)),
        ("crop", (7, 5)),
        ("pad", (12, 13)),
    ],
)
def test_what_keeps_the_type_keeps_the_sign_of_zero(name: str, method: str, size: tuple[int, int]) -> None:
    x = np.full((1, 4, 10, 8), -0.0).astype(DTYPES[name])
    options = {"pad_mode": "edge"} if method == "pad" else {}
    result = featfuse.resize(x, size, method=method, layout="NCHW", **options)
    assert np.signbit(result).all()
    assert (result == 0).all()
