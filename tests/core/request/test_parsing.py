"""The texts of options, and the values that Python would write for them."""

import featfuse
import numpy as np
import pytest
from featfuse import UsageError


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
