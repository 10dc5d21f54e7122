"""Long sums, against sums without an error."""

import math
import operator

import numpy as np
import pytest
from featfuse.engine.sums import add_along, in_halves, multiply, waiting

ULPS = 5 * np.finfo(np.float32).eps


@pytest.mark.parametrize("size", [65, 100, 128, 1000, 4096, 200_000])
@pytest.mark.parametrize(("lines", "columns"), [(1, 1), (1, 3), (1, 64), (2, 16), (64, 1)])
def test_a_long_product_of_equal_terms_keeps_its_digits(size: int, lines: int, columns: int) -> None:
    left, right = np.full((lines, size), 0.1, np.float32), np.full((size, columns), 1 / size, np.float32)
    out = np.empty((lines, columns), np.float32)
    multiply(left, right, out)
    exact = float(left[0, 0]) * float(right[0, 0]) * size
    np.testing.assert_allclose(out, exact, rtol=ULPS)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1, 63, 64, 65, 300, 1024])
def test_products_of_stacks(dtype: str, size: int, rng: np.random.Generator) -> None:
    """Stacks that broadcast, views that overlap, either of them transposed."""
    base = rng.normal(size=4 * (size + 7)).astype(dtype)
    left = np.lib.stride_tricks.sliding_window_view(base, size)[::7][:4].reshape(2, 2, size)
    for right in (rng.normal(size=(size, 3)).astype(dtype), rng.normal(size=(3, size)).astype(dtype).T):
        out = np.empty((2, 2, 3), dtype)
        multiply(left, right, out)
        exact = left.astype(np.longdouble) @ right.astype(np.longdouble)
        np.testing.assert_allclose(out, exact, rtol=0, atol=size * np.finfo(dtype).eps)
        if size <= 64:
            assert out.tobytes() == np.matmul(left, right).tobytes(), "few terms: as BLAS adds them"


@pytest.mark.parametrize("size", [10, 64, 1000])
@pytest.mark.parametrize(("lines", "columns"), [(1, 1), (1, 64), (64, 1), (2, 16)])
def test_a_product_that_overflows_is_flagged(size: int, lines: int, columns: int) -> None:
    """In each piece, and where the pieces are put together."""
    left, right = np.ones((lines, size), np.float32), np.full((size, columns), 3e38 / size, np.float32)
    out = np.empty((lines, columns), np.float32)
    with np.errstate(over="raise"):
        multiply(left, right, out)
        right *= 1.2
        with pytest.raises(FloatingPointError, match="overflow"):
            multiply(left, right, out)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("size", [1, 32, 33, 640, 200_001])
def test_sums_along_an_axis(axis: int, order: str, size: int) -> None:
    shape = [1, 2, 3]
    shape[axis] = size
    block = np.full(shape, 0.1, np.float32, order=order)
    total = add_along(block, axis)
    shape[axis] = 1
    assert total.dtype == np.float32
    np.testing.assert_allclose(total, np.full(shape, math.fsum([float(block.flat[0])] * size)), rtol=ULPS)
    spread = np.arange(block.size, dtype=np.float64).reshape(block.shape)
    np.testing.assert_allclose(add_along(spread, axis), spread.sum(axis, keepdims=True), rtol=1e-14)


def test_few_terms_are_added_in_their_order() -> None:
    assert in_halves(operator.add, "abcdefgh".__getitem__, 0, 8) == "abcdefgh"
    added: list[tuple[str, str]] = []

    def add(left: str, right: str) -> str:
        added.append((left, right))
        return left + right

    assert in_halves(add, "abcdefghij".__getitem__, 0, 10) == "abcdefghij"
    assert added[-1] == ("abcde", "fghij")


class Counted:
    """A term or a sum; `most` is how many there were at once."""

    alive = most = 0

    def __init__(self) -> None:
        Counted.alive += 1
        Counted.most = max(Counted.most, Counted.alive)

    def __del__(self) -> None:
        Counted.alive -= 1

    def __add__(self, other: "Counted") -> "Counted":
        return Counted()


@pytest.mark.parametrize("count", [2, 8, 9, 16, 17, 33, 64, 1000])
def test_few_sums_wait(count: int) -> None:
    """Two terms and their sum are there in any case."""
    Counted.most = 0
    in_halves(operator.add, lambda _: Counted(), 0, count)
    assert Counted.most == 3 + waiting(count)


@pytest.mark.parametrize("terms", [100, 1000])
def test_sums_by_halves_keep_their_digits(terms: int) -> None:
    total = in_halves(operator.add, lambda _: np.float32(0.1), 0, terms)
    np.testing.assert_allclose(total, float(np.float32(0.1)) * terms, rtol=ULPS)
