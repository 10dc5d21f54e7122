"""Failures in groups: what is the same but for the items' own names, and what is not."""

import time

from featfuse.batches.alike import alike
from featfuse.batches.items import Item
from featfuse.batches.work import Outcome
from featfuse.io.address import Address


def groups(rows):
    """Rows of (id, inputs, out, reason) as ids in groups."""
    items = [
        Item(name, tuple(map(Address.parse, inputs)), Address.parse(out), side=(Address(f"m/{name}.npy"),))
        for name, inputs, out, _ in rows
    ]
    outcomes = [Outcome(name, "failed", out, reason) for name, _, out, reason in rows]
    return [[it.id for it in group] for group in alike(outcomes, items)]


def rows(ids, text, inputs=("a/{}.npy", "b/{}.npy"), out="o/{}.npy"):
    return [(name, [it.format(name) for it in inputs], out.format(name), text.format(name)) for name in ids]


def test_one_reason_for_all_items_but_for_their_names():
    ids = [str(number) for number in range(100)]
    for text in (
        "axis C: channel counts differ: a/{0}.npy has 16, b/{0}.npy has 48",
        "a/{}.npy is empty (0 bytes)",
        "o/{}.npy: cannot be written",
        "m/{}.npy: no such file",
        "several files of one name: b/{0}.npy, b/{0}.h5",
        "the worker was killed by SIGKILL",
        "a bug in featfuse:\nTraceback\n1 2 3",
    ):
        assert groups(rows(ids, text)) == [ids], text


def test_keys_of_containers_and_partners_that_are_not_there():
    ids = ["x", "y", "7"]
    keyed = ("f.h5::{}/l3", "f.h5::{}/l4")
    assert groups(rows(ids, "no partner: f.h5 has no key {}/l4", keyed)) == [ids]
    assert groups(rows(ids, "f.h5::{}/l3: a checksum is wrong", keyed)) == [ids]
    assert groups(rows(ids, "no partner in b/: b/{}.*", ("a/{}.npy", "b/{}"))) == [ids]


def test_other_reasons_are_other_groups_in_order():
    mixed = [
        *rows(["1"], "a/{}.npy is empty"),
        *rows(["2"], "b/{}.npy is empty"),
        *rows(["3"], "a/{}.npy is empty"),
        *rows(["4"], "a/{}.npy has 4 channels"),
        *rows(["5"], "a/{}.npy has 5 channels"),
        *rows(["6"], "a/1.npy is empty"),
    ]
    assert groups(mixed) == [["1", "3"], ["2"], ["4"], ["5"], ["6"]]


def test_one_reason_and_two_statuses():
    items = [Item(name, (Address(f"a/{name}"),), Address(f"o/{name}")) for name in "12"]
    outcomes = [Outcome("1", "missing", "o/1", "no partner"), Outcome("2", "failed", "o/2", "no partner")]
    assert [len(group) for group in alike(outcomes, items)] == [1, 1]


def test_many():
    many = rows([str(number) for number in range(20_000)], "axis C: a/{0}.npy has 3, b/{0}.npy has 5")
    started = time.process_time()
    assert len(groups(many)) == 1
    assert time.process_time() - started < 5
