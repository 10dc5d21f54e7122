"""Conditions: what must hold beside an option for it to be read. An option that nothing reads is refused."""

from typing import NamedTuple

__all__ = ["Condition", "beside", "instead_of", "only", "unless"]


class Condition(NamedTuple):
    """Looks at the option `other`: whether it is given (`values` None), or has one of `values`, given or by
    default; `wanted` says which answer lets the option be read.

    `message` and `hint` make the error, as `wording.phrase` reads them; they know {option}, {other}, {value}
    (of the other) and {values}.
    Where it does not hold, the pipeline leaves the option out if it `hides` it.
    """

    other: str
    values: tuple[str, ...] | None
    wanted: bool
    message: str
    hint: str
    hides: bool = True

    def holds(self, value: object) -> bool:
        """Whether the option is read beside this value of the other."""
        if self.values is None:
            return (value is not None) is self.wanted
        return (isinstance(value, str) and value in self.values) is self.wanted


def beside(other: str) -> Condition:
    """Read only where `other` is given too."""
    return Condition(other, None, True, "{option} needs {other}", "Give both, or leave {option} out.")


def instead_of(
    other: str, message: str = "{option} does not go with {other}", hint: str = "", *, hides: bool = True
) -> Condition:
    """Read only where `other` is not given."""
    return Condition(other, None, False, message, hint, hides)


def only(other: str, *values: str) -> Condition:
    """Read only where `other` has one of `values`."""
    hint = "It belongs to: {values}." if len(values) > 1 else "It belongs to {other:{values}}."
    return Condition(other, values, True, "{option} is not used by {other:{value}}", hint)


def unless(
    other: str,
    *values: str,
    hint: str,
    message: str = "{option} is not used by {other:{value}}",
    hides: bool = True,
) -> Condition:
    """Read only where `other` has none of `values`."""
    return Condition(other, values, False, message, hint, hides)
