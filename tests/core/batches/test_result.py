"""What became of a batch, told."""

from types import SimpleNamespace

from featfuse.batches import STAGED, BatchResult, Outcome
from featfuse.batches.result import counted, warnings_in
from featfuse.wording import is_for_python


def outcome(status, number=0, **more):
    return Outcome(f"item {number}", status, "o.npy", **more)


def batch_of(*outcomes, count=None):
    ended = []

    def run():
        try:
            for each in outcomes:
                assert is_for_python()
                yield each
        finally:
            ended.append(True)

    return SimpleNamespace(items=[None] * (count or len(outcomes)), outcomes=run, ended=ended)


def test_outcomes_are_counted():
    assert counted([], 0) == "0 items: none"
    assert counted([outcome("failed"), outcome("done"), outcome("done")], 2) == (
        "5 items: 2 done, 1 failed, 2 not tried"
    )


def test_warnings_are_counted_and_the_first_is_shown():
    assert warnings_in([outcome("done")]) == ""
    told = [outcome("done", warnings=("one", "two")), outcome("done", warnings=("three",))]
    assert warnings_in(told) == "warnings: 3, the first: one"


def test_what_is_staged_is_no_outcome_yet():
    result = BatchResult(batch_of(outcome(STAGED), outcome("done"), count=1))
    assert [it.status for it in result] == ["done"]
    assert repr(result) == "1 items: 1 done"


def test_two_readers_share_one_run():
    result = BatchResult(batch_of(*(outcome("done", number) for number in range(4))))
    first, second = iter(result), iter(result)
    assert [next(first).id, next(first).id, next(second).id] == ["item 0", "item 1", "item 0"]
    assert [it.id for it in second] == ["item 1", "item 2", "item 3"]
    assert len(list(first)) == 2


def test_closing_ends_the_run():
    batch = batch_of(outcome("done", 0), outcome("done", 1))
    result = BatchResult(batch)
    next(iter(result))
    result.close()
    assert batch.ended
    assert len(list(result)) == 1
    assert "1 not tried" in repr(result)


def test_many_failures_are_cut_short_and_shown_safely():
    failed = [outcome("failed", number, error="no\n\x1b[31m") for number in range(13)]
    result = BatchResult(batch_of(*failed)).wait()
    lines = repr(result).splitlines()
    assert lines[0] == "13 items: 13 failed"
    assert lines[1:3] == ["failed: item 0: no", "\\x1b[31m"]
    assert lines[-1] == "... and 3 more failed"
    assert result.complaints == ["13 of 13 items failed, the first: item 0: no"]
    assert result.exit_code == 5
    assert bool(BatchResult(batch_of(count=1)))
