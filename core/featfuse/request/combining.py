"""COMBINES: how the reconciled inputs become one tensor. No data here, only the table.

`steps/combine.py` holds the arithmetic; the command line and the planner read this.
"""

from types import MappingProxyType
from typing import NamedTuple

__all__ = ["CHANNEL_MODES", "COMBINES", "REDUCES", "Combine", "Reduce"]


class Combine(NamedTuple):
    """One row: `elementwise` needs equal shapes (after broadcasting); the others join along an axis."""

    name: str
    summary: str
    elementwise: bool = True
    weights: bool = False
    weighted: bool = False
    at_least: int = 1
    at_most: int | None = None


_ROWS = (
    Combine("add", "sum of the inputs, each times its --weights", weights=True),
    Combine("sub", "the first minus the second", at_least=2, at_most=2),
    Combine("mul", "product of the inputs"),
    Combine("mean", "mean of the inputs; with --weights the weighted mean", weights=True, weighted=True),
    Combine("max", "element-wise maximum"),
    Combine("min", "element-wise minimum"),
    Combine(
        "fast-normalized",
        "weighted sum with relu(w) / (sum of relu(w) + 1e-4): BiFPN",
        weights=True,
        weighted=True,
    ),
    Combine("softmax", "weighted sum with softmax(w): ASFF, per position", weights=True, weighted=True),
    Combine("concat", "joined along the channel axis, in the order given", elementwise=False),
    Combine("stack", "joined along a new leading axis, in the order given", elementwise=False),
)

COMBINES = MappingProxyType({row.name: row for row in _ROWS})
"""Every combine by name."""


class Reduce(NamedTuple):
    """One row: what follows the combining. `grouped` ones take the place of the concatenation."""

    name: str
    summary: str
    options: tuple[str, ...] = ()
    grouped: bool = False


_REDUCES = (
    Reduce(
        "conv1x1",
        "mix channels: --kernel from a file, or --out-channels with an untrained one",
        ("kernel", "bias", "kernel_layout", "out_channels", "seed"),
    ),
    Reduce("gap", "global average pooling: the mean over space", ("keepdims",)),
    Reduce("mean", "mean of the inputs' equal channel groups", grouped=True),
    Reduce("max", "maximum of the inputs' equal channel groups", grouped=True),
    Reduce("sum", "sum of the inputs' equal channel groups", grouped=True),
    Reduce("pca", "the --out-channels principal components, fitted on the data", ("out_channels",)),
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
