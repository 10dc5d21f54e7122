"""InputTensor: an input, its axes put into the output's order."""

from collections.abc import Sequence

from featfuse.model.tensor import Array, TensorSpec, Window
from featfuse.steps.base import Run, Step

__all__ = ["InputTensor"]


class InputTensor(Step):
    """Input number `index` of the run. An axis it lacks has size 1."""

    def __init__(self, index: int, spec: TensorSpec, layout: str, output_layout: str) -> None:
        self.index = index
        self.spec = spec
        self.dtype = spec.dtype
        self.unpacked = spec.unpacked
        self.own_axes = tuple(layout.find(letter) for letter in output_layout)
        self.shape = tuple(spec.shape[axis] if axis >= 0 else 1 for axis in self.own_axes)

    def need(self, window: Window) -> tuple[Window, ...]:
        return ()

    def apply(self, window: Window, blocks: Sequence[Array], run: Run) -> Array:
        parts: list[slice] = [slice(0, 1)] * len(self.spec.shape)
        for part, axis in zip(window, self.own_axes, strict=True):
            if axis >= 0:
                parts[axis] = part
        block = run.read(self.index, tuple(parts))
        block = block.transpose([axis for axis in self.own_axes if axis >= 0])
        lacking = tuple(place for place, axis in enumerate(self.own_axes) if axis < 0)
        shape = list(block.shape)
        for place in lacking:
            shape.insert(place, window[place].stop - window[place].start)
        return block.reshape(shape)
