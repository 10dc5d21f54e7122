"""When no item has what belongs to it: said once, with the patterns that would match."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace

from featfuse.batches.command import batch_command
from featfuse.batches.container_keys import KnownKeys
from featfuse.batches.pairing import Unmatched
from featfuse.batches.patterns import FOLDER_FIELD, Pattern, field_names, fill_fields, fixed_ends
from featfuse.batches.proposals import Name, Proposal, propose
from featfuse.batches.recipe import map_files, side_files
from featfuse.batches.run import BatchOptions
from featfuse.batches.wildcards import folder_above
from featfuse.errors import InputError
from featfuse.io.address import Address
from featfuse.wording import worded

__all__ = ["explained"]

_FEW = 3
"""Names that stand for many."""


def explained(error: Unmatched, options: BatchOptions, fusion: Mapping[str, object]) -> InputError:
    """The error with the names that do not match, and the command that would match, where there is one."""
    first = _names(error.first, error.sources)
    found = [_names(each.pattern, each.sources) for each in error.others]
    others = [names or _anything_like(each.pattern) for names, each in zip(found, error.others, strict=True)]
    lost, there = error.others[error.lost].pattern, others[error.lost]
    if not there:
        return InputError(error.message, hint="There is nothing that featfuse reads. Look at the path.")
    place = lost.text if found[error.lost] else there[0].head.removesuffix("::")
    details = [_some(error.first.text, first), _some(place, there)]
    proposal = propose(first, others, error.lost, [each.pattern.text for each in error.others])
    if proposal is None:
        return InputError(error.message, details=details, hint=_ways())
    matched = f"{proposal.matched} of" if proposal.matched < len(first) else "all"
    command = _command(error, proposal, options, fusion)
    if command is None:
        texts = " ".join(shlex.quote(each.text) for each in (proposal.first, *proposal.others))
        return InputError(error.message, details=details, hint=f"These match {matched} {len(first)}: {texts}")
    hint = f"This matches {matched} {len(first)}:"
    return InputError(error.message, details=details, hint=hint, commands=[command])


def _ways() -> str:
    return (
        "What has another name is no partner. Put fields where names agree, like 'rgb/{id}_rgb.npy' "
        f"'depth/{{id}}_depth.npy', or list what belongs together in a table: {worded('pairs')}."
    )


def _some(text: str, names: Sequence[Name]) -> str:
    """A few of the names at a place."""
    more = ", ..." if len(names) > _FEW else ""
    return f"{text or 'here'}: {', '.join(name.stem for name in names[:_FEW])}{more}"


def _names(pattern: Pattern, sources: Sequence[Address]) -> list[Name]:
    """What a pattern found, taken apart: what it says of every name, and what tells them from each other."""
    if pattern.folder:
        head, key = pattern.top, "" if pattern.key is None else f"::{pattern.key}"
        ends = [source.path[source.path.rfind(".") :] + key for source in sources]
    else:
        head, end = fixed_ends(str(Address(pattern.path, pattern.key)))
        ends = [end] * len(sources)
    texts = map(str, sources)
    return [
        Name(head, text[len(head) :].removesuffix(end), end) for text, end in zip(texts, ends, strict=True)
    ]


def _anything_like(pattern: Pattern) -> list[Name]:
    """What is there where the pattern finds nothing: other keys of its file, or other files of its folder."""
    if field_names(pattern.key or ""):
        keys = [] if field_names(pattern.path) else sorted(KnownKeys().of(pattern.path) or ())
        return [Name(f"{pattern.path}::", key, "") for key in keys]
    if pattern.folder and not pattern.glob:
        return []
    path = pattern.glob or pattern.path
    above = folder_above(path.replace("{", "*"))
    parts = ["**" if part == "**" else "*" for part in path[len(above) :].split("/")]
    every = replace(pattern, path=f"{above}{{{FOLDER_FIELD}}}", folder=True, glob=above + "/".join(parts))
    return _names(every, [match.source for match in every.find()])


def _command(
    error: Unmatched, proposal: Proposal, options: BatchOptions, fusion: Mapping[str, object]
) -> str | None:
    """The batch with the proposed patterns; None where other options name its items in ways that end."""
    own = {
        each.option: other.text
        for each, other in zip(error.others, proposal.others, strict=True)
        if each.option
    }
    rest = {name: value for name, value in fusion.items() if name not in own}
    fields = (
        [FOLDER_FIELD] if error.first.folder else field_names(str(Address(error.first.path, error.first.key)))
    )
    renamed = {fields[0]: proposal.first.stem} if len(fields) == 1 else {}
    named = any(field_names(text) for text in (options.out, *side_files(rest)))
    if options.include or options.exclude or (named and not renamed):
        return None
    patterns = [
        proposal.first.text,
        *(
            other.text
            for each, other in zip(error.others, proposal.others, strict=True)
            if each.option is None
        ),
    ]
    filled = map_files(rest, lambda text: fill_fields(text, renamed))
    return batch_command(patterns, replace(options, out=fill_fields(options.out, renamed)), filled | own)
