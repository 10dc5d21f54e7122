"""COMBINES: how the reconciled inputs become one tensor, and REDUCES: what may follow. No data here, only
the tables: `steps/` holds the arithmetic; the command line and the planner read this.
"""

from types import MappingProxyType
from typing import NamedTuple

__all__ = ["CHANNEL_MODES", "COMBINES", "REDUCES", "Combine", "Reducer"]


class Combine(NamedTuple):
    """One row.

    `joins`: the axis along which the inputs are joined, C, or S for a new leading one; the others are
    element-wise and need equal shapes (after broadcasting).
    `moves`: each result is one of the samples.
    `counts`: of booleans it makes a number, True + True is 2.
    `weights`: it reads --weights; `weighted`: it computes a weighted sum also without them, `normalized` by
    what they add up to, which changes even a single input.
    """

    name: str
    summary: str
    joins: str = ""
    moves: bool = False
    counts: bool = False
    normalized: bool = False
    weights: bool = False
    weighted: bool = False
    at_least: int = 1
    at_most: int | None = None


_ROWS = (
    Combine("add", "sum of the inputs, each times its --weights", counts=True, weights=True),
    Combine("sub", "the first minus the second", counts=True, at_least=2, at_most=2),
    Combine("mul", "product of the inputs", counts=True),
    Combine("mean", "mean of the inputs; with --weights the weighted mean", weights=True, weighted=True),
    Combine("max", "element-wise maximum", moves=True),
    Combine("min", "element-wise minimum", moves=True),
    Combine(
        "fast-normalized",
        "weighted sum with relu(w) / (sum of relu(w) + 1e-4): BiFPN",
        normalized=True,
        weights=True,
        weighted=True,
    ),
    Combine(
        "softmax",
        "weighted sum with softmax(w): ASFF, per position",
        normalized=True,
        weights=True,
        weighted=True,
    ),
    Combine("concat", "joined along the channel axis, in the order given", joins="C", moves=True),
    Combine("stack", "joined along a new leading axis, in the order given", joins="S", moves=True),
)

COMBINES = MappingProxyType({row.name: row for row in _ROWS})
"""Every combine by name."""


class Reducer(NamedTuple):
    """One row: what follows the combining, and the options it reads, in the order they are told.

    `needs`: exactly one of these must be given, and `hint` says what each is for; the last of several makes
    `alternative`. `grouped` rows take the place of the concatenation: they name the combine that does it.
    """

    name: str
    summary: str
    options: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    hint: str = ""
    alternative: str = ""
    grouped: str = ""


_REDUCES = (
    Reducer(
        "conv1x1",
        "mix channels: --kernel from a file, or --out-channels with an untrained one",
        ("out_channels", "kernel", "bias", "kernel_layout", "seed"),
        ("kernel", "out_channels"),
        "Give trained weights with {kernel}, or {out_channels:<N>} for an untrained kernel.",
        "an untrained kernel",
    ),
    Reducer("gap", "global average pooling: the mean over space", ("keepdims",)),
    Reducer("mean", "mean of the inputs' equal channel groups", grouped="mean"),
    Reducer("max", "maximum of the inputs' equal channel groups", grouped="max"),
    Reducer("sum", "sum of the inputs' equal channel groups", grouped="add"),
    Reducer(
        "pca",
        "the --out-channels principal components, fitted on the data",
        ("out_channels",),
        ("out_channels",),
        "Say how many components to keep.",
    ),
)

REDUCES = MappingProxyType({row.name: row for row in _REDUCES})
"""Every reduction by name."""

CHANNEL_MODES = MappingProxyType(
    {
        "strict": "channel counts must be equal, or 1, which broadcasts",
        "tile": "repeat the whole group cyclically: 0..15, 0..15",
        "repeat": "repeat each channel: 0, 0, 1, 1, ...",
        "zero-pad": "append channels of zeros",
        "truncate": "keep the first channels, as many as the smallest input has",
        "mean": "average groups of channels down to the smallest count",
    }
)
"""What `--channels` may do when counts differ, with its one-line meaning."""
