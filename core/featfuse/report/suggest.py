"""What would work: commands that fuse these very shapes, each tried on the planner before it is offered."""

import math
import shlex
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import cast

from featfuse.errors import FeatfuseError
from featfuse.methods import METHODS
from featfuse.model.tensor import TensorSpec
from featfuse.planning.extras import Extras
from featfuse.planning.planner import make_plan, read_inputs
from featfuse.planning.readings import AmbiguousLayout
from featfuse.planning.token_grids import grids_asked_for
from featfuse.report.shape_report import Suggestion
from featfuse.request.combining import CHANNEL_MODES
from featfuse.request.kinds import DTYPE, SWITCH
from featfuse.request.options import FusionOptions, Options
from featfuse.request.table import OPTIONS
from featfuse.wording import flag, is_for_python, worded, written

__all__ = ["command_line", "keywords", "python_call", "suggest"]

COMMANDS = ("run", "inspect", "batch", "methods")

Overlay = Mapping[str, str | int]

MOST_GROWTH = 4
"""What has so many times as many elements as all inputs together is not proposed."""

_COMMON = ("bilinear", "nearest", "area", "max-pool", "pad", "crop")
"""The methods most people want come first; an error shows only the first few commands."""

_FEW = ("bilinear", "nearest", "pad")
"""Shown of each reading while there are several."""

_OTHERS = tuple(row.name for row in METHODS.values() if row.suggested and row.name not in _COMMON)

_WAYS: tuple[Overlay, ...] = (
    *({"channels": mode} for mode in CHANNEL_MODES if mode != "strict"),
    {"combine": "concat"},
)
"""What can be done about channel counts that do not broadcast."""


def command_line(
    texts: Sequence[str], given: Mapping[str, object], delivery: Mapping[str, object] = MappingProxyType({})
) -> str:
    """A `fuse` command that can be pasted into a shell, or a call of featfuse.fuse for Python."""
    options = {name: value for name, value in given.items() if value is not None}
    if is_for_python():
        return python_call("fuse", texts, {**keywords(options), **delivery})
    words = ["fuse", *(_input_word(text) for text in texts)]
    for name, value in options.items():
        kind = OPTIONS[name].kind
        if kind is SWITCH:
            words.append(worded(name, bool(value)))
        else:
            words += [word for it in kind.spell(name, value) for word in (flag(name), shlex.quote(it))]
    words += [worded(name, it if it is True else shlex.quote(str(it))) for name, it in delivery.items()]
    return " ".join(words)


def keywords(given: Mapping[str, object]) -> dict[str, object]:
    """The options of a fusion as a Python caller gives them; an element type by its name."""
    return {
        name: DTYPE.parse(name, value) if OPTIONS[name].kind is DTYPE else value
        for name, value in given.items()
        if value is not None
    }


def python_call(verb: str, texts: Sequence[str], given: Mapping[str, object]) -> str:
    """A call of one of the Python verbs: its inputs, and its keywords. A tensor is called as its keyword."""
    words = [f"{name}={written(value, name)}" for name, value in given.items()]
    return f"featfuse.{verb}({', '.join([*map(written, texts), *words])})"


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
    delivery: Mapping[str, object] = MappingProxyType({}),
) -> tuple[Suggestion, ...]:
    """Everything that would bring these tensors together, on top of the caller's own options.

    `delivery` (out, force) stands at the end of each command.
    """
    base = {name: value for name, value in given.items() if value is not None}
    offered: dict[str, tuple[int, ...]] = {}
    asked_for = len(specs) == 1 or not {"to", "like", "scale"}.isdisjoint(base)
    most = math.inf if asked_for else MOST_GROWTH * sum(spec.size for spec in specs)

    def attempt(*overlays: Overlay) -> bool:
        options = {**base}
        for overlay in overlays:
            options.update(overlay)
        shape = _shape(specs, options, extras)
        if shape is not None and math.prod(shape) < most:
            offered[command_line(texts, options, delivery)] = shape
            return True
        return False

    layouts = _readings(specs, base, extras)
    for layout in layouts:
        if len(layouts) > 1:
            # what to do about channels can be told when it is known which axis they are
            attempt(layout) or [name for name in _FEW if attempt(layout, {"method": name})]
        elif not attempt(layout) and not [way for way in _ways(base) if attempt(layout, way)]:
            _with_methods((*_COMMON, *_OTHERS), layout, base, attempt)
        elif "method" not in base and "combine" not in base and len(specs) > 1:
            attempt(layout, {"combine": "concat"})
            attempt(layout, {"combine": "stack"})
    return tuple(Suggestion(command, shape) for command, shape in offered.items())


def _with_methods(
    names: Sequence[str],
    layout: Overlay,
    base: Mapping[str, object],
    attempt: Callable[..., bool],
) -> None:
    """Each method as it is; where channels stand in the way, every way round for the first method that
    works, and one for each of the others."""
    shown_all = False
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


def _readings(specs: Sequence[TensorSpec], base: Mapping[str, object], extras: Extras) -> Sequence[Overlay]:
    """Every answer to how the axes are to be read; nothing to add where there is one."""
    try:
        read_inputs(specs, Options.resolve(cast(FusionOptions, base)), extras)
    except AmbiguousLayout as question:
        return tuple(dict(answer.given) for answer in question.answers)
    except FeatfuseError:
        pass
    return ({},)


def _shape(
    specs: Sequence[TensorSpec], options: Mapping[str, object], extras: Extras
) -> tuple[int, ...] | None:
    """The shape these options would give, or None when they would be refused."""
    try:
        resolved = Options.resolve(cast(FusionOptions, options))
        if not any(spec.token_grid for spec in specs):
            laid = grids_asked_for(specs, resolved)
            specs = [on_grid[0] if on_grid else spec for spec, on_grid in zip(specs, laid, strict=True)]
        return make_plan(specs, resolved, extras).shape
    except FeatfuseError:
        return None
