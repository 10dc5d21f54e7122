"""What every comparison with another framework shares: random cases, layouts, and one way to agree.

A case is drawn from a seed that is the test's own name, so `pytest -k` repeats it exactly. Oracles work
channels first, `(N, C, *space)`; featfuse is called in a layout drawn at random.
"""

import zlib
from collections.abc import Callable, Sequence
from typing import Any

import featfuse
import numpy as np
import pytest
from numpy.typing import NDArray

Array = NDArray[Any]

SPACE = {1: "W", 2: "HW", 3: "DHW"}
LAYOUTS = {
    1: ("NCW", "NWC", "CW", "WC", "W"),
    2: ("NCHW", "NHWC", "CHW", "HWC", "HW"),
    3: ("NCDHW", "NDHWC", "CDHW", "DHWC"),
}
LARGEST = {1: 70, 2: 70, 3: 14}


class Draw:
    """Random sizes, layouts and arrays of one test."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def choice(self, *options: Any) -> Any:
        """One of `options`."""
        return options[int(self.rng.integers(len(options)))]

    def size(self, low: int = 1, high: int = 70) -> int:
        """A size from `low` to `high`, both included; one in four is small, where the edges meet."""
        return int(self.rng.integers(low, (min(high, low + 4) if self.rng.random() < 0.25 else high) + 1))

    def sizes(self, rank: int, low: int = 1, high: int | None = None) -> tuple[int, ...]:
        """One size per spatial axis."""
        return tuple(self.size(low, high or LARGEST[rank]) for _ in range(rank))

    def layout(self, rank: int) -> str:
        """A layout with `rank` spatial axes."""
        return str(self.choice(*LAYOUTS[rank]))

    def array(self, layout: str, space: tuple[int, ...], dtype: Any = np.float32) -> Array:
        """`(N, C, *space)` of N(0, 1) values, or of integers over the dtype's range.

        N and C are 1 when `layout` lacks them. 64-bit integers stop at 2**40: above 2**53 even NumPy rounds
        them, in float64 arithmetic of its own.
        """
        lead = tuple(int(self.rng.integers(1, 4)) if letter in layout else 1 for letter in "NC")
        dtype = np.dtype(dtype)
        if dtype.kind in "iu":
            info = np.iinfo(dtype)
            low, high = max(info.min, -(2**40)), min(info.max, 2**40)
            return self.rng.integers(low, high, lead + space, dtype=dtype, endpoint=True)
        return self.rng.standard_normal(lead + space).astype(dtype)


def arrange(x: Array, layout: str) -> Array:
    """`(N, C, *space)` in `layout`; the axes it has no letter for are of size 1 and are dropped."""
    full = "NC" + SPACE[x.ndim - 2]
    kept = x.reshape([size for size, letter in zip(x.shape, full, strict=True) if letter in layout])
    order = [letter for letter in full if letter in layout]
    return kept.transpose([order.index(letter) for letter in layout])


def restore(y: Array, layout: str) -> Array:
    """The inverse of `arrange`: back to `(N, C, *space)`."""
    full = "NC" + SPACE[len(layout) - sum(letter in layout for letter in "NC")]
    order = [letter for letter in full if letter in layout]
    y = y.transpose([layout.index(letter) for letter in order])
    return y[tuple(slice(None) if letter in layout else None for letter in full)]


def offsets(widths: Sequence[tuple[int, int]]) -> dict[str, int] | None:
    """The `offset` option that pads or crops each spatial axis by (first, last).

    An axis that keeps its size may not be named, and None stands for no option at all.
    """
    letters = SPACE[len(widths)]
    return {letter: pair[0] for letter, pair in zip(letters, widths, strict=True) if any(pair)} or None


@pytest.fixture
def offset_of() -> Callable[..., dict[str, int] | None]:
    """`offsets`, for the tests."""
    return offsets


@pytest.fixture
def off_ties() -> Callable[[int, int], Array]:
    """The half-pixel output positions of a pair of sizes that do not fall just between two samples.

    On a tie (`(x + 1/2) * I / O` whole) the nearest sample is decided by how a framework rounds, and no
    two of them round alike: 15 % of all pairs of sizes have such a position in Pillow.
    """

    def positions(in_size: int, out_size: int) -> Array:
        return np.flatnonzero((2 * np.arange(out_size) + 1) * in_size % (2 * out_size))

    return positions


@pytest.fixture
def draw(request: pytest.FixtureRequest) -> Draw:
    """Random cases seeded by the name of the test."""
    return Draw(zlib.crc32(request.node.name.encode()))


@pytest.fixture
def resize() -> Callable[..., Array]:
    """`featfuse.resize` of an `(N, C, *space)` array, done in `layout` and brought back."""

    def run(x: Array, size: tuple[int, ...] | None, layout: str, **options: Any) -> Array:
        out = featfuse.resize(arrange(x, layout), size, layout=layout, threads=1, **options)
        assert isinstance(out, np.ndarray)
        return restore(out, layout)

    return run


@pytest.fixture
def agree() -> Callable[..., None]:
    """Assert that featfuse's `ours` equals the framework's `theirs`.

    `within` is relative to the largest input magnitude `scale` (1 at least); 0 means bit for bit, with
    the same dtype. What differs is shown with its place.
    """

    def check(ours: Array, theirs: Any, *, within: float = 1e-5, scale: float = 1.0, note: Any = "") -> None:
        theirs = np.asarray(theirs)
        assert ours.shape == theirs.shape, note
        if within == 0:
            assert ours.dtype == theirs.dtype, note
            np.testing.assert_array_equal(ours, theirs, err_msg=str(note))
            return
        wide = ours.astype(np.float64), theirs.astype(np.float64)
        np.testing.assert_allclose(*wide, rtol=0, atol=within * max(scale, 1.0), err_msg=str(note))

    return check
