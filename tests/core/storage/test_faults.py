"""What the system says, as an error that names the output and a way out."""

import errno
import os

import pytest
from featfuse.errors import RunError
from featfuse.storage.faults import write_faults


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ENOSPC, "Free some space"),
        (errno.EMFILE, "ulimit -n"),
        (errno.EROFS, "read-only"),
        (errno.EIO, ""),
    ],
)
def test_faults_name_the_output(number: int, hint: str) -> None:
    with pytest.raises(RunError) as told, write_faults("x.npy"):
        raise OSError(number, os.strerror(number))
    assert told.value.message == f"x.npy: cannot be written: {os.strerror(number)}"
    assert hint in told.value.hint
    assert bool(hint) == bool(told.value.hint)
