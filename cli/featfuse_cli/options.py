"""Every option that the commands share, once: its name, its help, what completes it.

The choices are read from the library's tables, and `None` means "not given", so that the library
alone decides what a default is and whether an option is used.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, cast, get_type_hints

import typer
from featfuse.combine import CHANNEL_MODES, COMBINES
from featfuse.errors import UsageError
from featfuse.methods import ALIASES, METHODS
from featfuse.options import CHOICES, PAD_MODE_ALIASES, TARGETS, FusionOptions

__all__ = [
    "DTYPE_NAMES",
    "FusionFlags",
    "Inputs",
    "Json",
    "Quiet",
    "check_report_options",
    "choice_help",
    "completer",
    "with_fusion_options",
]

LAYOUTS = ("NHWC", "NCHW", "HWC", "CHW", "HW", "NDHWC", "NCDHW", "DHWC", "CDHW", "NWC", "NCW", "WC", "CW")
DTYPE_NAMES = (
    *("float16", "bfloat16", "float32", "float64", "float8_e4m3fn", "float8_e5m2", "bool"),
    *("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"),
)
"""The names of `featfuse.dtypes.DTYPES`, which needs NumPy; a test holds the two in step."""


def choice_help(name: str) -> Mapping[str, str]:
    """The choices of option `name`, each with its one-line meaning (or "")."""
    if name == "method":
        aliases = {alias: f"the same as {target}" for alias, target in ALIASES.items()}
        return {row.name: row.summary for row in METHODS.values()} | aliases
    if name == "combine":
        return {row.name: row.summary for row in COMBINES.values()}
    if name == "channels":
        return CHANNEL_MODES
    if name == "pad_mode":
        aliases = {alias: f"the same as {target}" for alias, target in PAD_MODE_ALIASES.items()}
        return dict.fromkeys(CHOICES[name], "") | aliases
    words = {"to": TARGETS, "layout": LAYOUTS, "dtype": DTYPE_NAMES}.get(name) or CHOICES[name]
    return dict.fromkeys(words, "")


def _option(
    name: str,
    help: str,
    panel: str,
    *,
    metavar: str | None = None,
    short: str | None = None,
    no: bool = False,
) -> Any:
    """A Typer option called like the library's; `no` gives it a `--no-` twin."""
    long = "--" + name.replace("_", "-")
    spellings = [f"{long}/--no-{long[2:]}" if no else long, *([short] if short else [])]
    has_choices = name in CHOICES or name in ("to", "layout", "dtype")
    complete = completer(name) if has_choices else None
    return typer.Option(
        *spellings, help=help, metavar=metavar, rich_help_panel=panel, autocompletion=complete
    )


def completer(name: str) -> Callable[[str], list[tuple[str, str]]]:
    """What completes a value of option `name`: each choice with its meaning."""

    def complete(incomplete: str) -> list[tuple[str, str]]:
        return [(word, text) for word, text in choice_help(name).items() if word.startswith(incomplete)]

    return complete


def _list(name: str) -> str:
    return ", ".join(CHOICES[name])


Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT...",
        help="PATH or PATH::KEY of a .npy, .npz, .h5 or .safetensors tensor; "
        "KEY may be a glob. - is a .npy on stdin.",
        show_default=False,
    ),
]
Json = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print the report as JSON. Errors stay text on stderr, and stdout stays empty then.",
        rich_help_panel="Run",
    ),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print no report, errors only.", rich_help_panel="Run")
]


class FusionFlags:
    """How to fuse: one option per field of `featfuse.options.Options`, in the order of `--help`."""

    method: Annotated[
        str | None,
        _option(
            "method",
            "How spatial sizes are reconciled: strict (default, changes nothing), "
            "bilinear, pad, crop, ... All: fuse methods",
            "Reconcile",
            metavar="NAME",
            short="-m",
        ),
    ]
    to: Annotated[
        str | None,
        _option(
            "to",
            "Target grid: auto (default: the method's own direction), "
            "largest, smallest, first, last, or sizes like 64x48.",
            "Reconcile",
            metavar="GRID",
        ),
    ]
    like: Annotated[
        str | None,
        _option("like", "Take the target grid from this tensor's shape.", "Reconcile", metavar="INPUT"),
    ]
    convention: Annotated[
        str | None,
        _option(
            "convention",
            f"Compute as: {_list('convention')}. Default: the method's own, mostly torch.",
            "Reconcile",
            metavar="NAME",
        ),
    ]
    coords: Annotated[
        str | None,
        _option("coords", f"Where samples sit: {_list('coords')}.", "Reconcile", metavar="NAME"),
    ]
    antialias: Annotated[
        bool | None,
        _option("antialias", "Stretch the kernel where an axis shrinks.", "Reconcile", no=True),
    ]
    cubic_a: Annotated[
        float | None,
        _option("cubic_a", "Coefficient of the bicubic kernel: -0.75, -0.5.", "Reconcile", metavar="A"),
    ]
    edge: Annotated[
        str | None,
        _option("edge", f"Kernel taps beyond the border: {_list('edge')}.", "Reconcile", metavar="RULE"),
    ]
    nearest_rounding: Annotated[
        str | None,
        _option(
            "nearest_rounding",
            f"Which sample is nearest: {_list('nearest_rounding')}.",
            "Reconcile",
            metavar="RULE",
        ),
    ]
    interpolation: Annotated[
        str | None,
        _option("interpolation", "How letterbox resizes. Default: bilinear.", "Reconcile", metavar="METHOD"),
    ]
    combine: Annotated[
        str | None,
        _option("combine", f"{_list('combine')}. Default: add.", "Combine", metavar="NAME", short="-c"),
    ]
    weights: Annotated[
        str | None,
        _option("weights", "One factor per input for add and mean, like 1,0.5.", "Combine", metavar="LIST"),
    ]
    channels: Annotated[
        str | None,
        _option(
            "channels",
            f"When channel counts differ: {_list('channels')}. "
            "Default: strict (1 broadcasts, the rest is refused).",
            "Combine",
            metavar="MODE",
        ),
    ]
    dtype: Annotated[
        str | None,
        _option(
            "dtype", "Element type of the output: float16, bfloat16, float32, ...", "Combine", metavar="TYPE"
        ),
    ]
    on_overflow: Annotated[
        str | None,
        _option(
            "on_overflow",
            "When an integer result does not fit: error (default) or saturate.",
            "Combine",
            metavar="RULE",
        ),
    ]
    layout: Annotated[
        str | None,
        _option(
            "layout",
            "Axis letters, like NHWC or CHW: one for all inputs, or a comma list. "
            "Default: from the file, or inferred.",
            "Layout",
            metavar="AXES",
        ),
    ]
    pad_mode: Annotated[
        str | None,
        _option(
            "pad_mode",
            f"{_list('pad_mode')} (NumPy's names). Default: constant.",
            "Border",
            metavar="MODE",
        ),
    ]
    pad_value: Annotated[
        float | None,
        _option("pad_value", "What constant padding adds. Default: 0.", "Border", metavar="NUMBER"),
    ]
    anchor: Annotated[
        str | None,
        _option(
            "anchor", "Where the smaller grid sits: center (default), start, end.", "Border", metavar="PLACE"
        ),
    ]
    odd: Annotated[
        str | None,
        _option(
            "odd",
            f"Which side loses the odd pixel in a centred crop: {_list('odd')}. Default: floor.",
            "Border",
            metavar="RULE",
        ),
    ]
    offset: Annotated[
        str | None,
        _option(
            "offset",
            "Start of the smaller grid inside the larger, like H:3,W:1.",
            "Border",
            metavar="AXIS:START",
        ),
    ]
    pool_size: Annotated[
        str | None,
        _option(
            "pool_size",
            "Window of avg-pool and max-pool, like 3 or 3x3. Without it windows are adaptive.",
            "Pooling",
            metavar="N",
        ),
    ]
    pool_stride: Annotated[
        str | None,
        _option("pool_stride", "Step of the window. Default: its size.", "Pooling", metavar="N"),
    ]
    pool_padding: Annotated[
        str | None,
        _option("pool_padding", "Border on both sides before pooling. Default: 0.", "Pooling", metavar="N"),
    ]
    ceil_mode: Annotated[
        bool | None,
        _option("ceil_mode", "Keep a last window that is only partly filled.", "Pooling", no=True),
    ]
    count_include_pad: Annotated[
        bool | None,
        _option("count_include_pad", "Count the border in averages.", "Pooling", no=True),
    ]


def with_fusion_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` every option of `FusionFlags`; it receives those given as one `options` mapping.

    Its parameter `options` is replaced, in its place, by one parameter per option.
    """
    flags = {
        name: inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in get_type_hints(FusionFlags, include_extras=True).items()
    }
    own = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in inspect.signature(command).parameters.values()
    ]
    place = [parameter.name for parameter in own].index("options")

    @functools.wraps(command)
    def wrapped(**values: Any) -> None:
        given = {name: values.pop(name) for name in flags}
        options = {name: value for name, value in given.items() if value is not None}
        command(**values, options=cast(FusionOptions, options))

    parameters = [*own[:place], *flags.values(), *own[place + 1 :]]
    wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return wrapped


def check_report_options(*, as_json: bool, quiet: bool) -> None:
    """`--json` asks for a report and `--quiet` for none."""
    if as_json and quiet:
        raise UsageError("--json and --quiet exclude each other", hint="Give one of them.")
