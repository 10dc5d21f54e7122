"""OPTIONS: every option of a fusion, one row each, in the order of --help.

The flags of the commands, the Python keywords, their checks, the defaults, the errors for what is not used,
the pipeline that reports and outputs show, completion and the documentation are all derived from it. To add
an option: a row here, and a line in `request/options.py::FusionOptions`, which type checkers read. It loads
no NumPy.
"""

from collections.abc import Mapping
from types import MappingProxyType

from featfuse.methods import ALIASES, INTERPOLATIONS, METHODS
from featfuse.methods.conventions import CONVENTIONS, COORDS, EDGES, NEAREST_ROUNDINGS
from featfuse.model.dtype_names import OFFERED
from featfuse.request import defaults, kinds
from featfuse.request.combining import CHANNEL_MODES, COMBINES, REDUCES
from featfuse.request.conditions import Condition, beside, instead_of, only, unless
from featfuse.request.option import NEVER, Option
from featfuse.request.parsing import TARGETS

__all__ = ["METHOD_PLACE", "OPTIONS", "PAD_MODES", "REDUCE_PLACE", "Option"]

METHOD_PLACE, REDUCE_PLACE = 20, 71
"""Where the pipeline tells the options that belong to the method and to the reduction, in their order."""

_RECONCILE, _COMBINE, _LAYOUT, _BORDER = "Reconcile", "Combine", "Layout", "Border"
_POOLING, _MASKS, _REDUCE, _KERNELS = "Pooling", "Masks", "Reduce", "Learned kernels"

PAD_MODES = (
    *("constant", "edge", "reflect", "symmetric", "wrap", "linear_ramp"),
    *("maximum", "mean", "median", "minimum"),
)
_LAYOUTS = (
    *("NHWC", "NCHW", "HWC", "CHW", "HW", "NDHWC", "NCDHW", "DHWC", "CDHW"),
    *("NWC", "NCW", "WC", "CW"),
)


def _needs_method() -> Condition:
    """For a target grid: a method must be there to reach it."""
    fixed = [row.name for row in METHODS.values() if row.target == "none"]
    return unless(
        "method",
        *fixed,
        message="{option} needs a {other}: {value} changes nothing",
        hint="Choose how sizes are reconciled, for example {method:bilinear}.",
    )


def _instead_of_grid(other: str) -> Condition:
    text = "{to} and {like} exclude each other"
    return instead_of(other, text, "Give the target grid once.", hides=False)


_ROWS = (
    Option(
        "method",
        kinds.METHOD,
        _RECONCILE,
        "How spatial sizes are reconciled: strict (default, changes nothing), bilinear, pad, crop, ... "
        "All: {methods}",
        "NAME",
        "-m",
        choices=METHODS,
        aliases=ALIASES,
        default="strict",
        always=True,
        told=10,
    ),
    Option(
        "to",
        kinds.TARGET,
        _RECONCILE,
        "Target grid: auto (default: the method's own direction), largest, smallest, first, last, "
        "or sizes like 64x48.",
        "GRID",
        offers=TARGETS,
        values="auto, largest, smallest, first, last, or sizes like 64x48",
        default="auto",
        always=True,
        when=(_instead_of_grid("like"), _needs_method()),
        told=11,
    ),
    Option(
        "like",
        kinds.SOURCE,
        _RECONCILE,
        "Take the target grid from this tensor's shape.",
        "INPUT",
        when=(_instead_of_grid("to"), _needs_method()),
        told=NEVER,
    ),
    Option(
        "convention",
        kinds.CHOICE,
        _RECONCILE,
        "Compute as: {choices}. Default: the method's own, mostly torch.",
        "NAME",
        choices=tuple(CONVENTIONS),
        default=lambda options: defaults.convention_of(options).name,
        default_text="the method's own, mostly torch",
    ),
    Option(
        "coords",
        kinds.CHOICE,
        _RECONCILE,
        "Where samples sit: {choices}.",
        "NAME",
        choices=COORDS,
        default=defaults.coords,
        default_text="by convention",
    ),
    Option(
        "antialias",
        kinds.SWITCH,
        _RECONCILE,
        "Stretch the kernel where an axis shrinks.",
        default=defaults.antialias,
        default_text="by convention",
    ),
    Option(
        "cubic_a",
        kinds.NUMBER,
        _RECONCILE,
        "Coefficient of the bicubic kernel: -0.75, -0.5.",
        "A",
        finite=True,
        default=defaults.by_antialias("cubic_a"),
        default_text="by convention",
    ),
    Option(
        "edge",
        kinds.CHOICE,
        _RECONCILE,
        "Kernel taps beyond the border: {choices}.",
        "RULE",
        choices=EDGES,
        default=defaults.by_antialias("edge"),
        default_text="by convention",
    ),
    Option(
        "nearest_rounding",
        kinds.CHOICE,
        _RECONCILE,
        "Which sample is nearest: {choices}.",
        "RULE",
        choices=NEAREST_ROUNDINGS,
        default=lambda options: defaults.convention_of(options).nearest_rounding,
        default_text="by convention",
    ),
    Option(
        "interpolation",
        kinds.METHOD,
        _RECONCILE,
        "How letterbox resizes. Default: bilinear.",
        "METHOD",
        choices=INTERPOLATIONS,
        default=defaults.INTERPOLATION,
    ),
    Option(
        "combine",
        kinds.CHOICE,
        _COMBINE,
        "{choices}. Default: add.",
        "NAME",
        "-c",
        choices=COMBINES,
        default="add",
        always=True,
        told=40,
    ),
    Option(
        "weights",
        kinds.WEIGHTS,
        _COMBINE,
        "One factor per input, like 1,0.5; or an INPUT with them, or with one channel per input.",
        "LIST",
        finite=True,
        default_text="1 each",
        when=(only("combine", *(row.name for row in COMBINES.values() if row.weights)),),
        reconciles=False,
        told=41,
    ),
    Option(
        "channels",
        kinds.CHOICE,
        _COMBINE,
        "When channel counts differ: {choices}. Default: strict (1 broadcasts, the rest is refused).",
        "MODE",
        choices=CHANNEL_MODES,
        default="strict",
        always=True,
        told=42,
    ),
    Option(
        "dtype",
        kinds.DTYPE,
        _COMBINE,
        "Element type of the output: float16, bfloat16, float32, ...",
        "TYPE",
        offers=OFFERED,
        values=", ".join(OFFERED),
        default_text="the inputs'; float32 for weighted sums of integers",
        reconciles=False,
        told=90,
    ),
    Option(
        "on_overflow",
        kinds.CHOICE,
        _COMBINE,
        "When an integer result does not fit: error (default) or saturate.",
        "RULE",
        choices=("error", "saturate"),
        default="error",
        always=True,
        reconciles=False,
        told=91,
    ),
    Option(
        "layout",
        kinds.TEXT,
        _LAYOUT,
        "Axis letters, like NHWC or CHW: one for all inputs, or a comma list. "
        "Default: from the file, or inferred.",
        "AXES",
        offers=_LAYOUTS,
        values="axis letters, like NHWC or CHW; a comma list",
        default_text="from the file, or inferred",
        reconciles=False,
        told=NEVER,
    ),
    Option(
        "pad_mode",
        kinds.CHOICE,
        _BORDER,
        "{choices} (NumPy's names). Default: constant.",
        "MODE",
        choices=PAD_MODES,
        aliases=MappingProxyType({"replicate": "edge", "circular": "wrap"}),
        default="constant",
    ),
    Option(
        "pad_value",
        kinds.NUMBER,
        _BORDER,
        "What constant padding adds. Default: 0.",
        "NUMBER",
        default=0.0,
        when=(only("pad_mode", "constant", "linear_ramp"),),
    ),
    Option(
        "anchor",
        kinds.CHOICE,
        _BORDER,
        "Where the smaller grid sits: center (default), start, end.",
        "PLACE",
        choices=("center", "start", "end"),
        default="center",
    ),
    Option(
        "odd",
        kinds.CHOICE,
        _BORDER,
        "Which side loses the odd pixel in a centred crop: {choices}. Default: floor.",
        "RULE",
        choices=("floor", "ceil", "round", "monai"),
        default="floor",
        when=(only("anchor", "center"),),
    ),
    Option(
        "offset",
        kinds.OFFSET,
        _BORDER,
        "Start of the smaller grid inside the larger, like H:3,W:1.",
        "AXIS:START",
        default_text="by anchor",
    ),
    Option(
        "pool_size",
        kinds.SIZES,
        _POOLING,
        "Window of avg-pool and max-pool, like 3 or 3x3. Without it windows are adaptive.",
        "N",
        values="like 3 or 3x3",
        default_text="adaptive windows",
    ),
    Option(
        "pool_stride",
        kinds.SIZES,
        _POOLING,
        "Step of the window. Default: its size.",
        "N",
        default=lambda options: options.pool_size,
        default_text="the pool size",
        when=(beside("pool_size"),),
    ),
    Option(
        "pool_padding",
        kinds.BORDER,
        _POOLING,
        "Border on both sides before pooling. Default: 0.",
        "N",
        default=0,
        when=(beside("pool_size"),),
    ),
    Option(
        "ceil_mode",
        kinds.SWITCH,
        _POOLING,
        "Keep a last window that is only partly filled.",
        default=False,
        when=(beside("pool_size"),),
    ),
    Option(
        "count_include_pad",
        kinds.SWITCH,
        _POOLING,
        "Count the border in averages.",
        default=True,
        when=(beside("pool_size"),),
    ),
    Option(
        "fold",
        kinds.CHOICE,
        _COMBINE,
        "coarse-to-fine: fuse neighbouring levels, from the coarsest up; a container keeps every level.",
        "ORDER",
        choices=("coarse-to-fine",),
        told=30,
    ),
    Option(
        "normalize",
        kinds.CHOICE,
        _COMBINE,
        "l2: channel vectors of length 1 before combining.",
        "NAME",
        choices=("none", "l2"),
        default="none",
        always=True,
        told=43,
    ),
    Option(
        "grid",
        kinds.GRIDS,
        _LAYOUT,
        "See token tensors (N L C) as this grid, like 14x14; a list: one each; auto: the square.",
        "HxW",
        offers=("auto",),
        told=31,
    ),
    Option(
        "skip_tokens",
        kinds.COUNTS,
        _LAYOUT,
        "Leading tokens before the grid begins; a comma list: one each. Default: 0.",
        "N",
        default=0,
        when=(beside("grid"),),
        told=32,
    ),
    Option(
        "mask",
        kinds.MASK,
        _MASKS,
        "Multiply what was brought to the grid by this; auto: 1 where a padded input has data.",
        "INPUT",
        told=60,
    ),
    Option(
        "mask_invert", kinds.SWITCH, _MASKS, "Use 1 - mask.", default=False, when=(beside("mask"),), told=62
    ),
    Option(
        "mask_mode",
        kinds.CHOICE,
        _MASKS,
        "multiply (default), or blend: (1-m)*a + m*b.",
        "MODE",
        choices=("multiply", "blend"),
        default="multiply",
        when=(beside("mask"),),
        told=61,
    ),
    Option(
        "mask_scale",
        kinds.NUMBER,
        _MASKS,
        "Divide the mask by this, like 255. Default: a float mask as it is, any other as 1 where not 0.",
        "S",
        finite=True,
        when=(beside("mask"),),
        told=63,
    ),
    Option("reduce", kinds.CHOICE, _REDUCE, "After combining: {choices}.", "NAME", choices=REDUCES, told=70),
    Option("out_channels", kinds.WHOLE, _REDUCE, "Channels after conv1x1 (untrained) or pca.", "N", least=1),
    Option(
        "seed",
        kinds.WHOLE,
        _REDUCE,
        "Of the untrained kernel. Default: 0.",
        "N",
        least=0,
        default=0,
        when=(instead_of("kernel"),),
    ),
    Option(
        "keepdims", kinds.SWITCH, _REDUCE, "Keep the axes that gap pools, as size 1 (default).", default=True
    ),
    Option(
        "kernel",
        kinds.SOURCE,
        _KERNELS,
        "Weights of conv1x1 or transposed-conv.",
        "INPUT",
        default="fixed bilinear",
        default_text="the fixed bilinear kernel",
    ),
    Option(
        "bias", kinds.SOURCE, _KERNELS, "Its bias, one number per channel.", "INPUT", when=(beside("kernel"),)
    ),
    Option(
        "kernel_layout",
        kinds.TEXT,
        _KERNELS,
        "torch: OIHW, OI; transposed IOHW. Keras: HWIO; transposed HWOI. Default: what fits.",
        "AXES",
        values="IOHW (torch), HWOI (Keras)",
        default="inferred",
        default_text="what fits the channels",
        when=(beside("kernel"),),
    ),
    Option(
        "project",
        kinds.PROJECTIONS,
        _KERNELS,
        "1x1 convolution of input I (from 1) before all else: I=KERNEL or I=KERNEL,BIAS. Repeatable.",
        "I=INPUT",
        default=(),
        always=True,
        told=50,
    ),
    Option(
        "stride",
        kinds.SIZES,
        _KERNELS,
        "Of the transposed convolution. Default: 1.",
        "N",
        default=1,
        when=(beside("kernel"),),
    ),
    Option(
        "padding",
        kinds.PADDING,
        _KERNELS,
        "Numbers as in torch (default 0), or Keras' same, valid.",
        "N",
        default=0,
        when=(beside("kernel"),),
    ),
    Option(
        "output_padding",
        kinds.BORDER,
        _KERNELS,
        "As in torch. Default: 0.",
        "N",
        default=0,
        when=(
            beside("kernel"),
            unless("padding", "same", "valid", hint="Keras' geometry has none.", hides=False),
        ),
    ),
    Option(
        "dilation",
        kinds.SIZES,
        _KERNELS,
        "Step between taps. Default: 1.",
        "N",
        default=1,
        when=(beside("kernel"),),
    ),
    Option(
        "groups",
        kinds.WHOLE,
        _KERNELS,
        "Channel groups. Default: 1.",
        "N",
        least=1,
        default=1,
        when=(beside("kernel"),),
    ),
)

_TABLE = {row.name: row for row in _ROWS}

OPTIONS: Mapping[str, Option] = MappingProxyType(_TABLE)
"""Every option by name."""
