"""Small arrays as values."""

import pickle

import numpy as np
import pytest
from featfuse.model.constant import Constant

KERNEL = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_equal_by_type_shape_and_bytes() -> None:
    constant = Constant(KERNEL)
    assert constant == Constant(KERNEL.copy())
    assert hash(constant) == hash(Constant(np.asfortranarray(KERNEL)))
    for other in (KERNEL.T, KERNEL.astype(np.float64), KERNEL + 1, KERNEL.reshape(6)):
        assert constant != Constant(other)
    assert Constant(np.float32([np.nan])) == Constant(np.float32([np.nan]))
    assert Constant(np.float32([-0.0])) != Constant(np.float32([0.0]))


def test_it_survives_pickling_and_cannot_be_changed() -> None:
    back = pickle.loads(pickle.dumps(Constant(KERNEL)))
    assert back == Constant(KERNEL)
    assert (back.shape, back.dtype) == ((2, 3), np.float32)
    with pytest.raises(ValueError, match="read-only"):
        back.array[0, 0] = 1
