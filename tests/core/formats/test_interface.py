"""What readers share, and blocks that are not what their window holds."""

import numpy as np
import pytest
from featfuse.errors import InputError
from featfuse.formats.interface import Conflict, Reader, check_block
from featfuse.model.tensor import Array, TensorSpec, Window

from tests.support.sources import MemorySource


class Shelf(Reader):
    """A reader of nothing but names; `broken` cannot be read as a tensor."""

    format = "npz"

    def specs(self) -> dict[str, TensorSpec]:
        return {"a": TensorSpec("shelf::a", (2,), np.dtype("f4"))}

    def find(self, key: str) -> TensorSpec | None:
        if key == "broken":
            raise InputError("shelf::broken: is no tensor")
        return super().find(key)

    def read(self, key: str, window: Window) -> Array:
        raise AssertionError("nobody asked for data")


def test_what_is_there_is_in_the_way_and_may_be_replaced() -> None:
    source = MemorySource(b"", "shelf")
    with Shelf(source) as shelf:
        assert shelf.path == "shelf"
        for key in ("a", "broken"):
            assert shelf.conflict(key) == Conflict(f"{key} exists already", replaceable=True)
        assert shelf.conflict("b") is None
        assert (shelf.refusals(), shelf.aside()) == ({}, {})
    assert source.closed


@pytest.mark.parametrize(("shape", "dtype"), [((2, 3), "f8"), ((3, 2), "f4"), ((2, 3, 1), "f4")])
def test_a_block_is_exactly_what_its_window_holds(shape: tuple[int, ...], dtype: str) -> None:
    window = (slice(1, 3), slice(0, 3))
    check_block(np.zeros((2, 3), np.float32), np.dtype("f4"), window)
    with pytest.raises(ValueError, match="block of"):
        check_block(np.zeros(shape, dtype), np.dtype("f4"), window)
