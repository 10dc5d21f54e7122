"""Combining and reducing, planned: channel groups, weights, the types it is done in, and refusals."""

from typing import Any

import featfuse
import numpy as np
import pytest
from featfuse import ShapeError, UsageError

# --- channel groups ----------------------------------------------------------------------------

GROUPED = {"mean": np.mean, "max": np.max, "sum": np.sum}

RNG = np.random.default_rng(0)


def normal(*shape: int) -> Any:
    return RNG.normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("name", GROUPED)
@pytest.mark.parametrize("count", [2, 3, 16])
def test_groups(rng, name, count):
    inputs = [rng.normal(size=(1, 4, 5, 6)) for _ in range(count)]
    out = featfuse.fuse(*inputs, combine="concat", reduce=name, layout="NCHW")
    np.testing.assert_allclose(out, GROUPED[name](inputs, axis=0), atol=1e-13)


def test_groups_of_other_sizes(rng):
    a, b = rng.normal(size=(1, 4, 6, 6)), rng.normal(size=(1, 4, 3, 3))
    out = featfuse.fuse(a, b, method="nearest", combine="concat", reduce="max", layout="NCHW")
    assert np.array_equal(out, np.maximum(a, b.repeat(2, 2).repeat(2, 3)))


def test_group_refusals():
    a = np.ones((1, 4, 5, 6))
    with pytest.raises(UsageError, match='combine="concat"'):
        featfuse.fuse(a, a, reduce="mean", layout="NCHW")
    with pytest.raises(ShapeError, match=r"4.*3"):
        featfuse.fuse(a, np.ones((1, 3, 5, 6)), combine="concat", reduce="mean", layout="NCHW")


@pytest.mark.parametrize("name", ["gap", "mean", "pca", "conv1x1"])
def test_options_of_other_reductions_are_refused(name):
    needed = {"pca": {"out_channels": 2}, "conv1x1": {"out_channels": 2}}.get(name, {})
    foreign = {"gap": "seed", "mean": "out_channels", "pca": "seed", "conv1x1": "keepdims"}[name]
    with pytest.raises(UsageError, match=f"`{foreign}` is not used"):
        featfuse.fuse(
            np.ones((1, 4, 4, 3)), layout="NHWC", combine="concat", reduce=name, **needed, **{foreign: 1}
        )


def test_maps_for_equal_shapes_ask_for_the_layout(rng):
    """4 x 5 x 3 is ambiguous, and maps per position depend on it: both readings are to be offered."""
    a = rng.normal(size=(1, 4, 5, 3))
    with pytest.raises(ShapeError) as caught:
        featfuse.fuse(a, a, combine="softmax", weights=rng.normal(size=(1, 4, 5, 2)))
    assert "layout=" in f"{caught.value.message} {caught.value.hint}"


# --- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [[1.0], [1.0, 2.0, 3.0], np.ones(3)])
def test_wrong_counts(weights):
    a = np.ones((1, 3, 4, 5))
    with pytest.raises(UsageError, match=rf"{len(weights)} weights for 2 inputs"):
        featfuse.fuse(a, a, weights=weights, layout="NCHW")


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((1, 3, 4, 5), ["3 channels for 2 inputs", "NCHW", "(1, 3, 4, 5)"]),
        ((1, 4, 5, 2), ["4 channels for 2 inputs", "NCHW", "(1, 4, 5, 2)"]),
        ((4, 5), ["(4, 5)", "NCHW"]),
    ],
)
def test_wrong_maps(shape, words):
    a = np.ones((1, 6, 4, 5))
    with pytest.raises(ShapeError) as caught:
        featfuse.fuse(a, a, weights=np.ones(shape), combine="softmax", layout="NCHW")
    assert all(word in caught.value.message for word in words), caught.value.message


def test_weights_usage():
    a = np.ones((1, 3, 4, 5))
    with pytest.raises(UsageError, match="add up to 0"):
        featfuse.fuse(a, a, combine="mean", weights=[1.0, -1.0], layout="NCHW")
    for name in ("mul", "max", "sub", "concat"):
        with pytest.raises(UsageError, match=f'`weights` is not used by combine="{name}"'):
            featfuse.fuse(a, a, combine=name, weights=[1.0, 1.0], layout="NCHW")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"combine": "concat", "reduce": "sum", "dtype": "int32"}, 400),
        ({"reduce": "gap"}, 400),
        ({"reduce": "conv1x1", "kernel": np.ones((1, 3), np.float32)}, 1200),
    ],
)
def test_sums_of_integers_need_not_fit_the_inputs_type_when_more_follows(
    options: dict[str, Any], expected: float
) -> None:
    x = np.full((1, 4, 4, 3), 200, np.uint8)
    assert (featfuse.fuse(x, x, layout="NHWC", **options) == expected).all()


def test_weights_per_position_must_broadcast() -> None:
    with pytest.raises(ShapeError, match="axis N"):
        featfuse.fuse(*[normal(3, 4, 8, 8)] * 2, combine="softmax", weights=normal(2, 2, 8, 8), layout="NCHW")
