"""How the property tests draw cases and run the command line.

FEATFUSE_SLOW=1 draws other cases on every run.
"""

import os

from featfuse_cli.app import app
from hypothesis import HealthCheck, note, settings
from typer.testing import CliRunner, Result

__all__ = ["drawn", "run_fuse", "run_in"]

SLOW = bool(os.environ.get("FEATFUSE_SLOW"))
DOCUMENTED = {0, 1, 2, 3, 4, 5, 130}


def drawn(examples: int) -> settings:
    return settings(
        max_examples=examples,
        derandomize=not SLOW,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def run_in(memory: str | None, *args: str) -> Result:
    """`fuse ARGS` with so much --memory, or, where that is told to be too little, with more."""
    result = run_fuse(*args, *(["--memory", memory] if memory else []))
    if memory and "is too small: one window needs" in result.stderr:
        assert result.exit_code == 2
        result = run_fuse(*args, "--memory", "1M")
    return result


def run_fuse(*args: str) -> Result:
    """`fuse ARGS` in this process; anything but an exit is a bug."""
    result = CliRunner().invoke(app, list(args), prog_name="fuse")
    note(f"fuse {' '.join(args)}\nexit {result.exit_code}\n{result.stderr}")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code in DOCUMENTED
    if result.exit_code and args[0] != "inspect":  # inspect answers with the code alone
        assert result.stderr.startswith(("error: ", "Usage: ")), result.stderr
    return result
