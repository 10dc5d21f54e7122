"""`PATH[::KEY]`: where a tensor is, taken apart once."""

from itertools import chain
from pathlib import Path
from typing import NamedTuple

from featfuse.errors import UsageError
from featfuse.formats.registry import find_format

__all__ = ["Address"]


class Address(NamedTuple):
    """A file, and the key of a tensor in it (None when not given). As text it is what it was made of."""

    path: str
    key: str | None = None

    @classmethod
    def of(cls, place: "str | Path | Address") -> "Address":
        """`place` itself, or as `parse` takes it apart."""
        return place if isinstance(place, Address) else cls.parse(str(place))

    @classmethod
    def parse(cls, text: str) -> "Address":
        """`PATH[::KEY]` taken apart.

        The longest part of `text` that exists as a file is the path, so `a::b.npy` can be named. When none
        exists, the path ends at the first `::` behind a format's suffix; without one, all of it is a path if
        it ends in a suffix, and it ends at the first `::` if not. Raises UsageError when nothing stands
        before or after the `::`.
        """
        if "::" not in text or _is_file(text):
            return cls(text)
        cuts = [index for index in range(len(text)) if text.startswith("::", index)]
        existing = (index for index in reversed(cuts) if _is_file(text[:index]))
        suffixed = (index for index in cuts if find_format(text[:index]))
        cut = next(chain(existing, suffixed), None)
        if cut is None:
            if find_format(text) and not text.startswith("::"):
                return cls(text)
            cut = cuts[0]
        path, key = text[:cut], text[cut + 2 :]
        if not path or not key:
            missing = "KEY after" if path else "PATH before"
            raise UsageError(f"{text}: there is no {missing} the ::", hint="Write PATH::KEY, or PATH alone.")
        return cls(path, key)

    def __str__(self) -> str:
        return self.path if self.key is None else f"{self.path}::{self.key}"


def _is_file(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # too long for a path, or a NUL in it
        return False
