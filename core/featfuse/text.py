"""Words that every wing writes alike: sizes in bytes, shapes, and text and JSON that a terminal may show."""

import json
import re
import unicodedata
from collections.abc import Iterable, Sequence

__all__ = [
    "CUT",
    "aligned",
    "cell_len",
    "human_bytes",
    "json_text",
    "printable",
    "shape_text",
    "shorten",
    "side_by_side",
    "visible",
]

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


def aligned(rows: Iterable[Sequence[str]], gap: int = 2) -> list[str]:
    """The cells of a table as lines, each column as wide as its widest cell."""
    return side_by_side(zip(*rows, strict=True), gap)


def side_by_side(columns: Iterable[Sequence[str]], gap: int = 2) -> list[str]:
    """The same of a table's columns. Cells that are alike, as most of a long table are, are measured once."""
    padded = []
    for cells in columns:
        own = {cell: cell_len(cell) for cell in {*cells}}
        width = max(own.values())
        padded.append([cell + " " * (width - own[cell]) for cell in cells])
    return [(" " * gap).join(line) for line in zip(*padded, strict=True)]


def shorten(name: str, width: int, cut: str = CUT) -> str:
    """`name` in at most `width` columns, cut in the middle: both its folder and its end stay in sight."""
    if len(name) <= width and cell_len(name) <= width:
        return name
    for kept in range(min(width, len(name)) - 1, 0, -1):
        tail = kept * 2 // 3
        short = f"{name[: kept - tail]}{cut}{name[len(name) - tail :]}"
        if cell_len(short) <= width:
            return short
    return cut


_IN_ASCII = str.maketrans({"×": "x", "→": "->", "…": "...", "─": "-"})
"""The characters of our own words that are not ASCII."""


def visible(text: str, ascii_only: bool = False) -> str:
    """`text` with every character that is not printable written as an escape.

    A file name can hold anything: escape sequences that repaint the terminal, marks that reverse the
    direction of reading, bytes that are not text at all. With `ascii_only` our own words are spelt in ASCII,
    and what else is not ASCII is escaped.
    """
    if text.isprintable() and (not ascii_only or text.isascii()):
        return text
    if ascii_only:
        text = text.translate(_IN_ASCII)
    return "".join(char if _shows(char, ascii_only) else _escape(char) for char in text)


def _shows(char: str, ascii_only: bool) -> bool:
    return char.isprintable() and (char.isascii() or not ascii_only)


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def cell_len(text: str) -> int:
    """How many columns of a terminal `text` takes: ideographs take two, what combines with a letter none."""
    if text.isascii():
        return len(text)
    return sum(1 if char.isascii() else _width(char) for char in text)


def _width(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


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
