"""Letterbox: resize keeping the aspect ratio, then pad to the target."""

import math

import numpy as np

from featfuse.methods import METHODS
from featfuse.methods.crop_pad import pad_to
from featfuse.methods.settings import AxisSettings
from featfuse.model.axis import AxisMap, identity

__all__ = ["letterbox"]


def letterbox(in_size: int, out_size: int, settings: AxisSettings) -> tuple[AxisMap, ...]:
    """tf.image.resize_with_pad: the sizes are computed in float32 and rounded down, as TF does."""
    ratio = max(np.float32(size) / np.float32(target) for size, target in settings.grid)
    fitted = np.float32(in_size) / ratio
    inner = min(max(1, math.floor(fitted)), out_size)
    spare = out_size - inner
    before = min(max(0, math.floor((np.float32(out_size) - fitted) / 2)), spare)
    before = {"start": 0, "end": spare, "center": before}[settings.anchor]
    build = METHODS[settings.interpolation].build()
    resized = (identity(in_size),) if inner == in_size else build(in_size, inner, settings)
    return (*resized, pad_to(inner, before, spare - before, settings)) if spare else resized
