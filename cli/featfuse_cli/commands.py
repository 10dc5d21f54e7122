"""The commands by name, each loaded and built when it is asked for.

Typer inspects every parameter of a command when it builds it, and `run`, `inspect` and `batch` have
dozens: a call pays for the one it names. Only help and completion look at all of them.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import typer

__all__ = ["MAIN", "Commands"]

MAIN = "run"

_RUN_EPILOG = """\
[bold]Examples[/bold]
Resize the smaller map, repeat its 16 channels to 32, add:
  fuse a.npy b.npy --method bilinear --channels tile
Pad the smaller map on every side by reflecting its border, add:
  fuse a.npy b.npy --method pad --pad-mode reflect -o padded.npy
Join along the channels:
  fuse a.npy b.h5::feat/l3 --combine concat -o joined.safetensors

[bold]Exit codes[/bold]
0 done, 1 the run failed, 2 wrong usage, 3 the shapes cannot be fused as
asked, 4 an input cannot be read, 130 interrupted
"""

_BATCH_EPILOG = """\
[bold]Examples[/bold]
Two folders, files matched by name:
  fuse batch stage2/ stage3/ --out fused/ --method bilinear
Named fields, other formats:
  fuse batch 'a/{id}.npy' 'b/{id}.h5::feat' --out 'out/{id}.safetensors' -m nearest
Keys of one file into keys of another:
  fuse batch 'feats.h5::{id}/l3' 'feats.h5::{id}/l4' --out 'fused.h5::{id}' -m nearest

[bold]Exit codes[/bold]
0 all done, 5 some items failed, 1 to 4 nothing was begun, 130 interrupted
"""

_EPILOGS: Mapping[str, str | None] = {
    MAIN: _RUN_EPILOG,
    "inspect": None,
    "batch": _BATCH_EPILOG,
    "methods": None,
}
"""What stands below each command's help. The function `name` in the module `name` is the command."""


class Commands(Mapping[str, Any]):
    """Typer's commands by name. (They are `Any` here: their class is private to Typer.)"""

    def __init__(self) -> None:
        self._built: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._built:
            self._built[name] = _build(name)
        return self._built[name]

    def __contains__(self, name: object) -> bool:
        return name in _EPILOGS

    def __iter__(self) -> Iterator[str]:
        return iter(_EPILOGS)

    def __len__(self) -> int:
        return len(_EPILOGS)


def _build(name: str) -> Any:
    """One command as Typer makes it; KeyError when there is none of this name."""
    epilog = _EPILOGS[name]
    alone = typer.Typer(add_completion=False, rich_markup_mode="rich")
    alone.command(name, epilog=epilog)(getattr(import_module(f"featfuse_cli.{name}"), name))
    return typer.main.get_command(alone)
