"""The header of a .safetensors file, checked and built by our own rules.

The format: 8 bytes (header length, little-endian), the header (a JSON object: name → dtype, shape,
data_offsets; `__metadata__` → text by name), then the data, which the tensors fill without overlap
or hole. https://github.com/huggingface/safetensors#format
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from featfuse.formats.headers import check_shape, clip

__all__ = ["CODES", "MAX_HEADER", "Entry", "Header", "build_header", "parse_header"]

MAX_HEADER = 100_000_000
"""Bytes; the limit of the reference implementation."""

CODES = {
    "BOOL": "bool",
    "I8": "int8",
    "U8": "uint8",
    "I16": "int16",
    "U16": "uint16",
    "I32": "int32",
    "U32": "uint32",
    "I64": "int64",
    "U64": "uint64",
    "F16": "float16",
    "F32": "float32",
    "F64": "float64",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
}
"""The format's name of every dtype featfuse supports."""

_CODE_OF = {name: code for code, name in CODES.items()}
_BITS = {
    code: bits
    for bits, codes in {
        4: "F4",
        6: "F6_E2M3 F6_E3M2",
        8: "BOOL I8 U8 F8_E4M3 F8_E5M2 F8_E8M0 F8_E4M3FNUZ F8_E5M2FNUZ",
        16: "I16 U16 F16 BF16",
        32: "I32 U32 F32",
        64: "I64 U64 F64 C64",
    }.items()
    for code in codes.split()
}
"""Bits of an element, also of the types that are legal in a file but that featfuse cannot compute with."""


_FIELDS = {"dtype", "shape", "data_offsets"}


class Entry(NamedTuple):
    """One tensor of a header: `start` and `stop` are byte positions within the data."""

    code: str
    shape: tuple[int, ...]
    start: int
    stop: int

    @classmethod
    def of(cls, shape: tuple[int, ...], dtype: np.dtype[Any]) -> "Entry":
        """The entry of a new tensor, not yet placed."""
        return cls(_CODE_OF[dtype.name], shape, 0, check_shape(shape, dtype.itemsize))

    @property
    def nbytes(self) -> int:
        """Bytes of the tensor's data."""
        return self.stop - self.start

    @property
    def bits(self) -> int:
        """Bits of one element."""
        return _BITS[self.code]


class Header(NamedTuple):
    """A checked header; `offset` is where the data begins in the file."""

    entries: Mapping[str, Entry]
    metadata: Mapping[str, str]
    offset: int


def parse_header(text: bytes, data_bytes: int) -> Header:
    """Check the header `text` of a file that holds `data_bytes` after it; ValueError says what is wrong."""
    if not text.startswith(b"{"):
        raise ValueError("its header is not a JSON object: it does not begin with {")
    try:
        fields = json.loads(text.decode("utf-8"), object_pairs_hook=_distinct)
    except UnicodeDecodeError as error:
        raise ValueError("its header is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"its header is not JSON ({error})") from error
    except RecursionError as error:
        raise ValueError("its header is nested too deeply") from error
    metadata = fields.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError("its __metadata__ is not a table of texts")
    "".join((*metadata, *metadata.values())).encode()  # as for names of tensors, in _entry
    entries = {key: _entry(key, value) for key, value in fields.items()}
    _check_cover(entries, data_bytes)
    return Header(entries, metadata, 8 + len(text))


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"its header has the entry {clip(repr(twice))} twice")
    return fields


def _entry(key: str, value: object) -> Entry:
    """One tensor's entry, complete and of a size that agrees with itself."""
    key.encode()  # JSON can spell broken characters that no other reader takes; this raises ValueError
    if not isinstance(value, dict) or value.keys() != _FIELDS:
        raise ValueError(f"its entry {clip(repr(key))} is not (dtype, shape, data_offsets)")
    code, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(code, str) or code not in _BITS:
        raise ValueError(f"its tensor {clip(repr(key))} has the unknown dtype {clip(repr(code))}")
    if not _sizes(shape) or not _sizes(offsets) or len(offsets) != 2:
        raise ValueError(f"the shape or data_offsets of its tensor {clip(repr(key))} are not lists of sizes")
    try:
        items = check_shape(shape, 1)
    except ValueError as error:
        raise ValueError(f"its tensor {clip(repr(key))}: {error}") from error
    start, stop = offsets
    if (stop - start) * 8 != items * _BITS[code]:
        raise ValueError(
            f"its tensor {clip(repr(key))} ({clip(f'{code} {shape}')}) does not fit "
            f"its data_offsets {clip(str(offsets))}"
        )
    return Entry(code, tuple(shape), start, stop)


def _sizes(value: object) -> bool:
    """Whether `value` is a list of non-negative integers (in Python, True is one too, but not here)."""
    if not isinstance(value, list):
        return False
    # headers can have a million sizes, and a generator takes thrice as long
    for item in value:  # noqa: SIM110
        if type(item) is not int or item < 0:
            return False
    return True


def _check_cover(entries: Mapping[str, Entry], data_bytes: int) -> None:
    """Every byte of the data belongs to exactly one tensor."""
    position = 0
    for key, entry in sorted(entries.items(), key=lambda item: (item[1].start, item[1].stop)):
        if entry.start != position:
            fault = "overlaps the one before it" if entry.start < position else "leaves a hole before it"
            raise ValueError(f"its tensor {clip(repr(key))} {fault}")
        position = entry.stop
    if position != data_bytes:
        state = "truncated" if position > data_bytes else "malformed"
        raise ValueError(
            f"{state}: its header promises {position:,} bytes after it, the file holds {data_bytes:,}"
        )


def build_header(entries: Mapping[str, Entry], metadata: Mapping[str, str]) -> tuple[bytes, Header]:
    """Place `entries` one behind the other: the bytes that open the file, and the header they say.

    The data begins at a multiple of 8 bytes and the widest elements come first, so that every element
    is aligned without holes between the tensors.
    """
    placed: dict[str, Entry] = {}
    position = 0
    for key, entry in sorted(entries.items(), key=lambda item: -item[1].bits):
        placed[key] = Entry(entry.code, entry.shape, position, position + entry.nbytes)
        position += entry.nbytes
    fields: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    for key, entry in placed.items():
        offsets = [entry.start, entry.stop]
        fields[key] = {"dtype": entry.code, "shape": list(entry.shape), "data_offsets": offsets}
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text, Header(placed, metadata, 8 + len(text))
