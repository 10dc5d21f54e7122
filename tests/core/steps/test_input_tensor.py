"""Sources read what a window needs."""

from typing import Any

import featfuse
import numpy as np
import pytest
from featfuse.model.tensor import Array, Window
from featfuse.steps.input_tensor import InputTensor


def test_each_window_reads_only_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of an input far larger than the budget: no read is larger than the budget."""
    big = np.broadcast_to(np.float32(2), (16, 256, 512))  # 8 MB that take no memory
    small = np.zeros((16, 4, 4), dtype=np.float32)
    reads: list[int] = []
    apply = InputTensor.apply

    def watch(self: InputTensor, window: Window, *args: Any) -> Array:
        block = apply(self, window, *args)
        reads.append(block.nbytes)
        return block

    monkeypatch.setattr(InputTensor, "apply", watch)
    result = featfuse.fuse(big, small, method="area", layout="CHW", memory="256K", threads=2)
    assert (result == 2).all()
    assert max(reads) <= 256 << 10
    assert sum(reads) >= big.nbytes
