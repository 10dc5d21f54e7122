"""A branch with channels for space, or space for channels: the one factor that leads to the target grid."""

from collections.abc import Mapping, Sequence

from featfuse.errors import ShapeError
from featfuse.methods import METHODS
from featfuse.model.layout import SPATIAL
from featfuse.planning.branches import grown, resized
from featfuse.planning.plan import Branch, Member, Read, Shuffle
from featfuse.request.defaults import convention_of
from featfuse.request.options import Options
from featfuse.wording import Blank, phrase, worded

__all__ = ["shuffle"]

_MOST_OFFERED = 8
"""The largest factor that an error proposes."""


def shuffle(branch: Branch, options: Options, target: Mapping[str, int]) -> Branch:
    """The input brought to the grid `target` by one whole factor along every spatial axis.

    Time may stay as it is: then each of its frames is shuffled by itself. ShapeError where the sizes, or the
    number of channels, allow no such factor.
    """
    member, to_space = branch.member, METHODS[options.method].shuffles == "space"
    channels = member.sizes.get("C")
    if channels is None:
        raise ShapeError(
            f"{member.spec.name}: {worded('method', options.method)} needs a channel axis, the layout is "
            f"{member.reading.layout}",
            hint=phrase("Name the channel axis with {layout}."),
        )
    space = [letter for letter in SPATIAL if letter in member.grid]
    if len(space) > 1 and "T" in space and member.grid["T"] == target["T"]:
        space.remove("T")
    wide, deep = (target, member.grid) if to_space else (member.grid, target)
    factors = {divmod(wide[letter], deep[letter]) if deep[letter] else (0, 0) for letter in space}
    factor, rest = next(iter(factors))
    if len(factors) > 1 or rest or factor < 1:
        raise _no_factor(member, options, target, space)
    neighbours = factor ** len(space)
    if to_space and channels % neighbours:
        raise _no_channels(branch, options, factor, space)
    out_channels = channels // neighbours if to_space else channels * neighbours
    blocks = convention_of(options).shuffle == "DCR"
    return grown(
        branch,
        Shuffle(to_space, factor, tuple(space), blocks, out_channels),
        member=resized(branch, {"C": out_channels, **{letter: target[letter] for letter in space}}),
        moved=True,
    )


def _no_factor(
    member: Member, options: Options, target: Mapping[str, int], space: Sequence[str]
) -> ShapeError:
    grows = METHODS[options.method].shuffles == "space"
    steps = [(letter, member.grid[letter], target[letter]) for letter in space]
    if all(after < before if grows else after > before for _, before, after in steps):
        other = worded("method", "pixel-unshuffle" if grows else "pixel-shuffle")
        hint = f"Choose {other}, or another {worded('to')} or {worded('scale')}."
    elif grows:
        target_words = worded("to", _scaled(member, space, 2))
        hint = f"Choose a target like {target_words}, or {worded('method', 'bilinear')}."
    else:
        hint = phrase("Crop or pad it to whole multiples of the target before, or choose {method:avg-pool}.")
    told = ", ".join(f"{letter} {before} to {after}" for letter, before, after in steps)
    return ShapeError(
        f"{member.spec.name}: {options.method} cannot bring {told}: "
        f"all must {'grow' if grows else 'shrink'} by one and the same whole factor",
        hint=hint,
    )


def _no_channels(branch: Branch, options: Options, factor: int, space: Sequence[str]) -> ShapeError:
    member, channels, rank = branch.member, branch.member.sizes["C"], len(space)
    fitting = [r for r in range(2, _MOST_OFFERED + 1) if channels % r**rank == 0]
    ways = [worded("to", _scaled(member, space, r)) for r in fitting[-1:]]
    if isinstance(branch.origin, Read):
        number = branch.origin.place + 1
        kernel = Blank(f"{number}=KERNEL", f"{{{number}: KERNEL}}")
        ways.append(f"{worded('project', kernel)} to change its channels")
    ways.append(worded("method", "bilinear"))
    return ShapeError(
        f"{member.spec.name}: axis C: {options.method} by {factor} makes one channel of {factor**rank} "
        f"({'x'.join([str(factor)] * rank)}), and {channels} is no multiple of that",
        hint=f"Choose {', '.join(ways[:-1])}{' or ' if ways[:-1] else ''}{ways[-1]}.",
    )


def _scaled(member: Member, space: Sequence[str], factor: int) -> str:
    """The grid that a factor leads to, as --to takes it."""
    return "x".join(str(size * factor if letter in space else size) for letter, size in member.grid.items())
