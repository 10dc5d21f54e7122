"""Whether there is room, looked at in processes with a limit and without."""

import resource
import subprocess
import sys

import pytest

ASK = """
from featfuse.process.address_space import has_room, may_load_hdf5, may_load_numpy, multipliers
print(has_room(1 << 30), has_room(1 << 20), may_load_numpy(), may_load_hdf5())
if may_load_numpy():
    print(multipliers(4, 1 << 20))
else:
    print("no NumPy")
"""


def asked(megabytes: int | None) -> list[str]:
    def limit() -> None:
        if megabytes:
            resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))

    line = [sys.executable, "-c", ASK]
    run = subprocess.run(line, capture_output=True, check=True, text=True, preexec_fn=limit)
    return run.stdout.splitlines()


@pytest.mark.parametrize(
    ("megabytes", "room", "multiplying"),
    [
        (None, "True True True True", "4"),
        (4000, "True True True True", "4"),
        (400, "False True True True", "1"),
        (90, "False True False True", "no NumPy"),
        (32, "False True False False", "no NumPy"),
    ],
)
def test_room_under_a_limit(megabytes: int | None, room: str, multiplying: str) -> None:
    if sys.platform != "linux":
        pytest.skip("the figures are those of Linux")
    assert asked(megabytes) == [room, multiplying]
