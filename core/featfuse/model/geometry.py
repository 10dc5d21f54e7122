"""Where a transposed convolution's samples land along one axis."""

from typing import NamedTuple

__all__ = ["Geometry"]


class Geometry(NamedTuple):
    """One axis: input sample i reaches output i * stride + tap * dilation - front, for `size` taps."""

    in_size: int
    out_size: int
    size: int
    stride: int
    dilation: int
    front: int

    def needed(self, out: slice) -> slice:
        """The input samples that reach the output slice."""
        low = -(-(out.start + self.front - (self.size - 1) * self.dilation) // self.stride)
        high = (out.stop - 1 + self.front) // self.stride
        start = min(max(low, 0), self.in_size)
        return slice(start, max(start, min(high + 1, self.in_size)))

    def meeting(self, out: slice, tap: int) -> tuple[range, slice]:
        """The inputs whose `tap` falls into `out`, and where in `out` they fall."""
        shift = tap * self.dilation - self.front
        low = max(-(-(out.start - shift) // self.stride), 0)
        high = min((out.stop - 1 - shift) // self.stride, self.in_size - 1)
        inputs = range(low, max(high + 1, low))
        first = low * self.stride + shift - out.start
        return inputs, slice(first, first + max(len(inputs) - 1, 0) * self.stride + 1, self.stride)
