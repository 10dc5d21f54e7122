"""The benchmarks run, find what is wrong, and judge as their goals say. No time is tested here."""

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

FOLDER = Path(__file__).parent


def script(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(FOLDER / name), *arguments], check=False, capture_output=True, text=True
    )


@pytest.fixture
def load(monkeypatch):
    """The benchmarks import each other by their plain names, which nothing else shall see."""
    monkeypatch.syspath_prepend(str(FOLDER))
    before = set(sys.modules)

    def load_module(name: str) -> ModuleType:
        return importlib.import_module(name)

    yield load_module
    for name in set(sys.modules) - before:
        if str(FOLDER) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.mark.slow
def test_a_page_is_written_and_every_output_agrees(tmp_path):
    page = tmp_path / "docs" / "page.md"
    options = ("--mib", "1", "--runs", "1", "--only", "hdf5*", "--folder", str(tmp_path))
    done = script("run.py", *options, "--markdown", str(page))
    assert done.returncode == 0, done.stderr
    text = page.read_text(encoding="utf-8")
    assert done.stdout.strip() == text.strip()
    assert "| hdf5-gzip | featfuse | at most 1.1 × h5py |" in text
    assert "WRONG:" not in text
    assert "FAILED" not in text
    assert [path.name for path in tmp_path.iterdir()] == ["docs"], "the data is removed"


def test_unknown_workload_is_refused():
    done = script("run.py", "--only", "no-such")
    assert done.returncode != 0
    assert "no-such" in done.stderr


def test_outputs_that_differ_are_told(tmp_path):
    values = np.linspace(-1, 1, 24, dtype=np.float32).reshape(2, 3, 4)
    other = values.copy()
    other[1, 2, 3] += 1e-3
    odd = values.copy()
    odd[0, 0, 0] = np.nan
    arrays = {"ours": values, "same": values, "other": other, "odd": odd, "turned": values.T}
    for name, array in arrays.items():
        np.save(tmp_path / f"{name}.npy", array)
    done = script("check.py", "1e-5", *(str(tmp_path / f"{name}.npy") for name in arrays))
    told = [Path(line.partition(": ")[0]).stem for line in done.stdout.splitlines()]
    assert told == ["other", "odd", "turned"]


def test_a_wrong_or_failing_command_is_named_in_the_table(load, tmp_path):
    workload, measure, goals = load("workload"), load("measure"), load("goals")
    save = "import numpy as np; np.save({!r}, np.full((2, 2), {}, 'f4'))"
    commands = {
        "featfuse": measure.Command(workload.python(save.format("ours.npy", 1)), ("ours.npy",)),
        "torch": measure.Command(workload.python(save.format("torch.npy", 2)), ("torch.npy",)),
        "SciPy": measure.Command(workload.python("raise SystemExit('no | memory')"), ("scipy.npy",)),
    }
    asked = (goals.Faster(1, "torch"), goals.AtMost(1, "SciPy"), goals.AtMost(1, "not installed"))
    result = load("run").run(workload.Workload("w", "a workload", {}, commands, asked), 1, tmp_path)
    assert list(load("table").goal_rows(result)) == [
        "| w | featfuse | at least 1 × as fast as torch | torch: WRONG | no |",
        "| w | featfuse | at most 1 × SciPy | SciPy: FAILED | no |",
    ]
    page = load("table").document([result], "command", load("peers").Peers(None))
    assert "FAILED: no / memory" in page
    assert "torch — WRONG: differs by 5.0e-01" in page


def test_goals_are_judged_by_the_median_of_the_rounds(load):
    goals, measure = load("goals"), load("measure")

    def runs(*seconds: float, peak: int = 0, imports: float = 0) -> list:
        return [measure.Run(one, peak, one - imports) for one in seconds]

    done = {"featfuse": runs(1, 2, 8), "cp": runs(1, 1, 2), "torch": runs(5, 7, 9, imports=3)}
    assert goals.AtMost(2, "cp").judge(done) == ("2.00 ×", True)
    assert goals.AtMost(1.9, "cp").judge(done) == ("2.00 ×", False)
    assert goals.Faster(3.5, "torch").judge(done) == ("3.50 ×", True)
    # less its import of 3 s: 2/1, 4/2, 6/8
    assert goals.Faster(2, "torch", imported=True).judge(done) == ("2.00 ×", True)
    assert goals.Faster(2.1, "torch", imported=True).judge(done) == ("2.00 ×", False)

    sized = {"small": runs(2, peak=300_000_000), "large": runs(5, peak=400_000_000), "tiny": runs(1)}
    assert goals.PeakAbove(150, 256_000_000, ("small", "large")).judge(sized) == ("+144 MB", True)
    assert goals.PeakAbove(140, 256_000_000, ("small", "large")).judge(sized) == ("+144 MB", False)
    sizes = (("small", 1), ("large", 4))
    assert goals.Flat(1.6, sizes).judge(sized) == ("1.60 ×", True)
    assert goals.Flat(1.3, sizes).judge(sized) == ("1.60 ×", False)
    assert goals.Flat(1.3, sizes, "tiny").judge(sized) == ("1.00 ×", True)


def test_another_checkout_runs_the_same_commands_beside_this_one(load, tmp_path):
    measure, workload = load("measure"), load("workload")
    command = measure.Command(workload.fuse("a.npy", "b.npy", "-o", "fused.npy"), ("fused.npy",))
    copy = measure.Command(("cp", "a.npy", "copies"), ("copies",), compared=False)
    given = workload.Workload("w", "a workload", {}, {"featfuse": command, "cp": copy})
    beside = load("against").beside_checkout(given, tmp_path)
    twin = "featfuse, the other checkout"
    assert list(beside.commands) == ["featfuse", twin]
    assert beside.commands[twin].argv == workload.fuse("a.npy", "b.npy", "-o", "other-fused.npy")
    assert beside.commands[twin].checkout == tmp_path
    path = measure.environment(tmp_path)["PYTHONPATH"]
    assert path.split(":") == [str(tmp_path / "core"), str(tmp_path / "cli")]

    runs = {
        label: [measure.Run(time, peak, processor=2 * time)]
        for label, time, peak in (("featfuse", 1.06, 6 << 20), (twin, 1, 3 << 20))
    }
    judged = [goal.judge(runs) for goal in beside.goals]
    assert judged == [("1.06 ×", False), ("1.06 ×", False), ("+3.0 MiB", False)]
