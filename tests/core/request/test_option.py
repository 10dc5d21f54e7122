"""What a row says of its option."""

import pytest
from featfuse.request import kinds
from featfuse.request.table import OPTIONS

rows = pytest.mark.parametrize("row", OPTIONS.values(), ids=OPTIONS)


@rows
def test_a_row_says_what_a_reader_needs(row) -> None:
    assert row.help_text.endswith((".", "fuse methods"))
    assert row.values_text
    assert row.default_words
    assert (row.metavar is None) == (row.kind is kinds.SWITCH)
    assert row.choices or row.kind is not kinds.CHOICE
