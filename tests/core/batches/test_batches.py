"""The Python function."""

import featfuse
from featfuse.batches import batch


def test_the_function_is_public():
    assert featfuse.batch is batch
    assert "batch" in featfuse.__all__
