"""Value: records that never change and are equal when they are of one class and hold equal things."""

from typing import Any, NoReturn, Self, dataclass_transform

__all__ = ["Value"]


@dataclass_transform(frozen_default=True)
class Value:
    """A frozen dataclass, as type checkers see it; making the class takes a twentieth of the time.

    That time is part of every command's start, and a plan has many small classes. Unlike named tuples,
    records of two classes are never equal. Fields are the annotations of the class, in their order.
    """

    __match_args__: tuple[str, ...] = ()

    def __init_subclass__(cls) -> None:
        cls.__match_args__ = tuple(cls.__annotations__)  # type: ignore[misc]

    def __init__(self, *values: object, **named: object) -> None:
        fields, own = self.__match_args__, self.__dict__
        own.update(zip(fields, values, strict=False))
        for field in fields[len(values) :]:
            own[field] = named.pop(field) if field in named else getattr(type(self), field)
        if named or len(values) > len(fields):
            raise TypeError(f"{type(self).__name__} has {', '.join(fields)}, not {(*values, *named)}")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} cannot be changed: {name}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} cannot be changed: {name}")

    def __eq__(self, other: object) -> bool:
        return self.__dict__ == other.__dict__ if type(self) is type(other) else NotImplemented

    def __hash__(self) -> int:
        return hash((type(self), *self.__dict__.values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={it!r}' for name, it in self.__dict__.items())})"

    def _replace(self, **changes: Any) -> Self:
        return type(self)(**self.__dict__ | changes)
