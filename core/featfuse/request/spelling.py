"""How a value of an option is spelt, for sentences."""

from featfuse.request.table import OPTIONS

__all__ = ["spelled"]


def spelled(name: str, value: object) -> str:
    """`64x48`, `H:2`: the word that the command line takes for this value."""
    return " ".join(OPTIONS[name].kind.spell(name, value))
