"""The tests. A package so that `from tests.support import ...` finds this folder and no other."""

import pytest

pytest.register_assert_rewrite("tests.support")
