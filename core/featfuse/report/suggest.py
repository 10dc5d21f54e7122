"""What would work: commands that fuse these very shapes, each tried on the planner before it is offered."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import cast

from featfuse.errors import FeatfuseError, ShapeError
from featfuse.methods import METHODS
from featfuse.model.layout import common_layouts, resolve_layouts
from featfuse.model.tensor import TensorSpec
from featfuse.planning.extras import Extras
from featfuse.planning.planner import make_plan
from featfuse.report.shape_report import Suggestion
from featfuse.request.combining import CHANNEL_MODES
from featfuse.request.kinds import SWITCH
from featfuse.request.options import FusionOptions, Options
from featfuse.request.parsing import flag
from featfuse.request.table import OPTIONS

__all__ = ["command_line", "suggest"]

COMMANDS = ("run", "inspect", "batch", "methods")

Overlay = Mapping[str, str]

_COMMON = ("bilinear", "nearest", "area", "max-pool", "pad", "crop")
"""The methods most people want come first; an error shows only the first few commands."""

_OTHERS = tuple(name for name in METHODS if name not in _COMMON)

_WAYS: tuple[Overlay, ...] = (
    *({"channels": mode} for mode in CHANNEL_MODES if mode != "strict"),
    {"combine": "concat"},
)
"""What can be done about channel counts that do not broadcast."""


def command_line(texts: Sequence[str], given: Mapping[str, object]) -> str:
    """A `fuse` command that can be pasted into a shell."""
    words = ["fuse", *(_input_word(text) for text in texts)]
    for name, value in given.items():
        if value is None:
            continue
        kind = OPTIONS[name].kind
        if kind is SWITCH:
            words.append(flag(name) if value else "--no-" + flag(name)[2:])
        else:
            words += [word for it in kind.spell(name, value) for word in (flag(name), shlex.quote(it))]
    return " ".join(words)


def _input_word(text: str) -> str:
    """A file that looks like an option or a command is named through its folder."""
    if (text.startswith("-") and text != "-") or text in COMMANDS:
        text = f"./{text}"
    return shlex.quote(text)


def suggest(
    specs: Sequence[TensorSpec],
    texts: Sequence[str],
    given: FusionOptions,
    extras: Extras,
) -> tuple[Suggestion, ...]:
    """Everything that would bring these tensors together, on top of the caller's own options."""
    base = {name: value for name, value in given.items() if value is not None}
    offered: dict[str, tuple[int, ...]] = {}

    def attempt(*overlays: Overlay) -> bool:
        options = {**base}
        for overlay in overlays:
            options.update(overlay)
        shape = _shape(specs, options, extras)
        if shape is not None:
            offered[command_line(texts, options)] = shape
        return shape is not None

    layouts = _readings(specs, base, extras.like)
    for layout in layouts:
        if not attempt(layout) and not [way for way in _ways(base) if attempt(layout, way)]:
            several = len(layouts) > 1
            names = ("bilinear", "nearest", "pad") if several else (*_COMMON, *_OTHERS)
            _with_methods(names, layout, base, attempt, brief=several)
        elif "method" not in base and "combine" not in base and len(specs) > 1:
            attempt(layout, {"combine": "concat"})
            attempt(layout, {"combine": "stack"})
    return tuple(Suggestion(command, shape) for command, shape in offered.items())


def _with_methods(
    names: Sequence[str],
    layout: Overlay,
    base: Mapping[str, object],
    attempt: Callable[..., bool],
    *,
    brief: bool,
) -> None:
    """Each method as it is; where channels stand in the way, every way round for the first method that
    works (not if `brief`), and one for each of the others."""
    shown_all = brief
    for name in names:
        if attempt(layout, {"method": name}):
            continue
        for way in _ways(base):
            if attempt(layout, {"method": name}, way) and shown_all:
                break
        else:
            shown_all = True


def _ways(base: Mapping[str, object]) -> list[Overlay]:
    return [way for way in _WAYS if not set(way) & set(base)]


def _readings(
    specs: Sequence[TensorSpec], base: Mapping[str, object], like: TensorSpec | None
) -> Sequence[Overlay]:
    """Both layouts when nothing decides between them; otherwise nothing to add."""
    everything = [*specs, like] if like is not None else list(specs)
    if "layout" in base:
        return ({},)
    try:
        resolve_layouts(everything, None, needed=True)
    except ShapeError:
        return tuple({"layout": layout} for layout in common_layouts(everything))
    return ({},)


def _shape(
    specs: Sequence[TensorSpec], options: Mapping[str, object], extras: Extras
) -> tuple[int, ...] | None:
    """The shape these options would give, or None when they would be refused."""
    try:
        return make_plan(specs, Options.resolve(cast(FusionOptions, options)), extras).shape
    except FeatfuseError:
        return None
