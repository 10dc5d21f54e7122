"""How options are named to whoever reads a message: as flags to a shell, as keywords to Python.

A message is written once; where it names an option, it says `worded("method", "bilinear")`, or in a `phrase`
`{method:bilinear}`. Who reads it follows from the verb that was called: within `for_python()` it is a Python
caller, elsewhere a command line.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = [
    "Blank",
    "Named",
    "as_code",
    "either",
    "flag",
    "for_python",
    "is_for_python",
    "phrase",
    "together",
    "worded",
    "written",
]

_PYTHON = ContextVar("for_python", default=False)


@contextmanager
def for_python(wanted: bool = True) -> Iterator[None]:
    """Within the block whoever reads a message writes Python."""
    before = _PYTHON.set(wanted)
    try:
        yield
    finally:
        _PYTHON.reset(before)


def is_for_python() -> bool:
    """Whether a Python caller reads what is written now."""
    return _PYTHON.get()


def either(shell: str, python: str) -> str:
    """The words for the one who reads."""
    return python if is_for_python() else shell


def as_code(words: str) -> str:
    """What a shell is given, in backticks."""
    return either(f"`{words}`", words)


def flag(name: str) -> str:
    """The command-line spelling of an option."""
    return "--" + name.replace("_", "-")


def worded(name: str, *values: object) -> str:
    """An option alone, or with its value; of several values, with a choice of them.

    To a shell `--pad-value`, `--method pad`, `--channels tile or mean`, `--no-antialias` (of False); to
    Python `pad_value` in backticks, `method="pad"`, `channels="tile" or "mean"`, `antialias=False`.
    """
    if not values:
        return either(flag(name), f"`{name}`")
    if is_for_python():
        return f"{name}={_choice([written(value) for value in values])}"
    if isinstance(values[0], bool):
        return flag(name if values[0] else f"no_{name}")
    return f"{flag(name)} {_choice([_plain(value) for value in values])}"


def together(given: Mapping[str, object]) -> str:
    """Several options side by side: `--grid 14x14 --skip-tokens 1`, `grid="14x14", skip_tokens=1`."""
    return either(" ", ", ").join(worded(name, value) for name, value in given.items())


def _choice(words: Sequence[str]) -> str:
    """`a`, `a or b`, `a, b or c`."""
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


class Blank(str):
    """Stands for what the reader fills in: `INPUT`, the name of an array. In Python it bears no quotes."""

    __slots__ = ("python",)

    python: str

    def __new__(cls, shell: str, python: str | None = None) -> "Blank":
        """`python` is how Python writes it; the same when not given."""
        self = super().__new__(cls, shell)
        self.python = shell if python is None else python
        return self


def written(value: object, name: str = "value") -> str:
    """A value as Python writes it. A tensor, or whatever else has no text of its own, is called `name`."""
    if isinstance(value, Blank):
        return value.python
    if getattr(value, "shape", None) == ():  # a number of NumPy's
        value = value.item()  # type: ignore[attr-defined]
    if isinstance(value, str):
        text = repr(value)
        return text if '"' in text else f'"{text[1:-1]}"'
    if value is None or isinstance(value, (bool, int)):
        return repr(value)
    if isinstance(value, float):
        return _plain(value)
    if isinstance(value, (tuple, list)):
        words = ", ".join(written(item, name) for item in value)
        return f"[{words}]" if isinstance(value, list) else f"({words}{',' * (len(value) == 1)})"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{written(key)}: {written(item, name)}' for key, item in value.items())}}}"
    return written(str(value)) if hasattr(value, "__fspath__") else name


class Named(str):
    """An option that a template names by another word: its fields are those of the option itself."""

    __slots__ = ()

    def __format__(self, value: str) -> str:
        return worded(str(self), *map(_meant, value.split("|") if value else ()))


def _meant(word: str) -> object:
    """What a field of a template says behind its colon: `bilinear`, `255`, `True`, `<INPUT>`."""
    if word[0] + word[-1] == "<>":
        return Blank(word[1:-1])
    return {"True": True, "False": False}.get(word, int(word) if word.isdecimal() else word)


class _Words(dict[str, object]):
    def __missing__(self, name: str) -> Named:
        return Named(name)


def phrase(template: str, **words: object) -> str:
    """A template with its `words` filled in; every other field is an option, as `worded`.

    `Choose {channels:tile|mean}, or {combine:concat}.`, `{force:True} replaces it.`, `Give {like:<INPUT>}.`
    """
    return template.format_map(_Words(words))
