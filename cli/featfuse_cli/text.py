"""Names of files and tensors as a terminal may safely show them. No Rich here: errors need it too."""

__all__ = ["PIPE_WIDTH", "visible"]

PIPE_WIDTH = 80
"""Columns of what is no terminal."""


def visible(text: str, keep: str = "") -> str:
    """`text` with every character that is not printable written as an escape, except those in `keep`.

    A file name can hold anything: escape sequences that repaint the terminal, marks that reverse the
    direction of reading, bytes that are not text at all.
    """
    return "".join(
        char if char.isprintable() or char in keep else char.encode("unicode_escape").decode("ascii")
        for char in text
    )
