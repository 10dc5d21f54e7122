"""What any AxisMap must hold, whatever built it: indices, needs, values, blocks."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from featfuse import engine
from featfuse.model.axis import AxisMap, TapReduction, Taps
from hypothesis import assume
from hypothesis import strategies as st

Draw = Callable[[Any], Any]


# ---------------------------------------------------------------------------------- the invariants


def check_indices(axis_map: AxisMap) -> None:
    """Taps lie in the input; absent ones weigh nothing; a tap that is there has a weight."""
    indices, weights = axis_map.indices, axis_map.weights
    assert indices.shape == weights.shape
    assert indices.shape[0] == axis_map.out_size
    assert ((indices >= -1) & (indices < axis_map.in_size)).all()
    assert np.isfinite(weights).all()
    assert (weights[indices < 0] == 0).all()
    assert (weights[indices >= 0] != 0).all()
    assert axis_map.weighted or set(np.unique(weights)) <= {0.0, 1.0}
    if axis_map.reduce is TapReduction.MAX:
        assert (indices >= 0).any(axis=1).all(), "a maximum over nothing"


def read_by(axis_map: AxisMap, out: slice) -> set[int]:
    """Every input position that the output positions in `out` depend on."""
    indices = axis_map.indices[out]
    read = set(indices[indices >= 0].tolist())
    fill, in_size = axis_map.fill, axis_map.in_size
    if fill is None or fill.kind == "constant" or out.start == out.stop:
        return read
    in_front, behind = out.start < fill.before, out.stop > fill.before + in_size
    if fill.kind == "linear_ramp":  # runs from the edge sample
        return read | ({0} if in_front else set()) | ({in_size - 1} if behind else set())
    return read | (set(range(in_size)) if in_front or behind else set())  # statistics of all samples


def check_needed(axis_map: AxisMap, out: slice) -> None:
    """`needed` is the hull of what is read: nothing less, nothing more."""
    read, needed = read_by(axis_map, out), axis_map.needed(out)
    if read:
        assert (needed.start, needed.stop) == (min(read), max(read) + 1)
    else:
        assert needed.start == needed.stop


def check_taps(axis_map: AxisMap, out: slice) -> None:
    """The taps of a slice are those of the whole, up to absent ones."""

    def rows(taps: Taps) -> list[list[tuple[int, float]]]:
        weights = np.ones(taps.indices.shape) if taps.weights is None else taps.weights
        return [
            [(i, w) for i, w in zip(indices, row, strict=True) if i >= 0]
            for indices, row in zip(taps.indices.tolist(), weights.tolist(), strict=True)
        ]

    assert rows(axis_map.taps(out)) == rows(axis_map.taps(slice(0, axis_map.out_size)))[out]


def slow_apply(axis_map: AxisMap, samples: np.ndarray) -> np.ndarray:
    """Loops in double precision; numpy.pad where the border is computed."""
    if axis_map.fill is not None:
        fill = axis_map.fill
        words = {"constant": {"constant_values": fill.value}, "linear_ramp": {"end_values": fill.value}}
        return np.pad(samples, (fill.before, fill.after), fill.kind, **words.get(fill.kind, {}))
    result = []
    for indices, weights in zip(axis_map.indices.tolist(), axis_map.weights.tolist(), strict=True):
        parts = [(samples[i], w) for i, w in zip(indices, weights, strict=True) if i >= 0]
        if axis_map.reduce is TapReduction.MAX:
            result.append(max(value for value, _ in parts))
        else:
            result.append(math.fsum(float(value) * w for value, w in parts))
    return np.array(result, dtype=np.float64)


def check_values(axis_map: AxisMap, samples: np.ndarray, whole: np.ndarray) -> None:
    expected = slow_apply(axis_map, samples.astype(np.float64))
    computed = axis_map.weighted or (axis_map.fill is not None and axis_map.fill.kind != "constant")
    np.testing.assert_allclose(whole, expected, rtol=0, atol=1e-5 if computed else 0)


def check_blocks(axis_map: AxisMap, block: np.ndarray, axis: int, draw: Draw) -> None:
    """Any output slice, from any block that holds what it needs, is that of the whole: bit for bit, but
    for the rounding of weighted sums."""
    whole = engine.apply(axis_map, block, axis, 0, slice(0, axis_map.out_size))
    assert whole.shape[axis] == axis_map.out_size
    if axis_map.out_size == 0:
        return
    start = draw(st.integers(0, axis_map.out_size - 1))
    out = slice(start, draw(st.integers(start + 1, axis_map.out_size)))
    check_needed(axis_map, out)
    check_taps(axis_map, out)
    needed = axis_map.needed(out)
    origin = draw(st.integers(0, needed.start))
    stop = draw(st.integers(needed.stop, axis_map.in_size))
    assume(stop >= origin)
    before = block.copy()
    part = engine.apply(axis_map, np.take(block, range(origin, stop), axis), axis, origin, out)
    expected = np.take(whole, range(out.start, out.stop), axis)
    if axis_map.weighted:
        np.testing.assert_allclose(part, expected, rtol=1e-6, atol=1e-6)
    else:
        assert part.tobytes() == expected.tobytes()
    assert before.tobytes() == block.tobytes(), "the input was written to"


def check_nan_stays(axis_map: AxisMap, bad: float, where: int) -> None:
    """A NaN or an infinity reaches exactly the outputs that read it, not those where its tap is absent."""
    if axis_map.fill is not None and axis_map.fill.kind != "constant":
        return
    samples = np.full(axis_map.in_size, 0.5, dtype=np.float32)
    samples[where] = bad
    with np.errstate(invalid="ignore"):  # inf - inf, where weights have both signs
        result = engine.apply(axis_map, samples, 0, 0, slice(0, axis_map.out_size))
    reads = (axis_map.indices == where).any(axis=1)
    assert (~np.isfinite(result)).tolist() == reads.tolist()


# ------------------------------------------------------------------------------ maps made by hand


def sums(x: np.ndarray) -> Taps:
    return Taps(np.stack([x, x + 1], 1), np.full((len(x), 2), 2.0))
