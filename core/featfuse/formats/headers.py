"""What the headers of all formats have in common: element types, sizes, and the meaning of axis names."""

import math
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from featfuse.model.dtypes import DTYPES, native_dtype

__all__ = [
    "BOMB_BYTES",
    "check_shape",
    "clip",
    "is_bomb",
    "layout_from_names",
    "layout_from_text",
    "native_dtype",
    "natural_key",
    "unreadable",
]

_MAX_AXES = 32  # what every supported NumPy can hold
_MAX_BYTES = 2**63 - 1
_MAX_QUOTED = 200

BOMB_BYTES = 1 << 32
"""Claims up to this are believed, however little is stored."""
_BOMB_RATIO = 1000  # deflate reaches 1032 at most

_AXIS_NAMES = {
    "N": ("n", "batch", "batches", "sample", "samples"),
    "C": ("c", "channel", "channels", "feature", "features", "band", "bands"),
    "D": ("d", "depth", "z", "lev", "level"),
    "H": ("h", "height", "row", "rows", "lat", "latitude", "y"),
    "W": ("w", "width", "column", "columns", "lon", "longitude", "x"),
    "T": ("t", "time", "frame", "frames"),
    "L": ("l", "length", "token", "tokens", "sequence"),
}
_DIGITS = re.compile("[0-9]+")
_LETTER_OF = {name: letter for letter, names in _AXIS_NAMES.items() for name in names}


def unreadable(dtype: np.dtype[Any]) -> tuple[str, str]:
    """Why an array of `dtype` is refused, as (what it holds, what would mend it)."""
    if dtype.hasobject:
        return (
            "Python objects (pickled), which are never loaded",
            "Save it again as an array of numbers, with allow_pickle=False.",
        )
    if dtype.names is not None:
        return (
            f"records with the fields {clip(', '.join(dtype.names))}",
            "Save the field you need as its own array.",
        )
    if dtype.kind == "c":
        return f"complex numbers ({dtype.name})", "Save the real and imaginary parts as two arrays."
    if dtype.kind == "V" and dtype.itemsize == 2:
        return (
            "raw 2-byte items, which is what NumPy writes for bfloat16",
            "Save bfloat16 tensors as .safetensors, or cast them to float32 first.",
        )
    kinds = {"M": "dates", "m": "time spans", "S": "text", "U": "text", "T": "text", "V": "raw bytes"}
    what = kinds.get(dtype.kind, "numbers of an unsupported type")
    return f"{what} ({clip(str(dtype))})", f"featfuse reads {', '.join(DTYPES)}."


def check_shape(shape: Sequence[int], itemsize: int) -> int:
    """The bytes that an array of `shape` takes; ValueError when no array can have this shape."""
    if shape and min(shape) < 0:
        raise ValueError(f"its shape {_words(shape)} has a negative size")
    if len(shape) > _MAX_AXES:
        raise ValueError(f"it has {len(shape)} axes, more than the {_MAX_AXES} that NumPy can hold")
    nbytes = math.prod(shape) * itemsize
    if nbytes > _MAX_BYTES or (not nbytes and math.prod(filter(None, shape)) * itemsize > _MAX_BYTES):
        raise ValueError(f"its shape {_words(shape)} is larger than any file")
    return nbytes


def is_bomb(claimed: int, stored: int) -> bool:
    """Whether no real data packs as well as `claimed` bytes into `stored`."""
    return claimed > max(BOMB_BYTES, _BOMB_RATIO * stored)


def _words(shape: Sequence[int]) -> str:
    # Python refuses to spell integers of thousands of digits
    sizes = [str(size) if abs(size) < 10**30 else f"2**{size.bit_length() - 1} or more" for size in shape]
    return clip(f"({', '.join(sizes)})")


def clip(text: str) -> str:
    """`text` as far as an error should quote it: a malformed file may hold words of any length."""
    return text if len(text) <= _MAX_QUOTED else f"{text[:_MAX_QUOTED]}..."


def layout_from_names(names: Iterable[str]) -> str | None:
    """The layout that axis names spell: ("batch", "lat", "lon") is NHW.

    None when a name is unknown, when two name the same axis, or when there are no axes.
    """
    letters = [_LETTER_OF.get(name.strip().lower(), "") for name in names]
    distinct = len(set(letters)) == len(letters)
    return "".join(letters) if letters and all(letters) and distinct else None


def layout_from_text(text: object, rank: int) -> str | None:
    """The layout that a metadata entry such as "NCHW" gives to a tensor of `rank` axes, or None."""
    if not isinstance(text, str) or len(text) != rank or not set(text.upper()) <= _AXIS_NAMES.keys():
        return None
    return layout_from_names(text)


def natural_key(name: str) -> str:
    """A sort key that counts: layer2 comes before layer10.

    It is a text, since files may have hundreds of thousands of names to sort: the longer of two numbers is
    the larger, so each stands behind its length, as one character.
    """
    return _DIGITS.sub(_counted, name)


def _counted(match: re.Match[str]) -> str:
    number = match[0].lstrip("0")
    return f"\0{chr(min(len(number), sys.maxunicode))}{number}"
