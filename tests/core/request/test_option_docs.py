"""docs/options.md is OPTIONS as Markdown. `python tests/core/request/test_option_docs.py` writes it anew."""

from pathlib import Path

from featfuse import METHODS, REDUCES
from featfuse.request.conditions import Condition
from featfuse.request.kinds import SWITCH
from featfuse.request.option import Option
from featfuse.request.table import OPTIONS
from featfuse.wording import flag

PAGE = Path(__file__).parents[3] / "docs" / "options.md"

HEAD = """\
# Options

Every option of a fusion: of `fuse`, `fuse inspect` and `fuse batch`, and, with underscores for dashes, of
the Python verbs. One that nothing reads is an error, never ignored. This page is written from the table in
`core/featfuse/request/table.py`.
"""


def page() -> str:
    """The whole page, a table for each panel of --help."""
    parts = [HEAD]
    for panel in dict.fromkeys(row.panel for row in OPTIONS.values()):
        lines = [f"## {panel}", "", "| option | takes | default | read | what |", "|---|---|---|---|---|"]
        lines += [line(row) for row in OPTIONS.values() if row.panel == panel]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def line(row: Option) -> str:
    twin = f", `--no-{row.flag[2:]}`" if row.kind is SWITCH else ""
    short = f"`{row.short}`, " if row.short else ""
    takes = "" if row.kind is SWITCH else row.values_text
    cells = (f"{short}`{row.flag}`{twin}", takes, row.default_words, used(row), row.help_text)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def used(row: Option) -> str:
    """What must be chosen beside it."""
    users = [f"`{method.name}`" for method in METHODS.values() if row.name in method.options]
    users += [f"`--reduce {reducer.name}`" for reducer in REDUCES.values() if row.name in reducer.options]
    return "; ".join([*([", ".join(users)] if users else []), *map(told, row.when)]) or "always"


def told(condition: Condition) -> str:
    words = " ".join([flag(condition.other), *([" or ".join(condition.values)] if condition.values else [])])
    return f"{'with' if condition.wanted else 'not with'} `{words}`"


def test_the_page_is_the_table() -> None:
    assert PAGE.read_text() == page()


if __name__ == "__main__":
    PAGE.write_text(page())
