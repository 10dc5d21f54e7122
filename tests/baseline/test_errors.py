"""Every refusal says what it said: exit code and text on stderr, as `errors.json` has them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.amounts import only_slow

RECORD = Path(__file__).with_name("record.py")
GROUPS = list(json.loads(RECORD.with_name("errors.json").read_text()))
PARTS = (GROUPS[:1], *only_slow([GROUPS[1:]]))
"""Few, since each begins with making the input files."""


@pytest.mark.parametrize("groups", PARTS, ids=" ".join)
def test_every_error_text_is_the_recorded_one(groups: list[str]) -> None:
    told = subprocess.run(
        [sys.executable, RECORD, "--check", *groups], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, (
        f"{told.stdout}{told.stderr}\n"
        "If these texts were meant to change: python tests/baseline/record.py --errors rewrites errors.json."
    )
