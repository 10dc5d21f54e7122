"""What a fusion writes: the result and what goes beside it, each whole or not at all."""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from featfuse.errors import RunError
from featfuse.formats import create_sink
from featfuse.formats.base import OutputTensor, Sink
from featfuse.formats.creating import check_place
from featfuse.io.opening import kernel_sink
from featfuse.planning.plan import FusionPlan
from featfuse.storage.atomic import AtomicFile

__all__ = ["begin_beside", "begin_output", "check_sidecar"]


def begin_output(
    path: str,
    key: str | None,
    tensors: Sequence[OutputTensor],
    provenance: Mapping[str, object],
    stack: ExitStack,
    *,
    force: bool,
    sync: bool,
) -> Sink:
    """The output, which appears at its `commit` or, when `stack` ends before that, not at all."""
    words = {f"featfuse.{field}": json.dumps(value) for field, value in provenance.items()}
    sink = create_sink(path, tensors, provenance=words, key=key, force=force, sync=sync)
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
) -> list[Sink | AtomicFile]:
    """Kernel and sidecar, if wanted, each waiting for its `commit`.

    They are written before anything is computed: what fails here must not fail beside a finished output.
    """
    outputs: list[Sink | AtomicFile] = []
    kernel = kernel_sink(plan, save_kernel, force=force, sync=sync)
    if kernel is not None:
        stack.callback(kernel.abort)
        outputs.append(kernel)
    if sidecar is not None:
        file = AtomicFile(sidecar, replace=force, sync=sync)
        stack.callback(file.abort)
        file.write((json.dumps(provenance, indent=2, allow_nan=False) + "\n").encode())
        outputs.append(file)
    return outputs


def check_sidecar(path: str, *, force: bool) -> None:
    """RunError when there is a file at `path` (without `force`), or none can be."""
    if check_place(path) and not force:
        raise RunError(f"{path} exists already", hint="--force replaces it.")
