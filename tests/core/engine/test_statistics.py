"""Statistics block by block equal those of the whole in exact arithmetic, at any scale and for every type."""

import math
from fractions import Fraction

import numpy as np
import pytest
from featfuse.engine.statistics import Accumulator, Statistics
from featfuse.model.dtypes import DTYPES, is_float
from featfuse.model.tensor import Array


def of(*blocks: Array) -> Statistics:
    sums = Accumulator()
    for block in blocks:
        sums.add(block)
    return sums.result()


def exact(values: list[int] | list[float]) -> tuple[Fraction, Fraction]:
    """Mean and variance without any rounding."""
    numbers = [Fraction(value) for value in values]
    mean = sum(numbers, Fraction(0)) / len(numbers)
    return mean, sum(((number - mean) ** 2 for number in numbers), Fraction(0)) / len(numbers)


def root(variance: Fraction) -> float:
    """Its square root, also where the variance itself is no float64."""
    shift = (variance.numerator.bit_length() - variance.denominator.bit_length()) // 2
    return math.ldexp(math.sqrt(variance / Fraction(2) ** (2 * shift)), shift)


def random(name: str, size: int) -> Array:
    generator = np.random.default_rng(size)
    dtype = DTYPES[name]
    if is_float(dtype):
        return (generator.standard_normal(size) * 20).astype(dtype)
    if name == "bool":
        return generator.random(size) < 0.3
    info = np.iinfo(dtype)
    return generator.integers(info.min, info.max, size, dtype=dtype, endpoint=True)


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("cuts", [[], [1], [3, 500, 501], [999]])
def test_every_type_is_as_numpy_has_it(name: str, cuts: list[int]) -> None:
    values = random(name, 1000)
    values[[7, 8, 700]] = 0
    found = of(*np.split(values, cuts))
    wide = values.astype(np.float64)
    assert (found.min, found.max) == (values.min(), values.max())
    assert type(found.min) is (float if is_float(values.dtype) else int)
    assert found.mean == pytest.approx(wide.mean(), rel=1e-12, abs=1e-12 * wide.std())
    assert found.std == pytest.approx(wide.std(), rel=1e-12)
    assert (found.nan, found.inf, found.zeros) == (0, 0, int((values == 0).sum()))


@pytest.mark.parametrize("name", [name for name in DTYPES if is_float(DTYPES[name])])
def test_what_is_not_finite_is_counted_and_left_out(name: str) -> None:
    values = np.array([np.nan, 1, 2, -0.0, 0, np.nan, np.nan, 4], DTYPES[name])
    found = of(values)
    assert found._replace(std=None) == (0.0, 4.0, 7 / 5, None, 3, 0, 2)
    assert found.std == pytest.approx(math.sqrt(21 / 5 - (7 / 5) ** 2))
    if name != "float8_e4m3fn":  # which has no inf
        infinite = of(np.array([np.inf, 1, -np.inf, np.nan], DTYPES[name]))
        assert infinite == (1.0, 1.0, 1.0, 0.0, 1, 2, 0)
        assert of(np.full(3, -np.inf, DTYPES[name])) == (None, None, None, None, 0, 3, 0)
    assert of(np.full(3, np.nan, DTYPES[name]), values) == found._replace(nan=6)


def test_nothing() -> None:
    assert of() == of(np.zeros((0, 3), np.float32)) == (None, None, None, None, 0, 0, 0)
    assert of(np.array(2.5, np.float16)) == (2.5, 2.5, 2.5, 0.0, 0, 0, 0)


@pytest.mark.parametrize(
    "values",
    [
        [1.7e308, -1.7e308, 1.7e308, 1e300],
        [1.7976931348623157e308] * 3 + [1.7976931348623155e308],
        [1.7976931348623157e308, -1.7976931348623157e308],
        [1e200, 2e200, 3e200, -5e199],
        [1e-200, 3e-200, 2e-200],
        [5e-324, 1.5e-323, 0.0],
        [1e-200, 1e200, 0.0, 1.0],
        [2.0**401, 2.0**400, 1.0],
        [1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16],
        [2**62, 2**62 + 4096, 2**62 - 4096],
    ],
)
def test_no_scale_is_too_large_or_too_small(values: list[float]) -> None:
    mean, variance = exact(values)
    blocks = [np.array(part) for part in (values, values[:1], values[1:])]
    for found in (of(blocks[0]), of(*blocks[1:]), of(*blocks[:0:-1])):
        assert (found.min, found.max) == (min(values), max(values))
        assert found.mean == pytest.approx(float(mean), rel=1e-15, abs=1e-15 * root(variance) + 5e-324)
        assert found.std == pytest.approx(
            root(variance), rel=1e-13, abs=max(map(abs, values)) * 2**-53
        )  # its last bit


def test_integers_of_64_bits_keep_their_ends() -> None:
    ends = [2**63 - 1, 2**63 - 2], [2**64 - 1, 1]
    assert of(np.array(ends[0], np.int64))[:2] == (2**63 - 2, 2**63 - 1)
    assert of(np.array(ends[1], np.uint64))[:2] == (1, 2**64 - 1)


def test_a_constant_deviates_by_nothing_however_often_it_comes() -> None:
    for name in ("float32", "float64"):
        block = np.full(100_001, 0.1, DTYPES[name])
        found = of(*[block] * 30)
        assert (found.mean, found.std) == (float(block[0]), 0.0)


def test_many_blocks_do_not_drift() -> None:
    """A large mean and a small deviation, in very many small blocks."""
    generator = np.random.default_rng(3)
    values = 1e6 + generator.standard_normal((20_000, 10))
    found = of(*values)
    total = math.fsum(values.ravel()) / values.size
    variance = math.fsum(((values - total) ** 2).ravel()) / values.size
    assert found.mean == pytest.approx(total, rel=1e-14)
    assert found.std == pytest.approx(math.sqrt(variance), rel=1e-9)


def test_blocks_of_any_order_are_left_as_they_are() -> None:
    values = np.arange(24, dtype=np.float64).reshape(2, 3, 4)
    for block in (values, np.asfortranarray(values), values[:, ::-1, ::2], values.astype(np.float32)):
        block.flags.writeable = False
        kept = block.copy()
        assert of(block)[:4] == pytest.approx((block.min(), block.max(), block.mean(), block.std()))
        assert (block == kept).all()
