"""Beginning an output: everything that can be refused before work, then a sink."""

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from featfuse.errors import RunError, UsageError
from featfuse.formats.interface import OutputTensor, Sink
from featfuse.formats.registry import STREAM_FORMAT, Format, output_format, unknown_suffix
from featfuse.io.readers import open_input
from featfuse.storage.atomic import AtomicFile
from featfuse.storage.byte_output import OutputFile
from featfuse.storage.faults import write_faults
from featfuse.storage.place import no_file
from featfuse.storage.standard_streams import STREAM, StreamFile
from featfuse.storage.sweep import sweep_once
from featfuse.wording import as_code, either, phrase, worded, written

__all__ = ["check_key", "check_output", "check_place", "create_sink"]


def check_output(path: str, dtype: np.dtype[Any], *, key: str | None = None, force: bool = False) -> None:
    """Everything about an output that can be refused before any work.

    Raises UsageError for a suffix, key or dtype that cannot be, RunError when the output exists (without
    `force`) or its folder does not. With a key an existing file is added to, and only an existing key
    needs `force`.
    """
    if path == STREAM:
        _check_stream(dtype, key)
        return
    row = output_format(path)
    if row is None:
        raise _is_directory(path) if Path(path).is_dir() else unknown_suffix(path)
    _check_dtype(path, row, dtype)
    if key is not None:
        check_key(path, row, key)
    if check_place(path):
        _check_existing(path, row, key, force=force)


def _check_stream(dtype: np.dtype[Any], key: str | None) -> None:
    if key is not None:
        raise UsageError(
            f"-::{key}: a .npy stream holds one tensor without a key",
            hint=f"Write {as_code(worded('out', STREAM))}.",
        )
    _check_dtype(STREAM, STREAM_FORMAT, dtype)


def _check_dtype(path: str, row: Format, dtype: np.dtype[Any]) -> None:
    if row.stores(dtype):
        return
    other = "fused.safetensors" if path == STREAM else str(Path(path).with_suffix(".safetensors"))
    raise UsageError(
        f"{path}: {row.name} cannot store {dtype.name}",
        hint=f"Add {as_code(worded('dtype', 'float32'))}, or write {as_code(worded('out', other))}.",
    )


def check_key(path: str, row: Format, key: str) -> None:
    """UsageError when `key` cannot name a tensor in a file of this format."""
    if not row.container:
        raise UsageError(
            f"{path}::{key}: a {row.name} file holds one tensor without a key", hint=f"Write {path}."
        )
    parts = row.plain_key(key).split("/")
    printable = key.isprintable() and key == key.encode("utf-8", "replace").decode()
    if not printable or key == "__metadata__" or any(part in {"", ".", ".."} for part in parts):
        raise UsageError(
            f"{path}::{key}: not a name for a tensor", hint="Choose a plain name, such as feat/l3."
        )


def check_place(path: str) -> bool:
    """Whether there is a file at `path`; RunError when none could be (of a link: where it points to)."""
    if "\0" in path:
        raise RunError(f"{path}: a NUL ends a name", hint="Name the output without it.")
    with write_faults(path):  # a name that is too long, a folder that may not be entered
        target = Path(os.path.realpath(path))
        _check_folder(path, target)
        try:
            mode = target.stat().st_mode
        except FileNotFoundError:
            return False
        if not stat.S_ISREG(mode):
            raise no_file(path)
        return True


def _is_directory(path: str) -> RunError:
    return RunError(f"{path} is a directory", hint="Name a file in it.")


def _check_folder(path: str, target: Path) -> None:
    """The folder can be written to."""
    if target.is_dir():
        raise _is_directory(path)
    if not target.parent.is_dir():
        folder = str(target.parent)
        way = either(f"mkdir -p '{folder}'", f"os.makedirs({written(folder)})")
        raise RunError(f"{path}: the folder {folder} does not exist", hint=f"Make it first: {way}")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise RunError(
            f"{path}: the folder {target.parent} cannot be written to",
            hint=phrase("Choose another with {out}."),
        )


def _check_existing(path: str, row: Format, key: str | None, *, force: bool) -> None:
    if key is None:
        if not force:
            others = " and all it holds" if row.container else ""
            adds = f" To add to it: {worded('out', f'{path}::KEY')}." if row.container else ""
            ways = f"{worded('force', True)} replaces it{others}; or choose another {worded('out')}.{adds}"
            raise RunError(f"{path} exists already", hint=ways)
        return
    with open_input(path) as reader:
        if reader.format != row.name:
            raise RunError(
                f"{path} is a {reader.format} file in spite of its suffix; nothing can be added to it"
            )
        conflict = reader.conflict(key)
    if conflict is not None and not (conflict.replaceable and force):
        hint = phrase("{force:True} replaces it.") if conflict.replaceable else "Choose another key."
        raise RunError(f"{path}: {conflict.reason}", hint=hint)


def create_sink(
    path: str,
    tensors: Sequence[OutputTensor],
    *,
    provenance: Mapping[str, str],
    key: str | None,
    force: bool,
    sync: bool = True,
    root: str | None = None,
    stdout: BinaryIO | None = None,
) -> Sink:
    """Begin to write `tensors` to `path`; nothing is visible before the sink's `commit`.

    With `key` (any) the tensors are added to what the file holds, otherwise they are all it will hold.
    `-` writes a .npy to `stdout` at commit. Without `sync`, `commit` does not wait for the disk. A file
    may not lie outside of `root`, a path without links, whatever has become of links meanwhile.

    Raises what `check_output` raises.
    """
    for tensor in tensors:
        check_output(path, tensor.dtype, key=None if key is None else tensor.key, force=force)
    row = output_format(path)
    assert row is not None  # check_output refused an unknown suffix
    if not tensors or (len(tensors) > 1 and not row.container):
        raise UsageError(
            f"{path}: a {row.name} file holds one tensor, not {len(tensors)}", hint="Write a .safetensors."
        )
    if len({tensor.key for tensor in tensors}) != len(tensors):
        raise UsageError(f"{path}: two tensors have the same key", hint="Give each its own.")
    if path == STREAM:
        output: OutputFile = StreamFile(stdout)
    else:
        output = _begin_file(path, key, force=force, sync=sync, root=root)
    try:
        return row.load().create_sink(output, tensors, provenance)
    except BaseException:
        output.abort()
        raise


def _begin_file(path: str, key: str | None, *, force: bool, sync: bool, root: str | None) -> AtomicFile:
    """An output file; with a key, beside what the file there holds."""
    sweep_once(Path(os.path.realpath(path)).parent)
    output = AtomicFile(path, replace=force and key is None, sync=sync, root=root)
    try:
        if key is not None:
            output.add_to_existing()
    except BaseException:
        output.abort()
        raise
    return output
