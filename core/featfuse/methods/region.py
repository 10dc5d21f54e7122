"""A region of interest: the part of a map that a resize shows, and what it shows beyond the map.

ONNX Resize with `tf_crop_and_resize`, which is TF's CropAndResize.
"""

from bisect import bisect_left
from collections.abc import Callable

from featfuse.methods.coords import Coordinates, Positions, Sampling, in_region
from featfuse.methods.crop_pad import pad_to
from featfuse.methods.settings import AxisSettings
from featfuse.model.axis import AxisMap, Rule, select
from featfuse.model.change import Change, ChangeKind

__all__ = ["of_region"]


def of_region(
    sampling: Sampling, settings: AxisSettings, build: Callable[[Rule[Coordinates], int], AxisMap]
) -> tuple[AxisMap, ...]:
    """The maps that show `settings.roi` on `sampling.out_size` samples.

    `build(coordinates, size)` makes the map of those that lie in the input; the others are the extrapolation
    value.
    """
    assert settings.roi is not None
    first, stop = _inside(sampling, *settings.roi)
    place = Rule(_shifted, (first, sampling, *settings.roi))
    if first == stop:
        change = Change(ChangeKind.CROP, before=0, after=sampling.in_size)
        shown = select(sampling.in_size, range(0), change)
    else:
        shown = build(place, stop - first)
    after = sampling.out_size - stop
    if not first and not after:
        return (shown,)
    border = settings._replace(pad_mode="constant", pad_value=settings.extrapolation_value)
    return shown, pad_to(stop - first, first, after, border)


def _shifted(x: Positions, first: int, sampling: Sampling, start: float, end: float) -> Coordinates:
    shown: Coordinates = in_region(x + first, sampling, start, end)
    return shown


def _inside(sampling: Sampling, start: float, end: float) -> tuple[int, int]:
    """The output positions whose coordinates lie in the input: they are neighbours, as coordinates only
    rise or only fall."""
    length, positions = sampling.in_size - 1, range(sampling.out_size)
    falls = end < start

    def along(x: int) -> float:
        shown = float(in_region(x, sampling, start, end))
        return length - shown if falls else shown

    first = bisect_left(positions, True, key=lambda x: along(x) >= 0)
    return first, max(first, bisect_left(positions, True, key=lambda x: along(x) > length))
