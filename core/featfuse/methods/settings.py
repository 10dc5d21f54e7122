"""What a builder is told about one axis: the options of its method, resolved."""

from typing import NamedTuple

from featfuse.errors import ShapeError
from featfuse.methods.conventions import Convention
from featfuse.methods.coords import Sampling

__all__ = ["AxisSettings"]


class AxisSettings(NamedTuple):
    """One input, one axis. `name` is the input's, `letter` the axis', both for errors.

    None means not given: the convention decides. `grid` holds (in_size, out_size) of every spatial
    axis of the input, for methods that look at more than one axis (letterbox). `scale` is output samples
    per input sample where it is not what the sizes say; the data is `double` when it is float64.
    """

    name: str
    letter: str
    convention: Convention
    method: str
    coords: str | None = None
    antialias: bool | None = None
    cubic_a: float | None = None
    edge: str | None = None
    nearest_rounding: str | None = None
    pad_mode: str = "constant"
    pad_value: float = 0.0
    anchor: str = "center"
    odd: str = "floor"
    offset: int | None = None
    interpolation: str = "bilinear"
    pool_size: int | None = None
    pool_stride: int | None = None
    pool_padding: int | tuple[int, int] | str = 0
    pool_dilation: int = 1
    ceil_mode: bool = False
    count_include_pad: bool | None = None
    grid: tuple[tuple[int, int], ...] = ()
    scale: float | None = None
    roi: tuple[float, float] | None = None
    extrapolation_value: float = 0.0
    double: bool = False

    def sampling(self, in_size: int, out_size: int) -> Sampling:
        """Where the samples of this axis lie before and after."""
        width: float = out_size
        if self.scale is not None and self.convention.fractional_width:
            width = self.scale * in_size
        return Sampling(in_size, out_size, self.scale, width)

    @property
    def small_plane(self) -> bool:
        """Whether torch resizes this map by the code it has for small 2-D ones: height + width up to 128."""
        return len(self.grid) == 2 and sum(out_size for _, out_size in self.grid) <= 128

    def refuse(self, in_size: int, out_size: int, why: str, hint: str) -> ShapeError:
        """The error for sizes that this method cannot bring together."""
        return ShapeError(
            f"{self.name}: axis {self.letter}: {self.method} cannot bring {in_size} to {out_size}: {why}",
            hint=hint,
        )
