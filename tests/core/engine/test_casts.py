"""float16 to float32 and back: NumPy's own bits, for every half and around every tie."""

import numpy as np
import pytest
from featfuse.engine.casts import cast, count_finite

F16, F32 = np.dtype(np.float16), np.dtype(np.float32)
HALVES = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
FINITE = np.sort(HALVES[np.isfinite(HALVES)].astype(np.float32))
TIES = (FINITE[1:] + FINITE[:-1]) / 2


@pytest.fixture(autouse=True, params=["one share", "many shares"])
def shares(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "many shares":
        monkeypatch.setattr("featfuse.engine.casts._SHARE", 1000)


def same_bits(block: np.ndarray, dtype: np.dtype) -> None:
    with np.errstate(all="ignore"):
        assert cast(block, dtype).tobytes() == block.astype(dtype).tobytes()


@pytest.mark.parametrize("count", [1, 3])
def test_every_half_widens(count: int) -> None:
    same_bits(np.tile(HALVES, count), F32)
    same_bits(np.tile(HALVES[np.isfinite(HALVES)], count), F32)


@pytest.mark.parametrize("towards", [-np.inf, 0, np.inf])
def test_ties_and_their_neighbours_narrow(towards: float) -> None:
    ties = np.concatenate([TIES, FINITE])
    same_bits(np.nextafter(ties, np.float32(towards)) if towards else ties, F16)


@pytest.mark.parametrize("scale", [1e-8, 1e-4, 1.0, 1e4, 1e6])
@pytest.mark.parametrize("zeros", [False, True])
def test_values_of_any_size_narrow(scale: float, zeros: bool) -> None:
    values = np.random.default_rng(3).normal(scale=scale, size=200_001).astype(np.float32)
    same_bits(np.maximum(values, 0) if zeros else values, F16)


def test_any_bits_narrow() -> None:
    bits = np.random.default_rng(4).integers(0, 1 << 32, 300_000, dtype=np.uint32)
    same_bits(bits.view(np.float32), F16)


def test_other_strides_and_shapes() -> None:
    values = np.random.default_rng(5).normal(size=(6, 7, 8)).astype(np.float32)
    same_bits(values.transpose(2, 0, 1)[::2], F16)
    same_bits(values.astype(np.float16)[:, ::3].T, F32)
    for shape in ((), (0, 3)):
        assert cast(np.zeros(shape, np.float16), F32).shape == shape


def test_what_has_the_type_already_is_not_copied() -> None:
    values = np.ones(3, np.float32)
    assert cast(values, F32) is values


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64"])
def test_finite_values_are_counted(name: str) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    dtype = np.dtype(getattr(ml_dtypes, name, None) or name)
    values = np.array([0, -1, np.inf, -np.inf, np.nan, 3e4], dtype=dtype)
    assert count_finite(values) == 3
