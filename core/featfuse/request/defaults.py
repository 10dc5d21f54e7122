"""Defaults that other options decide: the method's own convention, and what a convention says.

They take the resolved options, in which None means "not given".
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from featfuse.methods import METHODS, Method
from featfuse.methods.conventions import CONVENTIONS, Convention

if TYPE_CHECKING:
    from featfuse.request.options import Options

__all__ = [
    "EXPONENT",
    "INTERPOLATION",
    "Default",
    "antialias",
    "by_antialias",
    "convention_of",
    "conventions_of",
    "coords",
    "resizer",
]

Default = Callable[["Options"], object]

INTERPOLATION = "bilinear"
"""The method that does the resizing of another one."""

EXPONENT = 2.0
"""Of lp-pool: the Euclidean norm, ONNX' default too."""


def resizer(options: "Options") -> Method:
    """The row of the method that resizes: the chosen one, or the one by which it resizes (a letterbox)."""
    row = METHODS[options.method]
    return METHODS[getattr(options, row.resizes_by) or INTERPOLATION] if row.resizes_by else row


def convention_of(options: "Options") -> Convention:
    """The convention that holds: the one given, or the method's own."""
    return CONVENTIONS[options.convention or resizer(options).convention]


def conventions_of(method: Method) -> tuple[str, ...]:
    """The conventions that a method can follow: of the frameworks that have it."""
    field = method.by_convention
    return tuple(name for name, row in CONVENTIONS.items() if not field or getattr(row, field) is not None)


def antialias(options: "Options") -> bool:
    """Whether kernels are stretched where an axis shrinks."""
    given: bool | None = options.antialias
    return convention_of(options).antialias if given is None else given


def coords(options: "Options") -> str:
    """Where samples sit; a method that rounds to one sample has a rule of its own."""
    row = convention_of(options)
    return row.nearest_coords if "nearest_rounding" in resizer(options).options else row.coords


def by_antialias(field: str) -> Default:
    """A field that a convention has twice, for plain and for stretched kernels."""

    def default(options: "Options") -> object:
        return getattr(convention_of(options), f"{field}_antialias" if antialias(options) else field)

    return default
