"""What `fuse batch` tells: tables, summaries, reasons."""

import json
import re
from pathlib import Path


def test_failures_are_named_with_reasons_and_the_code_is_5(batch, pairs, make_npy):
    pairs(5)
    Path("a/1.npy").write_bytes(Path("a/1.npy").read_bytes()[:-9])
    Path("b/2.npy").unlink()
    make_npy("b/3.npy", (5, 4, 4))
    told = batch("a/", "b/", "--out", "o/")
    assert told.exit_code == 5
    assert told.stdout.startswith("5 items: 2 done, 3 failed; ")
    before, _, after = told.stderr.partition("failed: 1: ")
    assert before.startswith("3 of 5 items cannot be fused:\n"), "a table before the work"
    assert "b/2.*" in before
    assert "a/1.npy" in after
    assert "\nfailed: 2: no partner in b/: b/2.*\n" in after
    assert "\nfailed: 3: axis C: channel counts differ" in after
    assert "5" in after
    assert "Traceback" not in told.stderr


def test_equal_reasons_are_told_once(batch, pairs, make_npy):
    """With a count and a few names; --json and the manifest have each."""
    pairs(9)
    for number in range(6):
        make_npy(f"b/{number}.npy", (5, 4, 4))
    Path("b/6.npy").unlink()
    Path("b/7.npy").unlink()
    told = batch("a/", "b/", "--out", "o/")
    assert told.exit_code == 5
    before = told.stderr.partition("\nfailed: ")[0]
    assert before.startswith("8 of 9 items cannot be fused:\n")
    assert re.search(r"^0 and 5 alike", before, re.MULTILINE), "the table, too"
    assert [line for line in told.stderr.splitlines() if line.startswith("failed: ")] == [
        "failed: 0 and 5 alike (1, 2, 3, ...): axis C: channel counts differ and do not broadcast: "
        "a/0.npy has 2, b/0.npy has 5",
        "failed: 6 and 1 alike (7): no partner in b/: b/6.*",
    ]
    lines = [json.loads(line) for line in Path("o/manifest.jsonl").read_text().splitlines()]
    assert {line["id"] for line in lines if line["status"] == "failed"} == set("01234567")
    facts = json.loads(batch("a/", "b/", "--out", "o/", "--json", "--resume").stdout)
    assert [row["id"] for row in facts["failures"]] == list("01234567")
    assert facts["failures"][3]["error"].startswith(
        "axis C: channel counts differ and do not broadcast: a/3.npy"
    )


def test_equal_reasons_of_what_is_missing_and_of_a_dry_run(batch, pairs):
    pairs(6)
    for number in range(1, 6):
        Path(f"b/{number}.npy").unlink()
    told = batch("a/", "b/", "--out", "o/", "--allow-missing")
    assert "missing: 1 and 4 alike (2, 3, 4, ...): no partner in b/: b/1.*\n" in told.stdout
    told = batch("a/", "b/", "--out", "p/", "--dry-run")
    assert told.stdout.count("no partner") == 1
    assert "5 failed, 1 planned" in told.stdout or "1 planned, 5 failed" in told.stdout


def test_json(batch, pairs):
    pairs(3)
    Path("b/1.npy").unlink()
    Path("b/2.npy").write_text("rubbish")
    told = batch("a/", "b/", "--out", "o/", "--json", "--allow-missing")
    assert told.exit_code == 5
    facts = json.loads(told.stdout)
    assert facts["schema"] == 1
    assert facts["command"] == "batch"
    counts = {
        name: facts[name] for name in ("items", "done", "skipped", "missing", "failed", "untried", "bytes")
    }
    assert counts == {
        "items": 3,
        "done": 1,
        "skipped": 0,
        "missing": 1,
        "failed": 1,
        "untried": 0,
        "bytes": 512,
    }
    assert [row["id"] for row in facts["failures"]] == ["2"]
    assert "b/2.npy" in facts["failures"][0]["error"]
    assert facts["missing_items"] == [{"id": "1", "out": "o/1.npy", "error": "no partner in b/: b/1.*"}]
    assert facts["seconds"] > 0
    assert told.stderr == ""


def test_a_dry_run_lists_the_items(batch, pairs):
    pairs(3)
    Path("b/1.npy").unlink()
    told = batch("a/", "b/", "--out", "o/", "--dry-run")
    assert told.exit_code == 5
    rows = [re.split(r"  +", line.strip()) for line in told.stdout.splitlines()]
    assert ["0", "2×8×8 float32", "o/0.npy"] in rows
    assert ["1", "failed: no partner in b/: b/1.*", "o/1.npy"] in rows
    assert "1 failed" in told.stdout
    assert told.stdout.endswith("dry run: nothing was written\n")
    assert not Path("o").exists()


def test_a_dry_run_as_json(batch, pairs):
    pairs(2)
    told = batch("a/", "b/", "--out", "o/", "--dry-run", "--json")
    facts = json.loads(told.stdout)
    assert facts["dry_run"] is True
    assert facts["items"][0] == {
        "id": "0",
        "status": "planned",
        "out": "o/0.npy",
        "shape": [2, 8, 8],
        "error": None,
    }
    assert not Path("o").exists()


def test_a_dry_run_of_many_shows_the_first(batch, pairs):
    pairs(60)
    told = batch("a/", "b/", "--out", "o/", "--dry-run")
    assert "... and 10 more" in told.stdout
    assert "60 planned" in told.stdout


def test_names_that_would_repaint_the_terminal(batch, make_npy):
    make_npy("a/\x1b[2Jx.npy", (2, 8, 8))
    make_npy("b/y.npy", (2, 4, 4))
    told = batch("a/", "b/", "--out", "o/")
    assert "\x1b" not in told.stdout + told.stderr
    assert told.exit_code == 4
    assert "\\x1b[2Jx" in told.stderr
