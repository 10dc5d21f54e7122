"""All options of a fusion together, and the decorator that gives them to a command."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, cast, get_type_hints

from featfuse.process.address_space import may_load_numpy
from featfuse.request.options import FusionOptions

from featfuse_cli.joining import JoiningFlags
from featfuse_cli.options import ReconcileFlags

__all__ = ["FusionFlags", "with_fusion_options"]


class FusionFlags(JoiningFlags, ReconcileFlags):
    """How to fuse: one option per field of `featfuse.request.options.Options`."""


def with_fusion_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` every option of `FusionFlags`; it receives those given as one `options` mapping.

    Its parameter `options` is replaced, in its place, by one parameter per option.
    """
    flags = {
        name: inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in get_type_hints(FusionFlags, include_extras=True).items()
    }
    own = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in inspect.signature(command).parameters.values()
    ]
    place = [parameter.name for parameter in own].index("options")

    @functools.wraps(command)
    def wrapped(**values: Any) -> None:
        if not may_load_numpy():
            raise MemoryError("no room in the address space for NumPy")
        given = {name: values.pop(name) for name in flags}
        options = {name: value for name, value in given.items() if value is not None and value != []}
        command(**values, options=cast(FusionOptions, options))

    parameters = [*own[:place], *flags.values(), *own[place + 1 :]]
    wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return wrapped
