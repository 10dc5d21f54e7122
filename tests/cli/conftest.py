"""Every test here runs in a folder of its own."""

import pytest


@pytest.fixture(autouse=True)
def own_folder(in_tmp_path: None) -> None:
    """See `in_tmp_path`."""
