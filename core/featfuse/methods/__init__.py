"""METHODS: every way of reconciling one axis size with another, one row each.

A row names the function that builds the `AxisMap` ("module:function", imported when used, so that the
command line can list the methods without loading NumPy), the options it reads, and what it equals. A method
that is no map of one axis has no such function: its row says what it does instead.
"""

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from types import MappingProxyType
from typing import Any, NamedTuple

from featfuse.errors import UsageError, did_you_mean

__all__ = ["ALIASES", "INTERPOLATIONS", "METHODS", "Method", "find_method"]


class Method(NamedTuple):
    """One row of the table.

    `target` is the direction `--to auto` takes. `weighted` methods compute sums in float32 (or
    float64) and turn integers into floats; the others move or compare samples and keep the dtype.
    `convention` is the one that holds unless another is given. A method that `smooths` changes
    values also where the size stays.
    One that `empties` can also bring samples to none, and none to some.
    `inner` methods may do the resizing of a method that `resizes_by` another: that names the option which
    says by which. `kernel` names a row of `kernels.KERNELS` and its parameters, for the builder that serves
    every kernel.
    One with `margins` adds or takes samples at the border, and scales nothing.
    One that `powers` sums samples raised to --p, and takes the root of each sum.
    One that `shuffles` moves samples from channels to "space", or to the "channels", and has no `builder`.
    `by_convention` is the field of a convention that it goes by: a framework that has None there does not
    have the method. Commands to try never propose one that is not `suggested`.
    """

    name: str
    summary: str
    target: str
    equals: str
    builder: str
    options: tuple[str, ...] = ()
    weighted: bool = False
    convention: str = "torch"
    smooths: bool = False
    empties: bool = False
    inner: bool = False
    resizes_by: str = ""
    kernel: tuple[str | float, ...] = ()
    margins: bool = False
    powers: bool = False
    shuffles: str = ""
    by_convention: str = ""
    suggested: bool = True

    @property
    def changes_sizes(self) -> bool:
        """Whether sizes that differ are reconciled at all."""
        return self.target != "none"

    def build(self) -> Callable[..., Any]:
        """The function `(in_size, out_size, axis_options) -> tuple[AxisMap, ...]` of this row."""
        module, name = self.builder.split(":")
        function: Callable[..., Any] = getattr(import_module(f"featfuse.methods.{module}"), name)
        return partial(function, kernel=self.kernel) if self.kernel else function


_SCALE = ("scale", "recompute_scale_factor", "keep_aspect")
_RESIZE = (*_SCALE, "roi", "extrapolation_value")
_SAMPLE = ("convention", "coords", "antialias", "edge")
_KERNEL = (*_SAMPLE, *_RESIZE)
_POOL = ("pool_size", "pool_stride", "pool_padding", "pool_dilation", "ceil_mode")
_PAD = ("pad_mode", "pad_value", "anchor", "offset")

_ROWS = (
    Method(
        "strict",
        "change nothing; sizes must be equal, or 1, which broadcasts",
        "none",
        "NumPy broadcasting",
        "select:strict",
    ),
    Method(
        "nearest",
        "the sample at floor(x * I/O), rounded on the way as torch does",
        "largest",
        "torch nearest, OpenCV INTER_NEAREST; by --convention: ONNX, TF2, Pillow, JAX",
        "resample:nearest",
        ("convention", "coords", "nearest_rounding", *_RESIZE),
        inner=True,
    ),
    Method(
        "nearest-exact",
        "the sample whose centre is nearest: floor((x + 1/2) * I/O)",
        "largest",
        "torch nearest-exact; off ties also TF2, Keras, scikit-image",
        "resample:nearest_exact",
        _RESIZE,
        inner=True,
    ),
    Method(
        "bilinear",
        "triangle kernel on every spatial axis (1-D linear, 3-D trilinear too)",
        "largest",
        "torch, TF, ONNX, OpenCV, Pillow, JAX (by --convention)",
        "resample:by_kernel",
        _KERNEL,
        weighted=True,
        inner=True,
        kernel=("triangle",),
    ),
    Method(
        "bicubic",
        "Keys' cubic kernel; a = -0.75 (torch, OpenCV, ONNX) or -0.5 (TF, JAX, Pillow, antialiased torch)",
        "largest",
        "torch, TF, ONNX, OpenCV, Pillow, JAX (by --convention)",
        "resample:bicubic",
        (*_SAMPLE, "cubic_a", *_RESIZE),
        weighted=True,
        inner=True,
    ),
    Method(
        "lanczos3",
        "windowed sinc of radius 3",
        "largest",
        "tf.image.resize lanczos3, JAX lanczos3, Pillow LANCZOS (by --convention)",
        "resample:by_kernel",
        _KERNEL,
        weighted=True,
        convention="tf",
        inner=True,
        kernel=("lanczos", 3),
    ),
    Method(
        "lanczos5",
        "windowed sinc of radius 5",
        "largest",
        "tf.image.resize lanczos5, JAX lanczos5 (by --convention)",
        "resample:by_kernel",
        _KERNEL,
        weighted=True,
        convention="tf",
        inner=True,
        kernel=("lanczos", 5),
    ),
    Method(
        "mitchell",
        "Mitchell-Netravali cubic, B = C = 1/3",
        "largest",
        "tf.image.resize mitchellcubic (by --convention)",
        "resample:by_kernel",
        _KERNEL,
        weighted=True,
        convention="tf",
        smooths=True,
        inner=True,
        kernel=("mitchell",),
    ),
    Method(
        "gaussian",
        "Gaussian of radius 1.5, sigma 0.5",
        "largest",
        "tf.image.resize gaussian (by --convention)",
        "resample:by_kernel",
        _KERNEL,
        weighted=True,
        convention="tf",
        smooths=True,
        inner=True,
        kernel=("gaussian",),
    ),
    Method(
        "area",
        "mean over the source area of each output sample",
        "smallest",
        "torch area (whole samples); tf, jax, opencv: fractional overlap",
        "pooling:area",
        ("convention", "scale", "keep_aspect"),
        weighted=True,
        inner=True,
        by_convention="fractional_area",
    ),
    Method(
        "avg-pool",
        "mean over windows: adaptive, or by --pool-size and its friends",
        "smallest",
        "torch adaptive_avg_pool / avg_pool, ONNX AveragePool, Keras AveragePooling",
        "pooling:avg_pool",
        (*_POOL, "count_include_pad"),
        weighted=True,
    ),
    Method(
        "max-pool",
        "maximum over windows: adaptive, or by --pool-size and its friends",
        "smallest",
        "torch adaptive_max_pool / max_pool, ONNX MaxPool, Keras MaxPooling",
        "pooling:max_pool",
        _POOL,
    ),
    Method(
        "lp-pool",
        "p-norm over windows, sum(abs(x)^p)^(1/p): adaptive, or by --pool-size",
        "smallest",
        "torch lp_pool (x^p as it is: NaN where a sum is negative); by --convention: ONNX LpPool",
        "pooling:lp_pool",
        ("p", "convention", *_POOL),
        weighted=True,
        powers=True,
        by_convention="lp_norm",
        suggested=False,
    ),
    Method(
        "stride",
        "every k-th sample; the target must be ceil(I/k) for a whole k",
        "smallest",
        "x[::k], the ResNet option-A shortcut",
        "select:stride",
    ),
    Method(
        "transposed-conv",
        "learned --kernel; without one the fixed bilinear kernel per channel, by whole factors (FCN)",
        "largest",
        "torch ConvTranspose1d/2d/3d, Keras Conv2DTranspose",
        "bilinear_kernel:fixed_bilinear",
        (
            "kernel",
            "bias",
            "kernel_layout",
            "stride",
            "padding",
            "output_padding",
            "dilation",
            "groups",
        ),
        weighted=True,
    ),
    Method(
        "pixel-shuffle",
        "channels to space by one whole factor r: C*r*r channels become C of r times the size",
        "largest",
        "torch pixel_shuffle, MONAI (1-D, 3-D): CRD; ONNX DepthToSpace, tf.nn.depth_to_space: DCR",
        "",
        ("convention", "scale"),
        shuffles="space",
        by_convention="shuffle",
        suggested=False,
    ),
    Method(
        "pixel-unshuffle",
        "space to channels by one whole factor r: the inverse of pixel-shuffle",
        "smallest",
        "torch pixel_unshuffle: CRD; ONNX SpaceToDepth, tf.nn.space_to_depth: DCR (by --convention)",
        "",
        ("convention", "scale"),
        shuffles="channels",
        by_convention="shuffle",
        suggested=False,
    ),
    Method(
        "crop",
        "keep a window of the samples",
        "smallest",
        "ONNX CenterCropPad, TF, Keras; torchvision, MONAI (by --odd)",
        "crop_pad:crop",
        ("anchor", "odd", "offset"),
        empties=True,
        margins=True,
    ),
    Method(
        "pad",
        "add a border",
        "largest",
        "numpy.pad, tf.pad, torch F.pad",
        "crop_pad:pad",
        _PAD,
        empties=True,
        margins=True,
    ),
    Method(
        "crop-or-pad",
        "crop the axes that are too large, pad those too small",
        "first",
        "tf.image.resize_with_crop_or_pad, ONNX CenterCropPad",
        "crop_pad:crop_or_pad",
        (*_PAD, "odd"),
        empties=True,
        margins=True,
    ),
    Method(
        "letterbox",
        "resize keeping the aspect ratio, then pad to the target",
        "largest",
        "tf.image.resize_with_pad (with --convention tf)",
        "letterbox:letterbox",
        ("interpolation", *_SAMPLE, "cubic_a", "nearest_rounding", "pad_mode", "pad_value", "anchor"),
        weighted=True,
        resizes_by="interpolation",
    ),
)

ALIASES = MappingProxyType({"linear": "bilinear", "trilinear": "bilinear", "cubic": "bicubic"})
"""Other names a method answers to."""


class _Methods(dict[str, Method]):
    """Rows by name. Another name finds its row, and is not listed."""

    def __missing__(self, name: str) -> Method:
        return self[ALIASES[name]]


METHODS: Mapping[str, Method] = MappingProxyType(_Methods({row.name: row for row in _ROWS}))
"""Every method by name, in the order the documentation lists them."""

INTERPOLATIONS = tuple(row.name for row in _ROWS if row.inner)
"""The methods that `letterbox --interpolation` may use."""


def find_method(name: str) -> Method:
    """The row called `name` (or an alias of it); UsageError with the nearest name otherwise."""
    row = METHODS.get(ALIASES.get(name, name))
    if row is None:
        raise UsageError(f"unknown method {name!r}", hint=did_you_mean(name, [*METHODS, *ALIASES]))
    return row
