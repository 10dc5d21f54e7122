"""Every option that the commands share, once: its name, its help, what completes it.

The choices are read from the library's tables, and `None` means "not given", so that the library
alone decides what a default is and whether an option is used.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer
from featfuse.errors import UsageError
from featfuse.methods import ALIASES, METHODS
from featfuse.request.combining import CHANNEL_MODES, COMBINES, REDUCES, Combine, Reduce
from featfuse.request.options import CHOICES
from featfuse.request.parsing import PAD_MODE_ALIASES, TARGETS

__all__ = [
    "DTYPE_NAMES",
    "Inputs",
    "Json",
    "Quiet",
    "ReconcileFlags",
    "Sync",
    "check_report_options",
    "choice_help",
    "completer",
    "listed",
    "option",
]

LAYOUTS = ("NHWC", "NCHW", "HWC", "CHW", "HW", "NDHWC", "NCDHW", "DHWC", "CDHW", "NWC", "NCW", "WC", "CW")
DTYPE_NAMES = (
    *("float16", "bfloat16", "float32", "float64", "float8_e4m3fn", "float8_e5m2", "bool"),
    *("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"),
)
"""The names of `featfuse.model.dtypes.DTYPES`, which needs NumPy; a test holds the two in step."""


def choice_help(name: str) -> Mapping[str, str]:
    """The choices of option `name`, each with its one-line meaning (or "")."""
    if name == "method":
        aliases = {alias: f"the same as {target}" for alias, target in ALIASES.items()}
        return {row.name: row.summary for row in METHODS.values()} | aliases
    if name in ("combine", "reduce"):
        table: Mapping[str, Combine | Reduce] = COMBINES if name == "combine" else REDUCES
        return {row.name: row.summary for row in table.values()}
    if name == "channels":
        return CHANNEL_MODES
    if name == "pad_mode":
        aliases = {alias: f"the same as {target}" for alias, target in PAD_MODE_ALIASES.items()}
        return dict.fromkeys(CHOICES[name], "") | aliases
    words = {"to": TARGETS, "layout": LAYOUTS, "dtype": DTYPE_NAMES}.get(name) or CHOICES[name]
    return dict.fromkeys(words, "")


def option(
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


def listed(name: str) -> str:
    """The choices of option `name`, for a help text."""
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
Sync = Annotated[
    bool,
    typer.Option(
        "--sync/--no-sync",
        help="Wait until the output has reached the disk (default). --no-sync is faster, but a power cut "
        "soon after may leave a damaged output.",
        show_default=False,
        rich_help_panel="Output",
    ),
]


class ReconcileFlags:
    """How to bring inputs to one grid and combine them, in the order of `--help`."""

    method: Annotated[
        str | None,
        option(
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
        option(
            "to",
            "Target grid: auto (default: the method's own direction), "
            "largest, smallest, first, last, or sizes like 64x48.",
            "Reconcile",
            metavar="GRID",
        ),
    ]
    like: Annotated[
        str | None,
        option("like", "Take the target grid from this tensor's shape.", "Reconcile", metavar="INPUT"),
    ]
    convention: Annotated[
        str | None,
        option(
            "convention",
            f"Compute as: {listed('convention')}. Default: the method's own, mostly torch.",
            "Reconcile",
            metavar="NAME",
        ),
    ]
    coords: Annotated[
        str | None,
        option("coords", f"Where samples sit: {listed('coords')}.", "Reconcile", metavar="NAME"),
    ]
    antialias: Annotated[
        bool | None,
        option("antialias", "Stretch the kernel where an axis shrinks.", "Reconcile", no=True),
    ]
    cubic_a: Annotated[
        float | None,
        option("cubic_a", "Coefficient of the bicubic kernel: -0.75, -0.5.", "Reconcile", metavar="A"),
    ]
    edge: Annotated[
        str | None,
        option("edge", f"Kernel taps beyond the border: {listed('edge')}.", "Reconcile", metavar="RULE"),
    ]
    nearest_rounding: Annotated[
        str | None,
        option(
            "nearest_rounding",
            f"Which sample is nearest: {listed('nearest_rounding')}.",
            "Reconcile",
            metavar="RULE",
        ),
    ]
    interpolation: Annotated[
        str | None,
        option("interpolation", "How letterbox resizes. Default: bilinear.", "Reconcile", metavar="METHOD"),
    ]
    combine: Annotated[
        str | None,
        option("combine", f"{listed('combine')}. Default: add.", "Combine", metavar="NAME", short="-c"),
    ]
    weights: Annotated[
        str | None,
        option(
            "weights",
            "One factor per input, like 1,0.5; or an INPUT with them, or with one channel per input.",
            "Combine",
            metavar="LIST",
        ),
    ]
    channels: Annotated[
        str | None,
        option(
            "channels",
            f"When channel counts differ: {listed('channels')}. "
            "Default: strict (1 broadcasts, the rest is refused).",
            "Combine",
            metavar="MODE",
        ),
    ]
    dtype: Annotated[
        str | None,
        option(
            "dtype", "Element type of the output: float16, bfloat16, float32, ...", "Combine", metavar="TYPE"
        ),
    ]
    on_overflow: Annotated[
        str | None,
        option(
            "on_overflow",
            "When an integer result does not fit: error (default) or saturate.",
            "Combine",
            metavar="RULE",
        ),
    ]
    layout: Annotated[
        str | None,
        option(
            "layout",
            "Axis letters, like NHWC or CHW: one for all inputs, or a comma list. "
            "Default: from the file, or inferred.",
            "Layout",
            metavar="AXES",
        ),
    ]
    pad_mode: Annotated[
        str | None,
        option(
            "pad_mode",
            f"{listed('pad_mode')} (NumPy's names). Default: constant.",
            "Border",
            metavar="MODE",
        ),
    ]
    pad_value: Annotated[
        float | None,
        option("pad_value", "What constant padding adds. Default: 0.", "Border", metavar="NUMBER"),
    ]
    anchor: Annotated[
        str | None,
        option(
            "anchor", "Where the smaller grid sits: center (default), start, end.", "Border", metavar="PLACE"
        ),
    ]
    odd: Annotated[
        str | None,
        option(
            "odd",
            f"Which side loses the odd pixel in a centred crop: {listed('odd')}. Default: floor.",
            "Border",
            metavar="RULE",
        ),
    ]
    offset: Annotated[
        str | None,
        option(
            "offset",
            "Start of the smaller grid inside the larger, like H:3,W:1.",
            "Border",
            metavar="AXIS:START",
        ),
    ]
    pool_size: Annotated[
        str | None,
        option(
            "pool_size",
            "Window of avg-pool and max-pool, like 3 or 3x3. Without it windows are adaptive.",
            "Pooling",
            metavar="N",
        ),
    ]
    pool_stride: Annotated[
        str | None,
        option("pool_stride", "Step of the window. Default: its size.", "Pooling", metavar="N"),
    ]
    pool_padding: Annotated[
        str | None,
        option("pool_padding", "Border on both sides before pooling. Default: 0.", "Pooling", metavar="N"),
    ]
    ceil_mode: Annotated[
        bool | None,
        option("ceil_mode", "Keep a last window that is only partly filled.", "Pooling", no=True),
    ]
    count_include_pad: Annotated[
        bool | None,
        option("count_include_pad", "Count the border in averages.", "Pooling", no=True),
    ]


def check_report_options(*, as_json: bool, quiet: bool) -> None:
    """`--json` asks for a report and `--quiet` for none."""
    if as_json and quiet:
        raise UsageError("--json and --quiet exclude each other", hint="Give one of them.")
