"""Words that every wing writes alike: sizes in bytes, shapes, and text and JSON that a terminal may show."""

import json
import unicodedata

__all__ = ["cell_len", "human_bytes", "json_text", "shape_text", "visible"]


def json_text(value: object) -> str:
    """`value` as JSON in which names stay legible, but nothing that a terminal would act on stays raw."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    if text.replace("\n", " ").isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text)


def visible(text: str, keep: str = "") -> str:
    """`text` with every character that is not printable written as an escape, except those in `keep`.

    A file name can hold anything: escape sequences that repaint the terminal, marks that reverse the
    direction of reading, bytes that are not text at all.
    """
    return "".join(
        char if char.isprintable() or char in keep else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


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
