"""Cropping and padding: every pad mode of NumPy at any width, every rule for the odd sample."""

from collections.abc import Callable

import numpy as np

from featfuse.methods.settings import AxisSettings
from featfuse.model.axis import AxisMap, Fill, Positions, Taps, gather, select

__all__ = ["crop", "crop_or_pad", "pad", "pad_to"]


def crop(in_size: int, out_size: int, settings: AxisSettings) -> tuple[AxisMap, ...]:
    """Keep `out_size` consecutive samples; --offset, else --anchor, else the centre by --odd."""
    if out_size > in_size:
        raise settings.refuse(
            in_size, out_size, "a crop only shrinks", "Use --method pad or crop-or-pad, or another --to."
        )
    start = _start(in_size, out_size, settings, _centred_crop)
    action = f"crop {start}+{in_size - out_size - start}"
    return (select(in_size, range(start, start + out_size), action),)


def pad(in_size: int, out_size: int, settings: AxisSettings) -> tuple[AxisMap, ...]:
    """Add samples in front and behind; --offset, else --anchor, else half in front, rounded down."""
    if out_size < in_size:
        raise settings.refuse(
            in_size, out_size, "a pad only grows", "Use --method crop or crop-or-pad, or another --to."
        )
    before = _start(in_size, out_size, settings, lambda large, small, _odd: (large - small) // 2)
    return (pad_to(in_size, before, out_size - in_size - before, settings),)


def crop_or_pad(in_size: int, out_size: int, settings: AxisSettings) -> tuple[AxisMap, ...]:
    """Whichever this axis needs."""
    return (crop if in_size > out_size else pad)(in_size, out_size, settings)


def _start(
    in_size: int, out_size: int, settings: AxisSettings, centred: Callable[[int, int, str], int]
) -> int:
    """Where the smaller grid starts inside the larger."""
    large, small = max(in_size, out_size), min(in_size, out_size)
    if settings.offset is not None:
        if not 0 <= settings.offset <= large - small:
            raise settings.refuse(
                in_size,
                out_size,
                f"--offset {settings.letter}:{settings.offset} leaves the larger grid",
                f"The offset of {settings.letter} may be 0 to {large - small}.",
            )
        return settings.offset
    return {"start": 0, "end": large - small, "center": centred(large, small, settings.odd)}[settings.anchor]


def _centred_crop(large: int, small: int, odd: str) -> int:
    """ONNX, TF, Keras: floor. torchvision: round half to even. MONAI: I//2 - O//2. U-Net pad: ceil."""
    excess = large - small
    return {
        "floor": excess // 2,
        "ceil": -(-excess // 2),
        "round": round(excess / 2),
        "monai": large // 2 - small // 2,
    }[odd]


def pad_to(in_size: int, before: int, after: int, settings: AxisSettings) -> AxisMap:
    """The map that adds `before` and `after` samples in `settings.pad_mode` (numpy.pad's meaning)."""
    mode, out_size = settings.pad_mode, before + in_size + after
    inner = (before, before + in_size)
    action = f"pad {before}+{after}" + ("" if mode == "constant" else f" {mode}")
    if in_size == 0 and mode != "constant" and out_size:
        raise settings.refuse(
            in_size, out_size, f"{mode} has no sample to start from", "Use --pad-mode constant."
        )
    if mode in _SOURCES:
        fold = _SOURCES[mode]
        return gather(in_size, out_size, lambda x: fold(x - before, in_size), action, inner=inner)

    def rule(positions: Positions) -> Taps:
        inside = (positions >= before) & (positions < before + in_size)
        return Taps(np.where(inside, positions - before, -1)[:, None])

    fill = Fill(mode, before, after, float(settings.pad_value))
    return AxisMap(in_size, out_size, rule, action, fill=fill, inner=inner)


def _reflect(x: Positions, size: int) -> Positions:
    """Mirror on the edge sample, as often as it takes; a single sample repeats."""
    if size == 1:
        return np.zeros_like(x)
    x = np.mod(x, 2 * (size - 1))
    return np.minimum(x, 2 * (size - 1) - x)


def _symmetric(x: Positions, size: int) -> Positions:
    """Mirror on the outer border of the edge sample."""
    x = np.mod(x, 2 * size)
    return np.minimum(x, 2 * size - 1 - x)


_SOURCES: dict[str, Callable[[Positions, int], Positions]] = {
    "edge": lambda x, size: np.clip(x, 0, size - 1),
    "reflect": _reflect,
    "symmetric": _symmetric,
    "wrap": np.mod,
}
"""The pad modes that read single samples: (position in the input's frame, in_size) -> index."""
