"""Cropping and padding: every pad mode of NumPy at any width, every rule for the odd sample."""

from collections.abc import Callable

import numpy as np

from featfuse.methods.settings import AxisSettings
from featfuse.model.axis import AxisMap, Fill, Positions, Rule, Taps, gather, select
from featfuse.model.change import Change, ChangeKind
from featfuse.wording import phrase, worded

__all__ = ["crop", "crop_or_pad", "pad", "pad_to", "surrounded"]


def crop(in_size: int, out_size: int, settings: AxisSettings) -> tuple[AxisMap, ...]:
    """Keep `out_size` consecutive samples; --offset, else --anchor, else the centre by --odd."""
    if out_size > in_size:
        raise settings.refuse(
            in_size,
            out_size,
            "a crop only shrinks",
            phrase("Use {method:pad|crop-or-pad}, or another {to}."),
        )
    start = _start(in_size, out_size, settings, _centred_crop)
    change = Change(ChangeKind.CROP, before=start, after=in_size - out_size - start)
    return (select(in_size, range(start, start + out_size), change),)


def pad(in_size: int, out_size: int, settings: AxisSettings) -> tuple[AxisMap, ...]:
    """Add samples in front and behind; --offset, else --anchor, else half in front, rounded down."""
    if out_size < in_size:
        raise settings.refuse(
            in_size,
            out_size,
            "a pad only grows",
            phrase("Use {method:crop|crop-or-pad}, or another {to}."),
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
                f"{worded('offset', f'{settings.letter}:{settings.offset}')} leaves the larger grid",
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
    change = Change(ChangeKind.PAD, mode, before=before, after=after)
    if in_size == 0 and mode != "constant" and out_size:
        raise settings.refuse(
            in_size, out_size, f"{mode} has no sample to start from", phrase("Use {pad_mode:constant}.")
        )
    if mode in _SOURCES:
        source = Rule(_folded, (before, in_size, mode))
        return gather(in_size, out_size, source, change, inner=inner, monotone=mode == "edge")
    fill = Fill(mode, before, after, float(settings.pad_value))
    rule = Rule(surrounded, (before, in_size))
    return AxisMap(in_size, out_size, rule, change, fill=fill, inner=inner, monotone=True)


def surrounded(positions: Positions, before: int, in_size: int) -> Taps:
    """The input's own samples from position `before` on, nothing in front and behind."""
    inside = (positions >= before) & (positions < before + in_size)
    return Taps(np.where(inside, positions - before, -1)[:, None])


def _folded(positions: Positions, before: int, in_size: int, mode: str) -> Positions:
    return _SOURCES[mode](positions - before, in_size)


def _edge(x: Positions, size: int) -> Positions:
    return np.clip(x, 0, size - 1)


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
    "edge": _edge,
    "reflect": _reflect,
    "symmetric": _symmetric,
    "wrap": np.mod,
}
"""The pad modes that read single samples: (position in the input's frame, in_size) -> index."""
