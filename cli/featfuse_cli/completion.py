"""Completion of `FILE::KEY`: the keys that the file holds, read from its header."""

import os
import shlex
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

__all__ = ["complete_input", "complete_whole_words", "typed_word"]

_PATIENCE = 2.0
"""Seconds that a shell waits for keys: none are offered after that."""

_MOST = 1000
"""Keys that are offered."""


def complete_input(incomplete: str) -> list[tuple[str, str]]:
    """Every `FILE::KEY` that begins as typed, with what it is; nothing before the `::`, where the shell
    offers files, and nothing where the file cannot be read."""
    cuts = [place for place in range(len(incomplete)) if incomplete.startswith("::", place)]
    files = ((cut, os.path.expanduser(incomplete[:cut].rpartition("=")[2])) for cut in reversed(cuts))  # noqa: PTH111
    cut, path = next((it for it in files if os.path.isfile(it[1])), (0, ""))  # noqa: PTH113
    if not path:
        return []
    start, key = incomplete[: cut + 2], incomplete[cut + 2 :]
    root = "/" if key.startswith("/") else ""
    keys = {f"{root}{name.removeprefix('/')}": told for name, told in _keys(path).items()}
    plain = {name: told for name, told in keys.items() if name.startswith(key) and shlex.quote(name) == name}
    return [(start + name, plain[name]) for name in list(plain)[:_MOST]]


def _keys(path: str) -> Mapping[str, str]:
    """The keys of a file in natural order, each with shape and element type. Never an error, never long."""
    with suppress(Exception), _in_time():
        from featfuse.formats.headers import natural_key
        from featfuse.io.readers import open_input

        with open_input(path) as reader:
            specs = reader.specs()
        return {
            key: f"{'x'.join(map(str, specs[key].shape)) or 'scalar'} {specs[key].dtype.name}"
            for key in sorted(filter(None, specs), key=natural_key)
        }
    return {}


@contextmanager
def _in_time() -> Iterator[None]:
    """TimeoutError in the block when it takes too long."""

    def ring(_number: int, _frame: object) -> None:
        raise TimeoutError

    if not hasattr(signal, "setitimer"):
        yield
        return
    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, _PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def complete_whole_words(param: Any) -> None:
    """Let a parameter of Typer's complete words with colons in bash, too, which takes them apart."""
    param.shell_complete = partial(_completed, param.shell_complete)


def _completed(complete: Callable[[Any, str], list[Any]], ctx: Any, incomplete: str) -> list[Any]:
    word, kept = typed_word(incomplete, os.environ)
    return [type(item)(item.value[kept:], help=item.help) for item in complete(ctx, word)]


def typed_word(incomplete: str, environ: Mapping[str, str]) -> tuple[str, int]:
    """The whole of the word that is being typed, and how many of its letters the shell keeps.

    Bash ends words at colons: of `f.h5::fe` it tells `f.h5`, `::` and `fe`, and replaces the last alone.
    """
    text = environ.get("COMP_WORDS", "")
    words = text.split("\n" if "\n" in text else " ")
    place = int(environ.get("COMP_CWORD") or 0)
    if not 0 < place < len(words):
        return incomplete, 0
    first = place
    while first > 0 and (_is_colon(words[first]) or _is_colon(words[first - 1])):
        first -= 1
    if first == place:
        return incomplete, 0
    last = "" if _is_colon(words[place]) else words[place]
    before = "".join(words[first : place + (not last)])
    with suppress(ValueError):  # an open quotation mark
        before, last = "".join(shlex.split(before)), "".join(shlex.split(last))
    return before + last, len(before)


def _is_colon(word: str) -> bool:
    return bool(word) and not word.strip(":")
