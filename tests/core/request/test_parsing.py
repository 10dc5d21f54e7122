"""The texts of options, and the values that Python would write for them."""

import featfuse
import numpy as np
import pytest
from featfuse import UsageError
from featfuse.request import parsing


def test_values_that_python_would_write() -> None:
    x = np.arange(64.0).reshape(1, 1, 8, 8)
    small = featfuse.resize(x, "3x3", layout="NCHW")
    assert np.array_equal(small, featfuse.resize(x, (3, 3), layout="NCHW"))
    for dtype in (np.float16, np.dtype("float16"), np.zeros(1, ">f2").dtype):
        assert featfuse.fuse(x, dtype=dtype).dtype == np.float16
    with pytest.raises(UsageError, match="`dtype`"):
        featfuse.fuse(x, dtype=16)
    for yes in (True, 1, np.True_):
        shrunk = featfuse.resize(x, (3, 3), layout="NCHW", antialias=yes)
        assert np.array_equal(shrunk, featfuse.resize(x, (3, 3), layout="NCHW", antialias=True))
    for text in ("no", "yes", "false", 2):
        with pytest.raises(UsageError, match=r"`antialias`: .* is neither True nor False"):
            featfuse.resize(x, (3, 3), layout="NCHW", antialias=text)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (1, (1,)),
        ("1", (1,)),
        ("1x0", (1, 0)),
        ((1, 0), (1, 0)),
        ("1+2", ((1, 2),)),
        ("1+2×0", ((1, 2), 0)),
        (((1, 2), 0), ((1, 2), 0)),
        ([[1, 2], [0, 0]], ((1, 2), (0, 0))),
        ("same", "same"),
    ],
)
def test_borders(value: object, read: object) -> None:
    assert parsing.read_sides("--pool-padding", value) == read


@pytest.mark.parametrize(
    "value", ["", "-1", "1+", "+1", "1+2+3", "1.5", "valid", "same+1", None, True, (1, (1, 2, 3))]
)
def test_what_is_no_border(value: object) -> None:
    with pytest.raises(UsageError, match=r"^--pool-padding: .* is not a border") as caught:
        parsing.read_sides("--pool-padding", value)
    assert "same" in str(caught.value.hint)


@pytest.mark.parametrize("value", [0, -2, "-0.5"])
def test_an_exponent_is_above_0(value: object) -> None:
    with pytest.raises(UsageError, match=r"p=.*: must be above 0"):
        featfuse.fuse(np.ones(4), method="lp-pool", to=2, p=value)
