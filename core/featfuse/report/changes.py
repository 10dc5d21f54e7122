"""What is done to an axis, in the words of the report."""

from typing import assert_never

from featfuse.model.change import Change, ChangeKind

__all__ = ["change_text", "scale_text"]


def change_text(change: Change) -> str:  # noqa: PLR0912
    """`×2 bilinear`, `pad 1+2 reflect`, `=`: a change as a cell of the report says it."""
    match change.kind:  # one case for each kind: a missing one is a type error
        case ChangeKind.KEEP:
            return "="
        case ChangeKind.BROADCAST:
            return "broadcast"
        case ChangeKind.RESIZE:
            return f"{scale_text(change.in_size, change.out_size)} {change.name}"
        case ChangeKind.STRIDE:
            return f"stride {change.number}"
        case ChangeKind.CROP:
            return f"crop {change.before}+{change.after}"
        case ChangeKind.PAD:
            mode = "" if change.name == "constant" else f" {change.name}"
            return f"pad {change.before}+{change.after}{mode}"
        case ChangeKind.TILE:
            return f"tile ×{change.number}"
        case ChangeKind.REPEAT:
            return f"repeat ×{change.number}"
        case ChangeKind.ZERO_PAD:
            return f"zero-pad +{change.number}"
        case ChangeKind.TRUNCATE:
            return f"truncate to {change.number}"
        case ChangeKind.MEAN:
            return f"mean of {change.number}"
        case ChangeKind.OWN_CHANNELS:
            return "own channels"
        case _:
            assert_never(change.kind)


def scale_text(in_size: int, out_size: int) -> str:
    """`×2`, `×0.5`, `×1.981`: the factor as the report shows it."""
    return f"×{out_size / in_size:.4g}" if in_size else f"{in_size}→{out_size}"
