"""CONVENTIONS: what each framework means by "bilinear", "bicubic" and "nearest".

Each row stands on the framework's own source: which coordinate transform, which cubic coefficient,
what happens to kernel taps beyond the edge, which sample is nearest, and whether the kernel is
stretched when the map shrinks.
"""

from types import MappingProxyType
from typing import NamedTuple

__all__ = ["CONVENTIONS", "COORDS", "EDGES", "NEAREST_ROUNDINGS", "Convention"]

COORDS = ("half-pixel", "align-corners", "asymmetric", "pytorch-half-pixel", "half-pixel-symmetric")
EDGES = ("clamp", "renormalize")
NEAREST_ROUNDINGS = ("floor", "ceil", "prefer-floor", "prefer-ceil")


class Convention(NamedTuple):
    """One framework's defaults.

    `nearest_arithmetic`: how the index of the nearest sample is rounded, where sizes make a tie or nearly
    one: "torch", "float32" (TF), "jax", "opencv" and "pillow" follow the framework's own code, "exact" is
    rational.
    `float32_reach`: where a kernel that is not zero at its radius ends is decided in float32.
    `float32_scale`: a --scale is a float32. `fractional_width`: with one, formulas that ask for the length of
    the output get I times scale, not the whole samples of it.
    `leaves_equal_sizes`: a scale that keeps the size changes nothing, but of a bicubic kernel that is not
    stretched.
    `smooths_all_axes`: a method that smooths does so along every spatial axis as soon as one changes.
    `lp_norm`: lp-pool sums powers of the samples as they are ("signed"), where a window that hangs over the
    border counts as the mean of what it holds, or powers of their magnitudes ("absolute").
    `shuffle`: of a channel's number, the place within its r x r block stands behind the output's channel
    ("CRD") or in front of it ("DCR"). None: the framework has no such operator.
    """

    name: str
    coords: str
    cubic_a: float
    cubic_a_antialias: float
    edge: str
    edge_antialias: str
    antialias: bool
    nearest_coords: str
    nearest_rounding: str
    nearest_arithmetic: str
    fractional_area: bool
    float32_reach: bool = False
    smooths_all_axes: bool = False
    float32_scale: bool = False
    fractional_width: bool = False
    leaves_equal_sizes: bool = False
    lp_norm: str | None = None
    shuffle: str | None = None


_ROWS = (
    # torch.nn.functional.interpolate: antialias=False by default; its antialias path renormalises.
    # lp_pool1d/2d/3d, pixel_shuffle
    Convention(
        name="torch",
        coords="half-pixel",
        cubic_a=-0.75,
        cubic_a_antialias=-0.5,
        edge="clamp",
        edge_antialias="renormalize",
        antialias=False,
        nearest_coords="asymmetric",
        nearest_rounding="floor",
        nearest_arithmetic="torch",
        fractional_area=False,
        leaves_equal_sizes=True,
        lp_norm="signed",
        shuffle="CRD",
    ),
    # tf.image.resize (TF2): antialias=False by default, edges renormalised either way. tf.nn.depth_to_space
    Convention(
        name="tf",
        coords="half-pixel",
        cubic_a=-0.5,
        cubic_a_antialias=-0.5,
        edge="renormalize",
        edge_antialias="renormalize",
        antialias=False,
        nearest_coords="half-pixel",
        nearest_rounding="prefer-ceil",
        nearest_arithmetic="float32",
        fractional_area=True,
        float32_reach=True,
        smooths_all_axes=True,
        shuffle="DCR",
    ),
    # ONNX Resize 19: half_pixel, cubic_coeff_a -0.75, exclude_outside 0, round_prefer_floor. LpPool 18,
    # DepthToSpace by its default mode, SpaceToDepth
    Convention(
        name="onnx",
        coords="half-pixel",
        cubic_a=-0.75,
        cubic_a_antialias=-0.75,
        edge="clamp",
        edge_antialias="clamp",
        antialias=False,
        nearest_coords="half-pixel",
        nearest_rounding="prefer-floor",
        nearest_arithmetic="exact",
        fractional_area=False,
        float32_scale=True,
        fractional_width=True,
        lp_norm="absolute",
        shuffle="DCR",
    ),
    # cv2.resize: INTER_NEAREST is floor(x * I/O); INTER_AREA weighs partial samples
    Convention(
        name="opencv",
        coords="half-pixel",
        cubic_a=-0.75,
        cubic_a_antialias=-0.75,
        edge="clamp",
        edge_antialias="clamp",
        antialias=False,
        nearest_coords="asymmetric",
        nearest_rounding="floor",
        nearest_arithmetic="opencv",
        fractional_area=True,
    ),
    # PIL.Image.resize: always antialiased, edges renormalised
    Convention(
        name="pillow",
        coords="half-pixel",
        cubic_a=-0.5,
        cubic_a_antialias=-0.5,
        edge="renormalize",
        edge_antialias="renormalize",
        antialias=True,
        nearest_coords="half-pixel",
        nearest_rounding="prefer-ceil",
        nearest_arithmetic="pillow",
        fractional_area=False,
    ),
    # jax.image.resize: antialias=True by default, edges renormalised
    Convention(
        name="jax",
        coords="half-pixel",
        cubic_a=-0.5,
        cubic_a_antialias=-0.5,
        edge="renormalize",
        edge_antialias="renormalize",
        antialias=True,
        nearest_coords="half-pixel",
        nearest_rounding="prefer-ceil",
        nearest_arithmetic="jax",
        fractional_area=True,
    ),
)

CONVENTIONS = MappingProxyType({row.name: row for row in _ROWS})
"""Every convention by name."""
