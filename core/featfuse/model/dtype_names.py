"""The names of the element types, without NumPy; `model/dtypes.py` has the types behind them."""

__all__ = ["DTYPE_NAMES", "EXTENDED", "OFFERED"]

_INTEGERS = ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
_FLOATS = ("float16", "float32", "float64")

EXTENDED = ("bfloat16", "float8_e4m3fn", "float8_e5m2")
"""The types that NumPy lacks; ml-dtypes has them."""

DTYPE_NAMES = (*_INTEGERS, *_FLOATS, *EXTENDED)
"""Every element type that featfuse reads and writes."""

OFFERED = ("float16", "bfloat16", "float32", "float64", *EXTENDED[1:], *_INTEGERS)
"""The same, those people ask for first."""
