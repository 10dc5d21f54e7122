"""The question which axis is which: every answer with what follows from it, and the options that give it."""

from featfuse.errors import FeatfuseError, ShapeError
from featfuse.planning.readings import AmbiguousLayout, Answer
from featfuse.report.describe import axis_rows
from featfuse.report.shape_report import AxisRow
from featfuse.text import shape_text

__all__ = ["told_in_full"]


def told_in_full(error: ShapeError) -> ShapeError:
    """The error itself; of an open question, one that puts the answers side by side."""
    return _question(error) if isinstance(error, AmbiguousLayout) else error


def _question(asked: AmbiguousLayout) -> ShapeError:
    lines = [f"  {answer.words}: {_consequence(answer)}" for answer in asked.answers]
    return ShapeError(f"{asked.message}:", details=lines, hint=asked.hint)


def _consequence(answer: Answer) -> str:
    outcome = answer.outcome
    if isinstance(outcome, FeatfuseError):
        return f"refused, {outcome.message}"
    axes = "; ".join(_axis(row) for row in axis_rows(outcome))
    return f"{axes} → {shape_text(outcome.shape)}"


def _axis(row: AxisRow) -> str:
    """`H 64, 32 ×2 bilinear`: the sizes, and what is done to each."""
    parts = [
        "-" if size is None else f"{size}{'' if action in ('', '=') else ' ' + action}"
        for size, action in zip(row.sizes, row.actions, strict=True)
    ]
    return f"{row.axis} {', '.join(parts)}"
