"""The shape-diff report: what was done to every axis of every input. It prints itself.

Built from a plan, before any data; the run adds the size on disk, the seconds and its warnings.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

from featfuse.text import human_bytes, json_text, shape_text, visible

__all__ = [
    "AxisRow",
    "InputRow",
    "MaskRow",
    "OutputRow",
    "ShapeReport",
    "Suggestion",
    "cell_text",
    "size_text",
]

AXIS_MEANINGS: Mapping[str, str] = {
    "N": "batch",
    "C": "channels",
    "D": "depth",
    "H": "height",
    "W": "width",
    "T": "time",
    "L": "tokens",
    "S": "stacked inputs",
}


class InputRow(NamedTuple):
    """One input as the report shows it."""

    name: str
    path: str | None
    key: str | None
    format: str | None
    shape: tuple[int, ...]
    dtype: str
    layout: str | None
    layout_source: str | None


class AxisRow(NamedTuple):
    """One axis: each input's size (None: it has no such axis), what happens to it, the result."""

    axis: str
    sizes: tuple[int | None, ...]
    actions: tuple[str, ...]
    output: int | None

    @property
    def meaning(self) -> str:
        """The axis letter in words."""
        return AXIS_MEANINGS.get(self.axis, "axis")


class OutputRow(NamedTuple):
    """The result; `bytes` is of the data, before compression and headers."""

    path: str | None
    key: str | None
    format: str | None
    shape: tuple[int, ...]
    dtype: str
    layout: str | None
    bytes: int


class MaskRow(NamedTuple):
    """The mask: where it comes from (`auto`: shape None), and which inputs it multiplies."""

    name: str
    shape: tuple[int, ...] | None
    layout: str | None
    mode: str
    inverted: bool
    inputs: tuple[str, ...]

    def __str__(self) -> str:
        what = (
            f"{self.name}  {shape_text(self.shape)} ({self.layout})" if self.shape is not None else self.name
        )
        inverted = ", inverted" if self.inverted else ""
        return f"mask: {what}{inverted}, {self.mode}: {', '.join(self.inputs)}"


class Suggestion(NamedTuple):
    """A command that would work, and the shape it would give."""

    command: str
    output_shape: tuple[int, ...]


class ShapeReport(NamedTuple):
    """The plan in words: `print(report)`, `report.to_json()`, or the fields.

    `compatibility` speaks of the inputs as they are: "identical", "broadcast" or "mismatch".
    `problem` says why the inputs do not fuse as asked (None when they do; then `output` is set).
    """

    command: str
    compatibility: str
    inputs: tuple[InputRow, ...]
    axes: tuple[AxisRow, ...]
    pipeline: Mapping[str, object]
    output: OutputRow | None
    problem: str | None = None
    mask: MaskRow | None = None
    levels: tuple[OutputRow, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float | None = None
    summary: str = ""

    def finished(
        self, *, seconds: float, warnings: tuple[str, ...] = (), notes: tuple[str, ...] = ()
    ) -> "ShapeReport":
        """The same report after the run, with what the run found."""
        return self._replace(seconds=seconds, warnings=self.warnings + warnings, notes=self.notes + notes)

    @property
    def layout_line(self) -> str:
        """The inputs' layouts and where each comes from."""
        by_source: dict[str, list[str]] = {}
        for row in self.inputs:
            if row.layout and row.layout_source and row.layout not in by_source.get(row.layout_source, []):
                by_source.setdefault(row.layout_source, []).append(row.layout)
        return "; ".join(f"{' and '.join(layouts)}, {source}" for source, layouts in by_source.items())

    def to_dict(self) -> dict[str, object]:
        """The object that `--json` prints (schema 1)."""
        from featfuse.version import __version__

        def row_dict(row: object, names: str) -> dict[str, object]:
            return {name: _plain(getattr(row, name)) for name in names.split()}

        result: dict[str, object] = {
            "schema": 1,
            "featfuse": __version__,
            "command": self.command,
            "compatibility": self.compatibility,
            "inputs": [
                row_dict(row, "name path key format shape dtype layout layout_source") for row in self.inputs
            ],
            "axes": [
                {
                    "axis": row.axis,
                    "sizes": list(row.sizes),
                    "actions": [action.replace("×", "x") for action in row.actions],
                    "output": row.output,
                }
                for row in self.axes
            ],
            "pipeline": {name: _plain(value) for name, value in self.pipeline.items()},
            "output": self.output and row_dict(self.output, "path key format shape dtype layout bytes"),
            "suggestions": [row_dict(row, "command output_shape") for row in self.suggestions],
            "warnings": list(self.warnings),
            "seconds": self.seconds,
        }
        if self.problem is not None:
            result["problem"] = self.problem
        if self.notes:
            result["notes"] = list(self.notes)
        if self.mask is not None:
            result["mask"] = row_dict(self.mask, "name shape layout mode inverted inputs")
        if self.levels:
            result["levels"] = [
                row_dict(row, "path key format shape dtype layout bytes") for row in self.levels
            ]
        return result

    def to_json(self) -> str:
        """One JSON object, indented."""
        return json_text(self.to_dict())

    def __repr__(self) -> str:
        """What the command line prints, without colour."""
        from featfuse.report.shape_table import PLAIN_WIDTH, plain_lines, report_table

        table = report_table(self, PLAIN_WIDTH, visible) if self.axes else None
        return "\n".join(plain_lines(self, table, visible))

    def head_lines(self) -> list[str]:
        """What stands above the table: the pipeline in a line, the layout with its origin."""
        lines = [self.summary] if self.summary else []
        if self.layout_line:
            lines.append(f"layout: {self.layout_line}")
        return lines

    def foot_lines(self) -> list[str]:
        """What stands below the table: the problem or the output, and the warnings."""
        lines = self.problem.split("\n") if self.problem else []
        if self.mask is not None:
            lines.append(str(self.mask))
        lines += [_output_line(row, self.command) for row in self.levels or (self.output,) if row is not None]
        if self.seconds is not None and self.output is not None:
            lines[-1] += f", {self.seconds:.2f} s"
        lines += self.notes
        lines += [f"warning: {warning}" for warning in self.warnings]
        if self.suggestions:
            lines += ["", "what would work:"]
            for row in self.suggestions:
                lines += [f"  {row.command}", f"    -> {shape_text(row.output_shape)}"]
        return lines


def _output_line(out: OutputRow, command: str) -> str:
    where = out.path or ("output" if command == "inspect" else "array")
    where += f"::{out.key}" if out.key else ""
    return f"{where}  {shape_text(out.shape)} {out.dtype}, {human_bytes(out.bytes)}"


def _plain(value: object) -> object:
    """Tuples as lists, mappings as dicts: what JSON can say."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    return value


def size_text(size: int | None) -> str:
    """A size, or a dash where there is none."""
    return "-" if size is None else str(size)


def cell_text(size: int | None, action: str) -> str:
    """One cell of the table: the size and what happens to it."""
    return f"{size_text(size)} {action}".strip()
