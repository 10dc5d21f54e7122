"""The verbs of the Python library: fuse, inspect, resize, batch.

They take and give what Python has, warn by its warnings, and name options by their keywords.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from numbers import Number
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack, overload

import numpy as np

from featfuse.errors import FeatfuseWarning, UsageError
from featfuse.fusion import fuse_to_array, fuse_to_file, inspect_inputs
from featfuse.io.foreign import ForeignArray, is_foreign, made_like
from featfuse.io.inputs import Source
from featfuse.io.job import Delivery
from featfuse.model.tensor import Array
from featfuse.process.limits import DEFAULT_MEMORY, Limits, Progress, parse_memory
from featfuse.report.shape_report import ShapeReport
from featfuse.request.kinds import SWITCH
from featfuse.request.option import Option
from featfuse.request.options import FusionOptions, Options
from featfuse.request.table import OPTIONS
from featfuse.wording import for_python, phrase

if TYPE_CHECKING:
    from featfuse.batches import BatchOptions, BatchResult
    from featfuse.report.contents import Contents

__all__ = ["batch", "fuse", "inspect", "resize"]

Verb = TypeVar("Verb", bound=Callable[..., Any])
ForeignT = TypeVar("ForeignT", bound=ForeignArray)

MOST_COLUMNS = 96
"""Of what help() says an option takes."""


class _Run(FusionOptions, total=False):
    """What a fusion takes beside its options, for type checkers."""

    save_kernel: str | Path | None
    force: bool
    sync: bool
    memory: str | int
    threads: int | None
    progress: Progress | None


def _with_options(verb: Verb) -> Verb:
    """The verb with every option, and what it takes, at the end of its docstring."""
    with for_python():
        lines = [line for row in OPTIONS.values() for line in _description(row)]
    verb.__doc__ = "\n".join([str(verb.__doc__).rstrip(), "", "    Options:", "", *lines, "    "])
    return verb


def _description(row: Option) -> list[str]:
    """What an option takes, its default, and what it does, as lines of a docstring."""
    takes, default = row.values_text, row.default_words
    if row.kind is SWITCH:
        takes, default = "True or False", row.default_words if row.default_text else str(row.default)
    also = f" (or {', '.join(row.aliases)})" if row.aliases else ""
    first = f"{row.name}: {takes}{also}; default: {default}"
    what = row.told_of("one of these")
    lines = [first] if len(first) < MOST_COLUMNS else wrap(first, MOST_COLUMNS, subsequent_indent=" " * 8)
    return [f"{' ' * 8}{line}" for line in (*lines, f"    {what[0].upper()}{what[1:]}")]


@overload
def fuse(first: Array, /, *inputs: Source, out: None = None, **options: Unpack[_Run]) -> Array: ...


@overload
def fuse(first: ForeignT, /, *inputs: Source, out: None = None, **options: Unpack[_Run]) -> ForeignT: ...


@overload
def fuse(*inputs: str | Path | Array, out: None = None, **options: Unpack[_Run]) -> Array: ...


@overload
def fuse(*inputs: Source, out: None = None, **options: Unpack[_Run]) -> Any: ...


@overload
def fuse(
    *inputs: Source,
    out: str | Path,
    dry_run: bool = ...,
    sidecar: bool = ...,
    **options: Unpack[_Run],
) -> ShapeReport: ...


@_with_options
def fuse(
    *inputs: Source,
    out: str | Path | None = None,
    force: bool = False,
    sync: bool = True,
    dry_run: bool = False,
    sidecar: bool = False,
    save_kernel: str | Path | None = None,
    memory: str | int = DEFAULT_MEMORY,
    threads: int | None = None,
    progress: Progress | None = None,
    **options: Unpack[FusionOptions],
) -> Any:
    """Bring the inputs to one shape and combine them.

    Inputs are arrays of any library that speaks DLPack (NumPy, torch, JAX, ...), or `PATH[::KEY]`. Without
    `out` the result comes back as an array of the library of the first one (NumPy's, of paths). With `out`
    (a path) it is streamed there in about `memory` bytes, and a ShapeReport is returned. `dry_run` plans and
    reports, and writes nothing. `sidecar` writes inputs and pipeline as JSON beside the output;
    `save_kernel` keeps the untrained kernel of `reduce="conv1x1"` in a file. `force` replaces files that
    exist. `sync=False` does not wait for the disk: faster, but a power cut may leave a damaged output.
    `progress(done, total)` is called with bytes of the output.

    Raises UsageError, ShapeError (the shapes do not fuse as asked; its `commands` would), InputError
    (a file is unreadable, an array is not on the CPU) or RunError (the output exists, no space, integers that
    do not fit). What to know before trusting the result is a FeatfuseWarning: detail that aliases, an
    untrained kernel, finite values that became inf.

    >>> featfuse.fuse(a, b, method="bilinear", layout="NCHW")   # (1, 16, 64, 64) and (1, 16, 32, 32)
    """
    with for_python():
        _check_each(inputs, "Write featfuse.fuse(*maps).")
        delivery = Delivery(None if out is None else str(out), force, sync, dry_run, sidecar, save_kernel)
        limits = Limits(parse_memory(memory), threads, progress)
        if out is not None:
            report = fuse_to_file(inputs, options, delivery, limits)
            _warn(report.warnings)
            return report
        if dry_run or sidecar:
            Options.resolve(options)
            asked = "{dry_run}" if dry_run else "{sidecar}"
            raise UsageError(phrase(asked + " needs {out}"), hint="featfuse.inspect plans without one.")
        result, told = fuse_to_array(inputs, options, delivery, limits)
        _warn(told)
        return made_like(result, _first_array(inputs))


@overload
def inspect(  # type: ignore[overload-overlap]  # any option makes it the last one
    source: str | Path | Array | ForeignArray,
    /,
    *,
    stats: bool = ...,
    memory: str | int | None = ...,
    progress: Progress | None = ...,
) -> "Contents": ...


@overload
def inspect(
    *inputs: Source, stats: Literal[True], memory: str | int | None = ..., progress: Progress | None = ...
) -> "Contents": ...


@overload
def inspect(*inputs: Source, **options: Unpack[FusionOptions]) -> ShapeReport: ...


@overload
def inspect(
    *inputs: Source,
    stats: bool,
    memory: str | int | None = ...,
    progress: Progress | None = ...,
    **options: Unpack[FusionOptions],
) -> "ShapeReport | Contents": ...


def inspect(
    *inputs: Source,
    stats: bool = False,
    memory: str | int | None = None,
    progress: Progress | None = None,
    **options: Unpack[FusionOptions],
) -> "ShapeReport | Contents":
    """Can these be fused, and how? Or, of one input without options: what is in it?

    Reads headers only; shapes, arrays and paths are taken. The report prints itself. Its `problem` says why
    not (None when they can); `suggestions` are calls that would work, with the shape each gives; `warnings`
    are what featfuse.fuse would warn of. Options are those of featfuse.fuse.

    One file (a glob may follow: `x.h5::feat/*`) or array without options gives its `Contents`: a row for each
    tensor. So do any inputs with `stats`: these are read once, in about `memory` bytes, for the least, the
    greatest, mean, deviation, NaN, inf and zeros of each tensor.

    Raises UsageError and InputError, never ShapeError; with `stats` RunError when a file changes meanwhile.

    >>> featfuse.inspect((1, 64, 64, 32), (1, 32, 32, 16)).compatibility
    'mismatch'
    >>> [row.key for row in featfuse.inspect("stages.safetensors")]
    ['stage1', 'stage3', 'stage4']
    """
    with for_python():
        _check_each(inputs, "Write featfuse.inspect(*maps).")
        return inspect_inputs(inputs, options, stats=stats, memory=memory, progress=progress)


@overload
def resize(
    x: Array | str | Path,
    size: int | str | tuple[int, ...] | None,
    *,
    memory: str | int = ...,
    threads: int | None = ...,
    **options: Unpack[FusionOptions],
) -> Array: ...


@overload
def resize(
    x: ForeignT,
    size: int | str | tuple[int, ...] | None,
    *,
    memory: str | int = ...,
    threads: int | None = ...,
    **options: Unpack[FusionOptions],
) -> ForeignT: ...


def resize(
    x: Any,
    size: int | str | tuple[int, ...] | None,
    *,
    memory: str | int = DEFAULT_MEMORY,
    threads: int | None = None,
    **options: Unpack[FusionOptions],
) -> Any:
    """One map brought to `size`: one number per spatial axis (H, W; D, H, W; or W), or what `to` takes.

    `size` None lets the geometry of `pool_size` decide. The default method is bilinear; options, what is
    taken, given back, raised and warned of are those of featfuse.fuse.

    >>> featfuse.resize(x, (128, 128), method="bicubic", layout="NCHW", convention="tf")  # (1, 3, 128, 128)
    """
    with for_python():
        _check_each([x], "Write [featfuse.resize(x, size) for x in maps].")
        options.setdefault("method", "bilinear")
        if size is not None:
            options["to"] = size
        result, told = fuse_to_array([x], options, Delivery(), Limits(parse_memory(memory), threads))
        _warn(told)
        return made_like(result, x)


def batch(
    *patterns: str | Path,
    out: str | Path = "",
    pairs: str | Path | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    allow_missing: bool = False,
    jobs: int | None = None,
    dask: str | None = None,
    resume: bool = False,
    force: bool = False,
    sync: bool = True,
    fail_fast: bool = False,
    manifest: str | Path | None = None,
    memory: str | int = DEFAULT_MEMORY,
    threads: int | None = None,
    stream: bool = False,
    **options: Unpack[FusionOptions],
) -> "BatchResult":
    """Fuse every item that the patterns name.

    Patterns are folders, or paths with named fields (`a/{id}.npy`, `feats.h5::{id}/l3`); items are the
    field values found in the first. `jobs` processes work at a time (default: one per core and, with
    `sync`, one more). Everything is planned before anything is written. A broken item fails by itself: its
    outcome's `status` is "failed" and `error` says why; a FeatfuseWarning counts them, and the result's
    `exit_code` is 5. Options are those of featfuse.fuse.

    The batch has run when the call returns; the result holds what became of each item. With `stream=True`
    the call returns when all is planned, and the batch runs while the result is iterated: each outcome comes
    as its item finishes. `wait()` runs the rest, `close()` ends it. Nothing warns then but the outcomes.

    With `dask="local"` call it under `if __name__ == "__main__":`, as Dask demands.

    Raises UsageError, InputError and RunError for what concerns the batch as a whole.

    >>> featfuse.batch("a/{id}.npy", "b/{id}.npy", out="f/{id}.npy", method="bilinear")
    3 items: 3 done
    """
    from featfuse.batches import BatchOptions

    items = (str(out), _text(pairs), _globs(include), _globs(exclude), allow_missing)
    how = BatchOptions(*items, jobs, dask, resume, force, sync, fail_fast, _text(manifest), memory, threads)
    with for_python():
        _check_each(patterns, "Write featfuse.batch(*patterns, out=...).", "pattern")
        _check_patterns(patterns)
        result = _begin([str(pattern) for pattern in patterns], how, options)
        if not stream:
            _warn(result.wait().complaints)
        return result


def _begin(patterns: Sequence[str], how: "BatchOptions", options: FusionOptions) -> "BatchResult":
    from featfuse.batches import BatchResult, get_ready, open_batch

    get_ready(how)
    return BatchResult(open_batch(patterns, how, options))


def _text(path: str | Path | None) -> str | None:
    return None if path is None else str(path)


def _globs(given: Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _first_array(inputs: Sequence[object]) -> object:
    """The first of the inputs that is an array: the result is one of its library."""
    return next((it for it in inputs if is_foreign(it) or isinstance(it, np.ndarray)), None)


def _warn(told: Iterable[str]) -> None:
    """A warning for each text, at the line that called the verb."""
    for text in dict.fromkeys(told):
        warnings.warn(text, FeatfuseWarning, stacklevel=3)


def _check_each(inputs: Sequence[object], way: str, what: str = "input") -> None:
    """UsageError where several maps, or patterns, came as one argument."""
    for number, value in enumerate(inputs, start=1):
        if _holds_maps(value):
            given = f"{what} {number} is a {type(value).__name__}"
            raise UsageError(f"{given}: each {what} is an argument of its own", hint=way)


def _check_patterns(patterns: Sequence[object]) -> None:
    """UsageError for arrays."""
    for number, value in enumerate(patterns, start=1):
        if not isinstance(value, (str, Path)):
            raise UsageError(
                f"pattern {number} ({type(value).__name__}) is no path: a batch fuses files",
                hint="Give a folder, or a pattern; featfuse.fuse takes arrays.",
            )


def _holds_maps(value: object) -> bool:
    """Whether `value` holds tensors or their names. What holds numbers alone is a tensor, or a shape."""
    if isinstance(value, (Mapping, Iterator, set)):
        return True
    if not isinstance(value, (list, tuple)):
        return False
    numbers = all(isinstance(it, Number) or (isinstance(it, list) and not _holds_maps(it)) for it in value)
    return not numbers or (not value and isinstance(value, list))
