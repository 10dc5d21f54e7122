"""The element types: their names, and the one that several have in common."""

import featfuse
import numpy as np
import pytest
from featfuse.model.dtypes import DTYPES, common_dtype

from tests.support.arrays import array

MIXED = [
    # inputs, what they fuse into
    (("float32", "float32"), "float32"),
    (("float16", "float32"), "float32"),
    (("float16", "bfloat16"), "float32"),
    (("bfloat16", "float32"), "float32"),
    (("bfloat16", "float64"), "float64"),
    (("float8_e4m3fn", "float8_e5m2"), "float32"),
    (("float8_e4m3fn", "float16"), "float32"),
    (("float32", "float64"), "float64"),
    (("int8", "int16"), "int16"),
    (("int8", "uint8"), "int16"),
    (("uint8", "uint16"), "uint16"),
    (("int64", "uint64"), "int64"),  # NumPy would say float64, and lose digits
    (("uint32", "int64"), "int64"),
    (("bool", "uint8"), "uint8"),
    (("bool", "bool"), "bool"),
    (("float16", "uint8"), "float32"),  # an integer counts as the float it is computed in
    (("float32", "int32"), "float32"),
    (("float32", "int64"), "float64"),
    (("float32", "bool"), "float32"),
    (("int8", "float16", "bfloat16"), "float32"),
]


@pytest.mark.parametrize(("names", "expected"), MIXED, ids=str)
def test_mixed(names: tuple[str, ...], expected: str) -> None:
    arrays = [np.ones((2, 3), DTYPES[name]) for name in names]
    for order in (arrays, arrays[::-1]):
        assert featfuse.fuse(*order, combine="max").dtype.name == expected
        assert featfuse.fuse(*order, combine="stack").dtype.name == expected
    assert common_dtype([it.dtype for it in arrays]).name == expected


@pytest.mark.parametrize("name", DTYPES)
def test_every_type_fuses_and_is_named(name: str) -> None:
    x = array([0, 1], name)
    assert DTYPES[name] == x.dtype
    assert featfuse.fuse(x).tobytes() == x.tobytes()
    assert featfuse.fuse(array([0, 1], "float32"), dtype=name).dtype == x.dtype
