"""The recipe: the options of every fusion, as one item fills them in and as the manifest remembers them."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from featfuse.batches.patterns import Fields, field_names, fill_fields
from featfuse.errors import UsageError
from featfuse.io.address import Address
from featfuse.io.selection import is_glob
from featfuse.request.kinds import PROJECTIONS
from featfuse.request.options import FusionOptions, Options
from featfuse.request.table import OPTIONS
from featfuse.wording import either, worded

__all__ = ["check_recipe", "fill_recipe", "map_files", "mask_pattern", "resolved_recipe", "side_files"]

_FILES = tuple(name for name, row in OPTIONS.items() if row.kind.facts and row.kind is not PROJECTIONS)
"""The options that may name an INPUT; --project does too, behind a number."""


def map_files(options: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    """The same options with every text that names a file changed."""
    result = dict(options)
    for name in _FILES:
        if _names_file(name, options.get(name)):
            result[name] = change(str(options[name]))
    if options.get("project") is not None:
        given = options["project"]
        items = [given] if isinstance(given, str) else given
        result["project"] = [_map_projection(str(item), change) for item in items]
    return result


def _names_file(name: str, value: object) -> bool:
    if isinstance(value, Path):
        return True
    if not isinstance(value, str) or (name == "mask" and value == "auto"):
        return False
    return name != "weights" or not isinstance(_resolved_weights(value), tuple)


def _resolved_weights(value: str) -> object:
    """Numbers, or the name of a file."""
    try:
        return tuple(float(part) for part in value.split(","))
    except ValueError:
        return value


def _map_projection(text: str, change: Callable[[str], str]) -> str:
    """`1=KERNEL,BIAS` with both files changed."""
    number, equals, files = text.partition("=")
    return number + equals + ",".join(change(name) if name else name for name in files.split(","))


def fill_recipe(options: Mapping[str, Any], fields: Fields, own: Mapping[str, str]) -> Mapping[str, Any]:
    """The options of one item: `--like 'm/{id}.npy'` with its own id, and those that it has for itself."""
    filled = map_files(options, lambda text: fill_fields(text, fields)) if fields else options
    return {**filled, **own} if own else filled


def side_files(options: Mapping[str, Any]) -> tuple[str, ...]:
    """The files beside the inputs that the result depends on: masks, weights, kernels, --like."""
    names: list[str] = []
    map_files(options, lambda text: names.append(text) or text)  # type: ignore[func-returns-value]
    return tuple(names)


def mask_pattern(options: Mapping[str, Any]) -> str | None:
    """The mask as a pattern, where every item has its own: a folder, or a path with fields or wildcards."""
    mask = options.get("mask")
    if not _names_file("mask", mask):
        return None
    path = Address.parse(str(mask)).path
    if Path(path).exists():
        return str(mask) if Path(path).is_dir() else None
    return str(mask) if field_names(str(mask)) or is_glob(path) else None


def check_recipe(options: Mapping[str, Any], known: Sequence[str]) -> None:
    """UsageError for an option that names a field which no item has, or a folder that is none of masks."""
    for name in (*_FILES, "project"):
        for text in side_files({name: options.get(name)}):
            if Path(text).is_dir() and not (name == "mask" and known):
                raise UsageError(f"{worded(name, text)}: is a folder", hint=_one_file(name, text, known))
            unknown = [field for field in field_names(text) if field not in known]
            if unknown and not Path(text).exists():
                there = ", ".join("{" + field + "}" for field in known) or "none"
                raise UsageError(
                    f"{worded(name, text)}: no item has the field {{{unknown[0]}}}", hint=f"Fields: {there}."
                )


def _one_file(name: str, folder: str, known: Sequence[str]) -> str:
    """What to give instead of a folder."""
    if known:
        pattern = f"{Path(folder)}/{{{known[0]}}}.npy"
        quoted = either(f"'{pattern}'", pattern)
        return f"Name one file in it, or one for each item: {worded(name, quoted)}."
    more = ", or give each row its own in a column mask" if name == "mask" else ""
    return f"Name one file in it{more}."


def resolved_recipe(options: FusionOptions, *, own_masks: bool = False) -> dict[str, object]:
    """What the manifest remembers: every option that has a value, checked and named as the tables name it.

    With `own_masks`, items have masks for themselves, and options may be given that need one.
    """
    given: FusionOptions = {"mask": "auto", **options} if own_masks else options
    resolved = Options.resolve(given)
    return {
        name: _plain(OPTIONS[name].aliased(value))
        for name, value in resolved._asdict().items()
        if value is not None and not _is_empty(value) and (name != "mask" or "mask" in options)
    }


def _is_empty(value: object) -> bool:
    return isinstance(value, tuple) and not value


def _plain(value: object) -> object:
    """A value as JSON gives it back."""
    if isinstance(value, np.ndarray):
        digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return {"shape": list(value.shape), "dtype": str(value.dtype), "sha256": digest}
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(part) for part in cast(Iterator[object], value)]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
