"""What readers share, and blocks that are not what their window holds."""

import numpy as np
import pytest
from featfuse.errors import InputError
from featfuse.formats.base import FileReader, check_block
from featfuse.model.tensor import Array, TensorSpec, Window


class Shelf(FileReader):
    """A reader of nothing but names; `broken` cannot be read as a tensor."""

    path, format = "shelf", "npz"
    closed = False

    def specs(self) -> dict[str, TensorSpec]:
        return {"a": TensorSpec("shelf::a", (2,), np.dtype("f4"))}

    def find(self, key: str) -> TensorSpec | None:
        if key == "broken":
            raise InputError("shelf::broken: is no tensor")
        return super().find(key)

    def read(self, key: str, window: Window) -> Array:
        raise AssertionError("nobody asked for data")

    def close(self) -> None:
        self.closed = True


def test_what_is_there_is_in_the_way_unless_forced() -> None:
    with Shelf() as shelf:
        for key, taken in (("a", True), ("broken", True), ("b", False)):
            assert (shelf.conflict(key, force=False) is not None) == taken
            assert shelf.conflict(key, force=True) is None
        assert shelf.refusal() is None
    assert shelf.closed


@pytest.mark.parametrize(("shape", "dtype"), [((2, 3), "f8"), ((3, 2), "f4"), ((2, 3, 1), "f4")])
def test_a_block_is_exactly_what_its_window_holds(shape: tuple[int, ...], dtype: str) -> None:
    window = (slice(1, 3), slice(0, 3))
    check_block(np.zeros((2, 3), np.float32), np.dtype("f4"), window)
    with pytest.raises(ValueError, match="block of"):
        check_block(np.zeros(shape, dtype), np.dtype("f4"), window)
