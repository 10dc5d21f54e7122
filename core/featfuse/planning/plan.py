"""FusionPlan: what will be done, as a value.

A plan holds facts: which maps, on which axis of which input, in which order, then which combination and
reduction. It holds no data, no name of a file and no sentence, so that equal requests give equal plans,
and a plan can be kept, compared and sent to another process. Whoever reads it (the executor in
`planning.build`, the report) matches on the classes of `Operation`, `Combination` and `Reduction`; each
closes its match with `assert_never`, so that a forgotten case is an error of the type checker.
"""

from typing import Any

import numpy as np

from featfuse.model.axis import AxisMap
from featfuse.model.constant import Constant
from featfuse.model.geometry import Geometry
from featfuse.model.layout import SPATIAL, Arrangement, Layout, OriginKind, Reading
from featfuse.model.tensor import TensorSpec
from featfuse.model.value import Value
from featfuse.request.options import Options

__all__ = [
    "Branch",
    "Chain",
    "Combination",
    "Components",
    "Elementwise",
    "Fusion",
    "FusionPlan",
    "InsideData",
    "Join",
    "Level",
    "Mask",
    "MaskFactors",
    "Member",
    "Mix",
    "Normalize",
    "Operation",
    "Pool",
    "Power",
    "Read",
    "Reduction",
    "Remap",
    "Shrinkage",
    "Shuffle",
    "Single",
    "Untrained",
    "Upsample",
    "Weighted",
]

DType = np.dtype[Any]
Chain = tuple[AxisMap, ...]


class Member(Value):
    """A tensor with its reading: size by axis letter."""

    spec: TensorSpec
    reading: Reading

    @property
    def sizes(self) -> dict[str, int]:
        """Size by axis letter."""
        return self.reading.sizes(self.spec.shape)

    @property
    def grid(self) -> dict[str, int]:
        """The spatial part of `sizes`."""
        return {letter: size for letter, size in self.sizes.items() if letter in SPATIAL}


# --- what happens to one tensor ---------------------------------------------------------------------


class Untrained(Value):
    """A kernel that nobody trained: Glorot-uniform from `seed`, (out_channels, in_channels)."""

    out_channels: int
    in_channels: int
    seed: int


class Mix(Value):
    """A 1x1 convolution: `weights` (out channels, in channels), `bias` (out channels,)."""

    weights: Constant | Untrained
    bias: Constant | None
    in_channels: int
    out_channels: int


class Upsample(Value):
    """A learned transposed convolution: `kernel` (in, out / groups, *taps), a geometry per spatial axis."""

    kernel: Constant
    bias: Constant | None
    groups: int
    geometry: tuple[tuple[str, Geometry], ...]
    in_channels: int
    out_channels: int


class Remap(Value):
    """A chain of AxisMaps for each axis of the fusion's layout; `order` is whose turn it is, if that is
    free to choose; blocks are computed in `dtype`."""

    chains: tuple[Chain, ...]
    order: tuple[int, ...]
    dtype: DType


class Power(Value):
    """Every value, or its magnitude if `absolute`, to the power of `exponent`."""

    exponent: float
    absolute: bool


class Shuffle(Value):
    """Channels spread over `axes`, each `factor` times as long then, or with `to_space` False the way back.

    The samples that become neighbours are numbered along `axes`, the last fastest. With `blocks` the channels
    of one number stand together (DCR), else the numbers of one channel do (CRD).
    """

    to_space: bool
    factor: int
    axes: tuple[str, ...]
    blocks: bool
    out_channels: int


class Normalize(Value):
    """Every channel vector scaled to length one (`norm` "l2")."""

    norm: str


Operation = Mix | Upsample | Shuffle | Remap | Power | Normalize


class Read(Value):
    """Open tensor number `place`, its axes as `member` says."""

    place: int
    member: Member


class Branch(Value):
    """One tensor on its way to the common grid: what it starts from, and what happens to it in turn.

    `member` describes the result, `dtype` is the type it counts as when combined. `moved` tells that the
    grid was changed.
    """

    origin: "Read | Fusion"
    operations: tuple[Operation, ...]
    member: Member
    dtype: DType
    moved: bool = False

    @property
    def chains(self) -> tuple[Chain, ...]:
        """The maps that brought it to the grid, by axis; () when nothing had to be done."""
        remaps = [operation.chains for operation in self.operations if isinstance(operation, Remap)]
        return remaps[-1] if remaps else ()


# --- how tensors on one grid become one -------------------------------------------------------------


class Single(Value):
    """There is one tensor only, or a blend has made one."""

    dtype: DType


class Elementwise(Value):
    """`name` is the combine. The inputs fuse into `dtype`; integers must fit `final`."""

    name: str
    dtype: DType
    final: DType


class Weighted(Value):
    """A weighted sum: `numbers`, one per input, or weights per position with a channel per input."""

    name: str
    dtype: DType
    numbers: tuple[float, ...] | None
    maps: Branch | None


class Join(Value):
    """Joined along an axis, in the order given."""

    name: str
    dtype: DType
    axis: str


Combination = Single | Elementwise | Weighted | Join


class InsideData(Value):
    """The factors of `--mask auto`: 1 in the box (start, stop per axis) that holds data, 0 around it."""

    box: tuple[tuple[int, int], ...]


class MaskFactors(Value):
    """Branch number `branch` is multiplied by these, or blended in by them. `counts` says whose coverage
    the report tells."""

    branch: int
    factors: InsideData | Branch
    counts: bool


class Mask(Value):
    """Which branches are masked, by what: those in `masked`, of which the report names `inputs`.

    Factors are divided by `scale`; without one, those that are no floats are 1 where they are not zero.
    With `under` it is a blend: (1 - m) * branch `under` + m * the one that is masked.
    """

    masked: tuple[MaskFactors, ...]
    inputs: tuple[int, ...]
    inverted: bool
    under: int | None = None
    scale: float | None = None

    @property
    def blend(self) -> bool:
        """Whether the mask itself is the combination."""
        return self.under is not None


class Fusion(Value):
    """Branches brought to one grid and combined. `target` is the size of each axis by letter."""

    branches: tuple[Branch, ...]
    target: tuple[tuple[str, int], ...]
    mask: Mask | None
    combination: Combination

    @property
    def dtype(self) -> DType:
        """The type the result counts as."""
        return self.combination.dtype


# --- what may follow --------------------------------------------------------------------------------


class Pool(Value):
    """The mean over `axes`; they stay as size 1 or go (`keepdims` False)."""

    axes: tuple[str, ...]
    keepdims: bool


class Components(Value):
    """Principal components, fitted on the data when it is read."""

    in_channels: int
    out_channels: int


Reduction = Mix | Pool | Components


class Level(Value):
    """One level of a fold: the input whose grid it has, what computes it, and the order of its axes."""

    place: int
    result: Branch | Fusion
    shape: tuple[int, ...]
    dtype: DType
    layout: str | None
    arrangement: Arrangement | None = None


class Shrinkage(Value):
    """Input `place` loses detail along `axes` (letter, size before, size after) to no antialiasing."""

    place: int
    axes: tuple[tuple[str, int, int], ...]


class FusionPlan(Value):
    """What will be done. `layout` is the fusion's, `out_layout` the output's (None: axes have numbers).

    `arrangement` is there when its axes do not have the fusion's order. `levels` are all results of a fold,
    coarsest first, the last of them the result. `options` are those asked for, without the tensors they name.
    """

    options: Options
    inputs: tuple[Member, ...]
    layout: Layout
    fusion: Fusion
    reduction: Reduction | None
    shape: tuple[int, ...]
    dtype: DType
    out_layout: str | None
    levels: tuple[Level, ...] = ()
    aliasing: tuple[Shrinkage, ...] = ()
    arrangement: Arrangement | None = None

    @property
    def sure_layout(self) -> str | None:
        """`out_layout`, unless some input could as well be read otherwise: no file shall say more."""
        unsure = any(member.reading.origin.kind is OriginKind.SAME for member in self.inputs)
        return None if unsure else self.out_layout

    @property
    def untrained(self) -> Untrained | None:
        """The kernel that nobody trained, if there is one."""
        mixes = isinstance(self.reduction, Mix) and isinstance(self.reduction.weights, Untrained)
        return self.reduction.weights if mixes else None  # type: ignore[union-attr, return-value]
