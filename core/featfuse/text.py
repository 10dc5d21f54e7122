"""Words that every wing writes alike: sizes in bytes, shapes, JSON that a terminal may show."""

import json

__all__ = ["human_bytes", "json_text", "shape_text"]


def json_text(value: object) -> str:
    """`value` as JSON in which names stay legible, but nothing that a terminal would act on stays raw."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    if text.replace("\n", " ").isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text)


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
