"""What a fusion writes: the result and what goes beside it, each whole or not at all."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path

from featfuse.errors import RunError, UsageError
from featfuse.formats.interface import OutputTensor, Sink
from featfuse.formats.registry import output_format
from featfuse.io.address import Address
from featfuse.io.sinks import check_output, check_place, create_sink
from featfuse.model.dtypes import DTYPES
from featfuse.model.tensor import whole
from featfuse.planning.build import kernel_array
from featfuse.planning.plan import FusionPlan
from featfuse.storage.atomic import AtomicFile
from featfuse.storage.byte_output import OutputFile
from featfuse.storage.lock import hold
from featfuse.storage.standard_streams import STREAM
from featfuse.wording import Blank, phrase, together, worded

__all__ = ["alone_with", "begin_beside", "begin_output", "check_save_kernel", "check_sidecar"]

_KERNEL_DTYPE = DTYPES["float32"]


def alone_with(outputs: Iterable[str], root: str | None = None) -> AbstractContextManager[None]:
    """No other run writes to the containers among `outputs` (`PATH[::KEY]`) during the block.

    What each holds must be looked up, added to and put in its place in one go.
    """
    paths = (Address.parse(place).path for place in outputs)
    shared = [path for path in paths if path != STREAM and (row := output_format(path)) and row.container]
    if not shared:
        return nullcontext()
    return hold(shared, root)


def begin_output(
    path: str,
    key: str | None,
    tensors: Sequence[OutputTensor],
    provenance: Mapping[str, object],
    stack: ExitStack,
    *,
    force: bool,
    sync: bool,
    root: str | None = None,
) -> Sink:
    """The output, which appears at its `commit` or, when `stack` ends before that, not at all."""
    words = {f"featfuse.{field}": json.dumps(value) for field, value in provenance.items()}
    sink = create_sink(path, tensors, provenance=words, key=key, force=force, sync=sync, root=root)
    stack.callback(sink.abort)
    return sink


def begin_beside(
    plan: FusionPlan,
    save_kernel: str | Path | None,
    sidecar: str | None,
    provenance: Mapping[str, object],
    stack: ExitStack,
    *,
    force: bool,
    sync: bool,
) -> list[Sink | OutputFile]:
    """Kernel and sidecar, if wanted, each waiting for its `commit`.

    They are written before anything is computed: what fails here must not fail beside a finished output.
    """
    outputs: list[Sink | OutputFile] = []
    kernel = _kernel_sink(plan, save_kernel, force=force, sync=sync)
    if kernel is not None:
        stack.callback(kernel.abort)
        outputs.append(kernel)
    if sidecar is not None:
        file = AtomicFile(sidecar, replace=force, sync=sync)
        stack.callback(file.abort)
        file.write_at(0, (json.dumps(provenance, indent=2, allow_nan=False) + "\n").encode())
        outputs.append(file)
    return outputs


def check_sidecar(path: str, *, force: bool) -> None:
    """RunError when there is a file at `path` (without `force`), or none can be."""
    if check_place(path) and not force:
        raise RunError(f"{path} exists already", hint=phrase("{force:True} replaces it."))


def check_save_kernel(
    plan: FusionPlan, path: str | Path | None, out: str | Path | None, *, force: bool
) -> None:
    """Refuse before any work what --save-kernel could not do."""
    if path is None:
        return
    if out is not None and _same_place(str(path), str(out)):
        raise UsageError(f"{worded('save_kernel', str(path))}: that is the output", hint="Name another file.")
    if plan.untrained is None:
        raise UsageError(
            phrase("{save_kernel}: no kernel is made here"),
            hint=f"It goes with {together({'reduce': 'conv1x1', 'out_channels': Blank('N')})}.",
        )
    name, key = Address.of(path)
    check_output(name, _KERNEL_DTYPE, key=key, force=force)


def _same_place(first: str, second: str) -> bool:
    """Whether two outputs would be one file, however they are spelt."""
    places = [Address.parse(text).path for text in (first, second)]
    return os.path.realpath(places[0]) == os.path.realpath(places[1])


def _kernel_sink(plan: FusionPlan, path: str | Path | None, *, force: bool, sync: bool) -> Sink | None:
    """The untrained kernel as (out, in), written but for its commit: `--kernel` takes it from there."""
    if path is None or plan.untrained is None:
        return None
    kernel = kernel_array(plan.untrained)
    name, key = Address.of(path)
    row = output_format(name)
    held = (key or "kernel") if row is not None and row.container else ""
    tensor = OutputTensor(held, kernel.shape, kernel.dtype)
    sink = create_sink(name, [tensor], provenance={}, key=key, force=force, sync=sync)
    try:
        sink.write(held, whole(tensor.shape), kernel)
    except BaseException:
        sink.abort()
        raise
    return sink
