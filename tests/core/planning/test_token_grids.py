"""Which inputs are tokens, and on which grid each is seen."""

import numpy as np
import pytest
from featfuse.errors import FeatfuseError, ShapeError, UsageError
from featfuse.model.tensor import TensorSpec
from featfuse.planning.token_grids import lay_grids


def lay(shapes, grids, skips=(0,), layouts=None):
    specs = [TensorSpec(f"input {place}", shape, np.dtype("float32")) for place, shape in enumerate(shapes)]
    laid = lay_grids(specs, layouts or [None] * len(specs), grids, skips)
    return [it and it[0].shape for it in laid]


@pytest.mark.parametrize(
    ("shapes", "grids", "skips", "seen"),
    [
        ([(1, 3136, 96), (1, 784, 96)], [(56, 56), (28, 28)], (0,), [(1, 56, 56, 96), (1, 28, 28, 96)]),
        ([(1, 3136, 96), (1, 784, 96)], ["auto"], (0,), [(1, 56, 56, 96), (1, 28, 28, 96)]),
        ([(577, 1024), (256, 1024)], ["auto"], (1, 0), [(24, 24, 1024), (16, 16, 1024)]),
        ([(1, 197, 768), (1, 768, 28, 28)], [(14, 14)], (1,), [(1, 14, 14, 768), None]),
        ([(1, 196, 768), (768, 14, 14)], [(14, 14)], (0,), [(1, 14, 14, 768), None]),  # a square map
        (
            [(1, 196, 768), (768, 14, 14), (1, 49, 8)],
            [(14, 14), (7, 7)],
            (0,),
            [(1, 14, 14, 768), None, (1, 7, 7, 8)],
        ),
    ],
)
def test_seen(shapes, grids, skips, seen):
    assert lay(shapes, grids, skips) == seen


@pytest.mark.parametrize(
    ("shapes", "grids", "skips", "layouts", "kind", "words"),
    [
        ([(1, 3136, 96), (1, 784, 96)], [(56, 56)], (0,), None, ShapeError, "the tensor has 784"),
        ([(1, 3136, 96), (1, 784, 96)], [(56, 56)], (0,), None, ShapeError, "28x28"),
        ([(1, 60, 96)], ["auto"], (0,), None, ShapeError, "60 tokens are no square"),
        ([(1, 3136, 96)], [(56, 56), (28, 28)], (0,), None, UsageError, "2 values for 1 token input"),
        ([(1, 49, 96)] * 2, [(7, 7)], (0, 1, 4), None, UsageError, "--skip-tokens: 3 values for 2"),
        ([(1, 3, 8, 8)], [(8, 8)], (0,), None, UsageError, "no input is a token tensor"),
        ([(1, 64, 8)], [(8, 8)], (0,), ["NCW"], UsageError, "no input is a token tensor"),
    ],
)
def test_refused(shapes, grids, skips, layouts, kind, words):
    with pytest.raises(FeatfuseError, match=words) as caught:
        lay(shapes, grids, skips, layouts)
    assert type(caught.value) is kind
    assert caught.value.hint
