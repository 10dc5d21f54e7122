"""The names of the element types, without NumPy; `model/dtypes.py` has the types behind them."""

from featfuse.errors import did_you_mean, meant

__all__ = ["DTYPE_NAMES", "EXTENDED", "OFFERED", "dtype_hint"]

_INTEGERS = ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
_FLOATS = ("float16", "float32", "float64")

EXTENDED = ("bfloat16", "float8_e4m3fn", "float8_e5m2")
"""The types that NumPy lacks; ml-dtypes has them."""

DTYPE_NAMES = (*_INTEGERS, *_FLOATS, *EXTENDED)
"""Every element type that featfuse reads and writes."""

OFFERED = ("float16", "bfloat16", "float32", "float64", *EXTENDED[1:], *_INTEGERS)
"""The same, those people ask for first."""

_OTHER_NAMES = {
    **dict.fromkeys(("fp16", "half", "f16", "f2"), ("float16",)),
    **dict.fromkeys(("bf16", "bfloat", "brain"), ("bfloat16",)),
    **dict.fromkeys(("fp32", "f32", "f4", "float", "single"), ("float32",)),
    **dict.fromkeys(("fp64", "f64", "f8", "double"), ("float64",)),
    **dict.fromkeys(("fp8", "float8"), ("float8_e4m3fn", "float8_e5m2")),
    **dict.fromkeys(("f8_e4m3", "fp8_e4m3", "e4m3", "e4m3fn", "float8_e4m3"), ("float8_e4m3fn",)),
    **dict.fromkeys(("f8_e5m2", "fp8_e5m2", "e5m2"), ("float8_e5m2",)),
    **dict.fromkeys(("int", "integer"), ("int32", "int64")),
    "uint": ("uint32", "uint64"),
    "i8": ("int8", "int64"),  # in Rust and in NumPy
    "u8": ("uint8", "uint64"),
    **{"char": ("int8",), "i1": ("int8",), "byte": ("uint8",), "u1": ("uint8",)},
    **{"short": ("int16",), "i2": ("int16",), "i16": ("int16",), "u2": ("uint16",), "u16": ("uint16",)},
    **{"i4": ("int32",), "i32": ("int32",), "u4": ("uint32",), "u32": ("uint32",)},
    **{"long": ("int64",), "i64": ("int64",), "u64": ("uint64",)},
    "boolean": ("bool",),
}
"""What torch, NumPy, safetensors and C call them."""


def dtype_hint(word: str) -> str:
    """What may have been meant by a `word` that names no element type here."""
    plain = word.lower().rpartition(".")[2].lstrip("<>=|")  # torch.float16, np.float32, <f4
    known = (plain,) if plain in DTYPE_NAMES else _OTHER_NAMES.get(plain, ())
    return meant(known) or did_you_mean(plain, OFFERED)
