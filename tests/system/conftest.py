"""Every test here runs in a folder of its own; and who else is at this machine."""

import os

import pytest

from tests.support.commands import Shell


@pytest.fixture(autouse=True)
def own_folder(in_tmp_path: None) -> None:
    """See `in_tmp_path`."""


@pytest.fixture
def stranger(shell: Shell) -> str:
    """The words that run a command as a user who is nobody here, and nobody's in a test beside this one.

    Root may start any number of processes and write anywhere; this user may only read what root may.
    """
    user = 54321 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    words = f"setpriv --reuid {user} --regid {user} --clear-groups"
    words += " --inh-caps +dac_read_search --ambient-caps +dac_read_search"
    if shell(f"{words} fuse --version").returncode:
        pytest.skip("only root, with setpriv, can be somebody else")
    return words
