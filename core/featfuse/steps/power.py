"""Powers: what a p-norm over windows needs in front of its sums and behind them."""

from collections.abc import Sequence

import numpy as np

from featfuse.engine.casts import cast
from featfuse.model.dtypes import compute_dtype
from featfuse.model.tensor import Array, Window
from featfuse.steps.base import Run, Step

__all__ = ["Power"]


class Power(Step):
    """Every value, or its magnitude if `absolute`, to the power of `exponent`.

    Computed in float32, or float64 for a 64-bit child. A negative value has no fractional power: NaN.
    """

    def __init__(self, child: Step, exponent: float, *, absolute: bool) -> None:
        self.children = (child,)
        self.shape = child.shape
        self.dtype = compute_dtype(child.dtype)
        self.exponent = exponent
        self.absolute = absolute

    def need(self, window: Window) -> tuple[Window, ...]:
        return (window,)

    def apply(self, window: Window, blocks: Sequence[Array], run: Run) -> Array:
        block = cast(blocks[0], self.dtype)
        if self.absolute:
            block = np.abs(block)
        if self.exponent == 2:
            return np.square(block)
        if self.exponent == 0.5:
            return np.sqrt(block)
        return block if self.exponent == 1 else np.power(block, self.dtype.type(self.exponent))

    def scratch_bytes(self, window: Window) -> int:
        """The child's block in the type of the arithmetic, and the magnitudes."""
        return 2 * self.block_bytes(window)
