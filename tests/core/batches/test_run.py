"""Running: thousands of items, some broken, some workers killed; and the Python API."""

from pathlib import Path

import featfuse
import numpy as np
import pytest


def make_pairs(count):
    """Maps of 64×32×32 and 64×16×16, all different, of which three are broken."""
    generator = np.random.default_rng(0)
    fine = generator.standard_normal((64, 32, 32)).astype(np.float32)
    coarse = generator.standard_normal((64, 16, 16)).astype(np.float32)
    for folder in ("a", "b"):
        Path(folder).mkdir()
    for number in range(count):
        np.save(f"a/m{number}.npy", fine + number)
        np.save(f"b/m{number}.npy", coarse * (number + 1))
    truncated = Path("a/m5.npy").read_bytes()
    Path("a/m5.npy").write_bytes(truncated[:-1000])
    Path("b/m7.npy").unlink()
    np.save("b/m9.npy", np.zeros((48, 16, 16), np.float32))
    return truncated, coarse


@pytest.mark.parametrize("count", [120, pytest.param(2000, marks=pytest.mark.slow)])
def test_thousands_of_pairs(count, run, fused, statuses, left):
    truncated, coarse = make_pairs(count)
    done = run("a/", "b/", out="o/", method="bilinear")
    assert statuses(done.values()) == {
        f"m{number}": "failed" if number in (5, 7, 9) else "done" for number in range(count)
    }
    assert "a/m5.npy" in done["m5"].error
    assert done["m7"].error == "no partner in b/: b/m7.*"
    assert "64" in done["m9"].error
    assert "48" in done["m9"].error
    for number in range(count):
        if number not in (5, 7, 9):
            expected = fused(f"a/m{number}.npy", f"b/m{number}.npy", method="bilinear", out=None)
            assert np.array_equal(np.load(f"o/m{number}.npy"), expected)
    assert left() == []
    stamps = {path: path.stat().st_mtime_ns for path in Path("o").glob("*.npy")}
    assert len(stamps) == count - 3

    Path("a/m5.npy").write_bytes(truncated)
    np.save("b/m7.npy", coarse)
    again = run("a/", "b/", out="o/", method="bilinear", resume=True)
    assert {name: it.status for name, it in again.items() if it.status != "skipped"} == {
        "m5": "done",
        "m7": "done",
        "m9": "failed",
    }
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert np.array_equal(np.load("o/m7.npy"), fused("a/m7.npy", "b/m7.npy", method="bilinear"))


def test_outputs_are_those_of_single_runs_byte_for_byte(pairs, run):
    pairs(2)
    for suffix in ("npy", "safetensors", "h5", "npz"):
        run("a/", "b/", out=f"o/{{name}}.{suffix}")
        featfuse.fuse("a/1.npy", "b/1.npy", out=f"single.{suffix}", method="nearest", layout="CHW")
        assert Path(f"o/1.{suffix}").read_bytes() == Path(f"single.{suffix}").read_bytes()


def test_planning_writes_nothing(pairs, plan):
    pairs(2)
    batch = plan("a/", "b/", out="o/")
    assert [it.status for it in batch.planned] == ["planned"] * 2
    assert [it.shape for it in batch.planned] == [(2, 8, 8)] * 2
    assert batch.total_bytes == 2 * 2 * 8 * 8 * 4
    assert not Path("o").exists()


def test_problems_come_first_and_cost_only_their_items(pairs, run):
    pairs(3)
    Path("b/2.npy").unlink()
    assert [it.status for it in run("a/", "b/", out="o/").values()] == ["failed", "done", "done"]


def test_allow_missing(pairs, run):
    pairs(3)
    Path("b/1.npy").unlink()
    assert run("a/", "b/", out="o/", allow_missing=True)["1"].status == "missing"
    assert not Path("o/1.npy").exists()


def test_fail_fast(pairs, run):
    pairs(40)
    Path("b/20.npy").write_bytes(b"rubbish")
    done = run("a/", "b/", out="o/", fail_fast=True, jobs=1)
    assert [it.status for it in done.values()] == ["failed"], "planning finds it, so nothing is begun"
    assert not list(Path("o").glob("*.npy"))


def test_fail_fast_at_work(maps, run):
    """Integers that do not fit are found when the data are read."""
    Path("a").mkdir()
    for number in range(40):
        np.save(f"a/{number}.npy", np.full((2, 2), 200 if number == 3 else 1, np.uint8))
    done = run("a/", "a/{name}.npy", out="o/", method="strict", layout=None, fail_fast=True, jobs=1)
    assert [it.status for it in done.values()] == ["done"] * 3 + ["failed"]
    assert len(list(Path("o").glob("*.npy"))) == 3


def test_the_share_of_memory_is_told_as_a_whole(maps, run):
    maps("a/{}.npy", range(2), (1, 1, 400_000))
    maps("b/{}.npy", range(2), (1, 1, 400_004))
    whole = {"method": "pad", "pad_mode": "median"}
    failed = run("a/", "b/", out="o/", memory="2M", jobs=2, **whole)["0"]
    assert "memory=1 MiB for each of 2 jobs is too small" in failed.error
    needed = int(failed.error.split('Give memory="')[1].split("M")[0])
    assert "or give fewer `jobs`" in failed.error
    assert run("a/", "b/", out="o/", memory=f"{needed}M", jobs=2, force=True, **whole)["0"].status == "done"
