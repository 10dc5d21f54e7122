"""The pool of workers, some of them killed."""

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

from featfuse.batches.pool import run_in_processes
from featfuse.batches.work import Task
from featfuse.io.address import Address


def test_a_killed_worker_costs_its_item_only(pairs, plan, left):
    pairs(60)
    outcomes = plan("a/", "b/", out="o/", jobs=2).outcomes()
    done = [next(outcomes) for _ in range(5)]
    victim = multiprocessing.active_children()[0]
    os.kill(victim.pid, signal.SIGKILL)
    done += outcomes
    failed = [it for it in done if it.status == "failed"]
    assert len(done) == 60
    assert [it.error for it in failed] == ["the worker was killed by SIGKILL, perhaps for lack of memory"]
    assert len(list(Path("o").glob("*.npy"))) >= 59
    assert left() == []


def test_workers_killed_again_and_again(pairs, plan):
    pairs(30)
    killed, done = 0, []
    for outcome in plan("a/", "b/", out="o/", jobs=1).outcomes():
        done.append(outcome)
        children = multiprocessing.active_children()
        if len(done) % 10 == 5 and children:
            os.kill(children[0].pid, signal.SIGKILL)
            killed += 1
    assert killed == 3
    assert len(done) == 30
    assert sum(it.status == "failed" for it in done) == 3


def test_without_a_successor_the_others_go_on(pairs, plan, monkeypatch):
    pairs(30)
    outcomes = plan("a/", "b/", out="o/", jobs=2).outcomes()
    done = [next(outcomes) for _ in range(3)]

    def refuse(*_):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("multiprocessing.context.ForkServerProcess.start", refuse)
    os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)
    done += outcomes
    assert len(done) == 30
    assert sum(it.status == "failed" for it in done) == 1


def test_a_worker_that_ends_by_itself():
    tasks = [Task("x", (), Address("x"), {}, 0, 1), Task("y", (), Address("y"), {}, 0, 1)]
    outcomes = list(run_in_processes(tasks, 2))
    assert {it.status for it in outcomes} == {"failed"}
    assert not multiprocessing.active_children()


def test_no_worker_outlives_the_batch(pairs, run, plan):
    pairs(6)
    run("a/", "b/", out="o/")
    assert multiprocessing.active_children() == []
    outcomes = plan("a/", "b/", out="p/", jobs=2).outcomes()
    next(outcomes)
    outcomes.close()
    assert multiprocessing.active_children() == []


def test_a_script_needs_no_guard(pairs):
    """Workers do not run the caller's script."""
    pairs(3)
    script = 'import featfuse\nprint("once")\noptions = {"method": "nearest", "layout": "CHW", "jobs": 2}\n'
    Path("script.py").write_text(
        script + 'print(*sorted(it.status for it in featfuse.batch("a/", "b/", out="o/", **options)))\n'
    )
    told = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, check=True)
    assert told.stdout == "once\ndone done done\n"
    assert told.stderr == ""
