"""The one tree of errors."""

import pytest
from featfuse import FeatfuseError, InputError, RunError, ShapeError, UsageError
from featfuse.errors import meant


def test_errors_have_one_root_and_an_exit_code_each() -> None:
    codes = {kind: kind.exit_code for kind in (RunError, UsageError, ShapeError, InputError)}
    assert codes == {RunError: 1, UsageError: 2, ShapeError: 3, InputError: 4}
    assert all(issubclass(kind, FeatfuseError) for kind in codes)
    error = ShapeError("what", hint="how", commands=["fuse a", "fuse b"])
    assert str(error) == "what\nhow\n  fuse a\n  fuse b"


@pytest.mark.parametrize(
    ("names", "hint"),
    [
        ([], ""),
        (["a"], "Did you mean a?"),
        (["a", "b"], "Did you mean a or b?"),
        (["a", "b", "c"], "Did you mean a, b or c?"),
    ],
)
def test_what_may_have_been_meant(names: list[str], hint: str) -> None:
    assert meant(names) == hint
