"""The pipeline as resolved."""

import pytest
from featfuse import METHODS
from featfuse.request.options import Options
from featfuse.request.resolved import resolved_pipeline
from featfuse.request.table import OPTIONS

# ---------------------------------------------------------------------------------- the resolved pipeline


@pytest.mark.parametrize("method", METHODS)
def test_the_pipeline_tells_all_that_the_method_reads(method: str) -> None:
    told = resolved_pipeline(Options.resolve({"method": method}), {})
    read = [name for name in METHODS[method].options if name in told]
    assert [name for name in told if name in METHODS[method].options] == read
    assert next(iter(told)) == "method"
    assert list(told)[-1] == "on_overflow"
    assert set(told) <= set(OPTIONS)
