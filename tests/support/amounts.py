"""How much is tried: a few cases whenever tests run, many when the slow ones are asked for."""

import os
from collections.abc import Iterable
from typing import Any

import pytest

__all__ = ["few_or_many", "only_slow", "slow_but", "slow_is_wanted"]


def slow_is_wanted(config: pytest.Config) -> bool:
    """FEATFUSE_SLOW=1 adds the slow tests to the others; `-m slow` selects them alone."""
    return bool(os.environ.get("FEATFUSE_SLOW")) or "slow" in config.option.markexpr


def few_or_many(few: Any, many: Any) -> list[Any]:
    """Two values of a parameter: an amount for every run, and a slow one with many more cases of the kind."""
    return [pytest.param(few, id="few"), pytest.param(many, id="many", marks=pytest.mark.slow)]


def only_slow(values: Iterable[Any]) -> list[Any]:
    """Further values of a parameter, for slow runs."""
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]


def slow_but(values: Iterable[Any], *always: Any) -> list[Any]:
    """All the values of a parameter, in their order: `always` in every run, the others in slow ones."""
    return [value if value in always else pytest.param(value, marks=pytest.mark.slow) for value in values]
