"""Words that every wing writes alike: sizes in bytes, shapes, JSON that a terminal may show."""

import json
import re
from collections.abc import Callable, Iterable, Sequence

__all__ = ["CUT", "aligned", "human_bytes", "json_text", "printable", "shape_text", "shorten", "side_by_side"]

CUT = "…"
"""What stands where a name is cut."""

_UNUSUAL = re.compile("[^\\n -~]")


def json_text(value: object) -> str:
    """`value` as JSON in which names stay legible, but nothing that a terminal would act on stays raw."""
    return printable(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def printable(json_words: str) -> str:
    """JSON with each character that is not printable, but for line ends, written as JSON escapes it."""
    return _UNUSUAL.sub(
        lambda char: char[0] if char[0].isprintable() else json.dumps(char[0])[1:-1], json_words
    )


def aligned(rows: Iterable[Sequence[str]], gap: int = 2, length: Callable[[str], int] = len) -> list[str]:
    """The cells of a table as lines, each column as wide as its widest cell."""
    return side_by_side(zip(*rows, strict=True), gap, length)


def side_by_side(
    columns: Iterable[Sequence[str]], gap: int = 2, length: Callable[[str], int] = len
) -> list[str]:
    """The same of a table's columns. `length` measures what is not ASCII; cells that are alike, as most of a
    long table are, only once."""
    padded = []
    for cells in columns:
        own = {cell: len(cell) if cell.isascii() else length(cell) for cell in {*cells}}
        width = max(own.values())
        padded.append([cell + " " * (width - own[cell]) for cell in cells])
    return [(" " * gap).join(line) for line in zip(*padded, strict=True)]


def shorten(name: str, width: int, length: Callable[[str], int] = len, cut: str = CUT) -> str:
    """`name` in at most `width`, cut in the middle: both its folder and its end stay in sight."""
    if len(name) <= width and length(name) <= width:
        return name
    for kept in range(min(width, len(name)) - 1, 0, -1):
        tail = kept * 2 // 3
        short = f"{name[: kept - tail]}{cut}{name[len(name) - tail :]}"
        if length(short) <= width:
            return short
    return cut


def shape_text(shape: tuple[int, ...]) -> str:
    """`(1, 64, 64, 32)` as `1×64×64×32`; a scalar is `scalar`."""
    return "×".join(str(size) for size in shape) or "scalar"


def human_bytes(count: int) -> str:
    """Bytes with a binary unit, three digits: `33.6 KiB`."""
    if count < 1024:
        return f"{count} bytes"
    power = min((count.bit_length() - 1) // 10, 5)
    size, unit = count / 1024**power, ("KiB", "MiB", "GiB", "TiB", "PiB")[power - 1]
    return f"{size:.3g} {unit}" if size < 1000 else f"{size:.0f} {unit}"
