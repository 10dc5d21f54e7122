"""Element types: their names, how they promote, and in which type arithmetic on them is done.

NumPy has no bfloat16 and no 8-bit floats; ml-dtypes provides them as ordinary NumPy dtypes. It is
imported when one of them is met: most runs need none.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from featfuse.model.dtype_names import DTYPE_NAMES, EXTENDED

__all__ = [
    "DTYPES",
    "DType",
    "common_dtype",
    "compute_dtype",
    "is_float",
    "is_integer",
    "native_dtype",
    "numpy_can_store",
    "weighted_dtype",
]

DType = np.dtype[Any]


class _DTypes(Mapping[str, DType]):
    """Names known at once, the types behind them when they are asked for."""

    def __getitem__(self, name: str) -> DType:
        if name not in DTYPE_NAMES:
            raise KeyError(name)
        if name not in EXTENDED:
            return np.dtype(name)
        import ml_dtypes

        extended: DType = np.dtype(getattr(ml_dtypes, name))
        return extended

    def __contains__(self, name: object) -> bool:
        return name in DTYPE_NAMES

    def __iter__(self) -> Iterator[str]:
        yield from DTYPE_NAMES

    def __len__(self) -> int:
        return len(DTYPE_NAMES)


DTYPES: Mapping[str, DType] = _DTypes()
"""Every element type featfuse reads and writes, by name."""

_F32, _F64 = DTYPES["float32"], DTYPES["float64"]


@lru_cache(maxsize=64)
def native_dtype(dtype: DType) -> DType | None:
    """The type of DTYPES, in this machine's byte order, that `dtype` is; None when there is none."""
    if dtype.names is not None or dtype.subdtype is not None or dtype.hasobject:
        return None  # texts of any length have no byte order: NumPy 2.4 crashes over records of them
    native = dtype.newbyteorder("=")
    known = DTYPES.get(native.name)
    return known if known is not None and known == native else None


def is_float(dtype: DType) -> bool:
    """Floating point, the 8- and 16-bit ones of ml-dtypes included."""
    return dtype.kind == "f" or dtype.name in EXTENDED


def is_integer(dtype: DType) -> bool:
    """A signed or unsigned integer; bool is neither."""
    return dtype.kind in "iu"


def numpy_can_store(dtype: DType) -> bool:
    """Whether .npy can name this type (it would store bfloat16 as raw bytes)."""
    return dtype.isbuiltin == 1 or dtype.name not in EXTENDED


def compute_dtype(dtype: DType) -> DType:
    """The type weighted sums of `dtype` are computed in: float32, or float64 for 64-bit types."""
    return _F64 if dtype.itemsize == 8 else _F32


def weighted_dtype(dtype: DType) -> DType:
    """The type a weighted method gives back: a float keeps its own, an integer becomes a float."""
    return dtype if is_float(dtype) else compute_dtype(dtype)


def common_dtype(dtypes: list[DType]) -> DType:
    """The one type that several inputs fuse into.

    Equal types stay. Integers (and bool) promote as in NumPy, except that int64 with uint64 stays
    integer (int64). A float with an integer treats the integer as the float it is computed in.
    Different floats promote to the smallest type that holds both: bfloat16 + float16 is float32.
    """
    if len(set(dtypes)) == 1:
        return dtypes[0]
    if not any(is_float(dtype) for dtype in dtypes):
        common = np.result_type(*dtypes)
        return common if not is_float(common) else DTYPES["int64"]
    floats = {weighted_dtype(dtype) for dtype in dtypes}
    if len(floats) == 1:
        return floats.pop()
    return _F64 if _F64 in floats else _F32
