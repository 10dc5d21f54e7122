"""The text of --help: options by panel, readable at any width, in ASCII.

Typer's own pages cut names and squeeze texts into columns of a few letters where a terminal is narrow.
(Its contexts and parameters are `Any` here: their classes are private to it.)
"""

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import typer
from featfuse.report.shape_table import PLAIN_WIDTH

from featfuse_cli.text import MOST_USED, takes_colours

__all__ = ["MOST_USED", "help_page", "option_words", "usage", "write_page"]

_WIDEST, _NARROWEST = 100, 40
_TEXT_AT, _LEAST_TEXT = 30, 44
"""Where the texts of options begin, if that many columns are left for them; else they stand below."""


def write_page(command: Any, ctx: Any, formatter: Any) -> None:
    """The page of `command`, as wide as the terminal, to Typer's formatter."""
    bold = takes_colours(sys.stdout)
    page = help_page(command, ctx, max(_NARROWEST, min(_columns(), _WIDEST)))
    shown = (typer.style(line, bold=True) if bold and head else line for line, head in page)
    formatter.write("\n".join(shown))


def _columns() -> int:
    """Of the terminal, be it behind a pager, in which case stderr still leads to it."""
    behind = PLAIN_WIDTH
    with suppress(OSError, ValueError):
        behind = os.get_terminal_size(sys.stderr.fileno()).columns
    return shutil.get_terminal_size((behind, 0)).columns


def help_page(command: Any, ctx: Any, width: int) -> Iterator[tuple[str, bool]]:
    """The page line by line, each with whether it is a heading."""
    yield from _plainly(_wrapped(f"Usage: {usage(command, ctx)}", width, "    "))
    for paragraph in (command.help or "").split("\n\n"):
        yield "", False
        yield from _plainly(_wrapped(paragraph, width))
    for title, rows in _panels(command, ctx).items():
        yield "", False
        yield f"{title}:", True
        for words, text in rows:
            yield from _plainly(_entry(words, text, width))
    for block in (command.epilog or "").strip().split("\n\n"):
        yield "", False
        yield from _block(block, width)


def usage(command: Any, ctx: Any) -> str:
    """The command with what it takes: `fuse run [OPTIONS] INPUT...`."""
    arguments = [param.metavar for param in command.params if param.param_type_name == "argument"]
    commands = getattr(command, "subcommand_metavar", None)
    return " ".join([ctx.command_path, "[OPTIONS]", *arguments, *([commands] if commands else [])])


def option_words(param: Any) -> str:
    """How an option is written, its short form first: `-m, --method NAME`, `    --[no-]antialias`."""
    short = [name for name in param.opts if not name.startswith("--")]
    (long,) = (name for name in param.opts if name.startswith("--"))
    if param.secondary_opts:
        long = f"--[no-]{long[2:]}"
    value = "" if param.is_flag or param.count else f" {param.metavar}"
    return f"{short[0] if short else '':2}{',' if short else ' '} {long}{value}"


def _panels(command: Any, ctx: Any) -> dict[str, list[tuple[str, str]]]:
    """What stands under each title: arguments, options in the order of their panels, commands."""
    panels: dict[str, list[tuple[str, str]]] = {"Arguments": [], MOST_USED: []}
    rest: list[tuple[str, str]] = []
    for param in command.get_params(ctx):
        if param.hidden:
            continue
        if param.param_type_name == "argument":
            panels["Arguments"].append((param.metavar, param.help))
            continue
        row = (option_words(param), param.help)
        if param.rich_help_panel is None:
            rest.append(row)
        else:
            panels.setdefault(param.rich_help_panel, []).append(row)
    names = getattr(command, "commands", {})
    panels["Commands"] = [(name, names[name].help.split("\n\n")[0]) for name in names]
    alone = not any(panels[name] for name in panels if name not in ("Arguments", "Commands"))
    panels["Options" if alone else "Other"] = rest
    return {title: rows for title, rows in panels.items() if rows}


def _entry(words: str, text: str, width: int) -> list[str]:
    """Name and text side by side; one below the other where either has too little room."""
    if width - _TEXT_AT < _LEAST_TEXT:
        return [f"  {words.strip()}", *_wrapped(text, width, " " * 6, " " * 6)]
    name, indent = f"  {words}", " " * _TEXT_AT
    lines = _wrapped(text, width, indent, indent)
    if len(name) > _TEXT_AT - 2:
        return [name, *lines]
    return [name + lines[0][len(name) :], *lines[1:]]


def _block(block: str, width: int) -> Iterator[tuple[str, bool]]:
    """Perhaps a heading, then sentences, and indented commands, which stay fit to be pasted."""
    lines = block.split("\n")
    if lines[0].endswith(":"):
        yield lines.pop(0), True
    sentence: list[str] = []
    for line in [*lines, ""]:
        if line.startswith("  "):
            yield from _plainly(_command(line.strip(), width))
            continue
        sentence.append(line)
        if line.endswith(":") or not line:
            yield from _plainly(_wrapped(" ".join(sentence), width))
            sentence = []


def _command(line: str, width: int) -> list[str]:
    """A command, continued on further lines where it is too long for one."""
    together = re.sub(r"(?<= )(-\S+) (?!-)", "\\1\0", line)  # an option and its value stay together
    parts = _wrapped(together, width - 2, later="      ", first="  ")
    *continued, last = (part.replace("\0", " ") for part in parts)
    return [*(f"{part} \\" for part in continued), last]


_WHOLE_WORDS: Any = {"break_long_words": False, "break_on_hyphens": False}


def _wrapped(text: str, width: int, later: str = "", first: str = "") -> list[str]:
    words = " ".join(text.split())
    return textwrap.wrap(words, width, initial_indent=first, subsequent_indent=later, **_WHOLE_WORDS)


def _plainly(lines: list[str]) -> Iterator[tuple[str, bool]]:
    return ((line, False) for line in lines)
