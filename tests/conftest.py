"""What holds for all tests, and running `fuse` for those that do: in this process (fast) and in a shell."""

import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.support.amounts import slow_is_wanted
from tests.support.commands import Fuse, MakeNpy, Shell, call_fuse, make_environment, make_random, shell_in

# A shell's background job (`... &` in a script) ignores Ctrl-C, and so would every command that a test starts
# and interrupts.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


SLOW = "slow: FEATFUSE_SLOW=1 runs them with the others, -m slow alone"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not slow_is_wanted(config):
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason=SLOW))


def reason_of(report: pytest.CollectReport | pytest.TestReport) -> str:
    """Why it was skipped, in its own words."""
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return reason.removeprefix("Skipped: ")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line: how many tests (or whole files of them) were skipped, and why."""
    skipped = Counter(map(reason_of, terminalreporter.stats.get("skipped", [])))
    if skipped:
        told = (f"{count} × {reason}" for reason, count in sorted(skipped.items()))
        terminalreporter.write_line("skipped: " + "; ".join(told))


@pytest.fixture
def in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test runs in a folder of its own, with a plain terminal."""
    monkeypatch.chdir(tmp_path)
    for name in ("COLUMNS", "FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def fuse() -> Fuse:
    """`fuse("a.npy", "--json")`, in this process."""
    return call_fuse


@pytest.fixture(scope="session")
def shell_env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which a shell finds `fuse`, installed or not."""
    return make_environment(tmp_path_factory.mktemp("bin"))


@pytest.fixture
def shell(shell_env: dict[str, str]) -> Shell:
    """`shell("fuse a.npy | wc -c")`, as typed; keywords are further environment variables."""
    return shell_in(shell_env)


@pytest.fixture
def make_npy() -> MakeNpy:
    """`make_npy("a.npy", (1, 4, 4, 2))` writes random numbers here."""
    return make_random


@pytest.fixture
def loaded(shell):
    """The modules that `fuse LINE` imports; stdout and stderr are pipes."""

    def call(line, exit_code=0):
        result = shell(f"fuse {line}", PYTHONPROFILEIMPORTTIME="1")
        assert result.returncode == exit_code, result.stderr.decode()
        rows = [row for row in result.stderr.decode().splitlines() if row.startswith("import time:")]
        modules = {row.split("|")[-1].strip() for row in rows}
        assert "featfuse_cli.app" in modules
        return modules

    return call
