"""Which output this process put in its place last: what an interrupted run says it leaves.

It imports nothing, so that the command line can ask before, and without, any storage.
"""

__all__ = ["forget_written", "last_written", "note_written"]

_names: list[str] = []


def note_written(name: str) -> None:
    """The output `name` stands, and is whole."""
    _names[:] = [name]


def last_written() -> str | None:
    """The latest output since `forget_written`, None when there is none."""
    return _names[-1] if _names else None


def forget_written() -> None:
    """A new command begins."""
    _names.clear()
