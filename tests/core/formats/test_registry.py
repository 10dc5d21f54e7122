"""The table of formats."""

import numpy as np
import pytest
from featfuse.formats.registry import FORMATS, SUFFIXES, find_format
from featfuse.model.dtypes import DTYPES


@pytest.mark.parametrize("name", FORMATS)
def test_every_row_has_its_module_and_its_suffixes(name: str) -> None:
    row = FORMATS[name]
    module = row.load()
    assert callable(module.open_reader)
    assert callable(module.create_sink)
    assert [SUFFIXES[suffix] for suffix in row.suffixes] == [row] * len(row.suffixes)
    assert row.stores(np.dtype("float32"))
    assert row.stores(DTYPES["bfloat16"]) == row.extended_floats


def test_suffixes_in_any_case() -> None:
    assert find_format("folder.npy/X.SafeTensors") is FORMATS["safetensors"]
    assert find_format("x.npy.txt") is None
    assert find_format("npy") is None
