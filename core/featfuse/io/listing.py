"""What is in the inputs: every tensor and, on demand, its statistics, in one pass and bounded memory."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from operator import attrgetter

from featfuse.engine.statistics import Accumulator, Statistics
from featfuse.formats import Reader
from featfuse.io.address import Address
from featfuse.io.inputs import Inputs, Source, is_place
from featfuse.io.selection import Found, list_all
from featfuse.model.tensor import TensorSpec
from featfuse.process.limits import Limits, TooLittleMemory
from featfuse.report.contents import Contents, TensorRow

__all__ = ["list_contents"]

_BLOCK = 1 << 20
"""Elements read at a time. More would save nothing."""

_SHARE = 4
"""A block and its copies on the way take a part of --memory: what unpacks it wants some, too."""

_LEAST_MEMORY = 1 << 20


def list_contents(sources: Sequence[Source], stats: Limits | None = None) -> Contents:
    """A row for each tensor of `sources`, readable or not; with its statistics if `stats` gives limits.

    Raises InputError for a file or a key that cannot be listed or, for statistics, not be read to its end;
    RunError when a file changes meanwhile.
    """
    if stats is not None and stats.memory < _LEAST_MEMORY:
        raise TooLittleMemory(stats.memory, _LEAST_MEMORY, "statistics are taken block by block")
    found: list[tuple[Reader, list[Found]]] = []
    held: list[int | None] = []

    def choose(reader: Reader, key: str | None) -> list[TensorSpec]:
        listed, everything = list_all(reader, key)
        found.append((reader, listed))
        held.append(everything)
        return [it.spec for it in listed if it.spec is not None]

    with Inputs(sources, memory=stats and stats.memory, choose=choose) as inputs:
        rows = list(_rows(sources, inputs, iter(found)))
        if stats is not None:
            with inputs.held_still():
                told = _statistics(inputs, stats)
            rows = [row if row.unreadable else row._replace(stats=next(told)) for row in rows]
    first = sources[0]
    if len(sources) == 1 and is_place(first):
        return Contents(rows, str(Address.of(first)), held[0])
    return Contents(rows)


def _rows(
    sources: Sequence[Source], inputs: Inputs, found: Iterator[tuple[Reader, list[Found]]]
) -> Iterator[TensorRow]:
    """A row for each tensor, in the order of the sources."""
    arrays = iter([spec for spec in inputs.specs if spec.path is None])
    for source in sources:
        if is_place(source):
            reader, listed = next(found)
            yield from (_found_row(reader, it) for it in listed)
        else:
            yield _row(next(arrays))


def _found_row(reader: Reader, found: Found) -> TensorRow:
    if found.spec is not None:
        return _row(found.spec, coordinates=found.aside)
    assert found.refusal is not None
    key, why = found.key or None, found.refusal
    name = str(Address(reader.path, key))
    return TensorRow(
        name,
        reader.path,
        key,
        reader.format,
        why.shape,
        why.dtype or None,
        bytes=why.nbytes,
        unreadable=why.message.removeprefix(f"{name}: "),
    )


_name = lru_cache(attrgetter("name"))
"""An element type's name, which NumPy makes up anew each time: a file may hold a million tensors."""


def _row(spec: TensorSpec, *, coordinates: bool = False) -> TensorRow:
    return TensorRow(
        spec.name,
        spec.path,
        spec.key,
        spec.format,
        spec.shape,
        _name(spec.dtype),
        spec.layout,
        spec.layout_source,
        spec.nbytes,
        coordinates=coordinates,
    )


def _statistics(inputs: Inputs, limits: Limits) -> Iterator[Statistics]:
    """Those of each readable tensor in order."""
    specs = inputs.specs
    total, done = sum(spec.nbytes for spec in specs), 0
    result = []
    for index, spec in enumerate(specs):
        sums = Accumulator()
        elements = min(_BLOCK, max(1, limits.memory // _SHARE // spec.dtype.itemsize))
        for window in inputs.pieces(index, elements):
            block = inputs.read(index, window)
            sums.add(block)
            done += block.nbytes
            if limits.progress is not None:
                limits.progress(done, total)
        inputs.release(index)
        result.append(sums.result())
    return iter(result)
