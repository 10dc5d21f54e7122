"""Proposals: names that are built alike get patterns, which match; others get none."""

import time

import pytest
from featfuse.batches.patterns import Pattern
from featfuse.batches.proposals import Name, propose
from featfuse.io.address import Address
from hypothesis import given, settings
from hypothesis import strategies as st

IDS = [f"{number:04}" for number in range(60)]
SCENES = [(scene, number) for scene in ("s1", "s2", "s10") for number in IDS]
WORDS = ["cat", "dog", "cow", "horse"]


def named(head, stems, tail=".npy"):
    return [Name(head, stem, tail) for stem in stems]


def texts(first, *others, lost=0, patterns=None):
    """The proposed patterns, and how many match."""
    found = propose(first, others, lost, patterns or [names[0].head for names in others])
    return found and (found.first.text, *(it.text for it in found.others), found.matched)


def two(one, other, values=IDS):
    """What is proposed for two folders whose names are built by two formats."""
    return texts(
        named("a/", [one.format(*values_of(each)) for each in values]),
        named("b/", [other.format(*values_of(each)) for each in values]),
    )


def values_of(each):
    return each if isinstance(each, tuple) else (each,)


@pytest.mark.parametrize(
    ("one", "other", "first", "second"),
    [
        ("{}_rgb", "{}_depth", "{id}_rgb", "{id}_depth"),
        ("rgb_{}", "depth_{}", "rgb_{id}", "depth_{id}"),
        ("left_{}_rgb", "right_{}_depth", "left_{id}_rgb", "right_{id}_depth"),
        ("{}", "{}_depth", "{id}", "{id}_depth"),
        ("img{}", "{}", "img{id}", "{id}"),
        ("Frame_{}", "frame_{}", "Frame_{id}", "frame_{id}"),
        ("cam0_{}", "cam1_{}", "cam0_{id}", "cam1_{id}"),
        ("{}.rgb", "{}.depth", "{id}.rgb", "{id}.depth"),
        ("{}rgb", "{}depth", "{id}rgb", "{id}depth"),
        ("x {} (1)", "y {} (1)", "x {id} (1)", "y {id} (1)"),
        ("rgb/{}", "depth/{}", "rgb/{id}", "depth/{id}"),
        ("day1/{}_rgb", "day1/{}_depth", "day1/{id}_rgb", "day1/{id}_depth"),
        ("été_{}", "hiver_{}", "été_{id}", "hiver_{id}"),
        ("{}_r", "{}_r2", "{id}_r", "{id}_r2"),
        ("2021-{}-05_x", "y_2021-{}-05", "2021-{id}-05_x", "y_2021-{id}-05"),
    ],
)
def test_one_field(one, other, first, second):
    assert two(one, other) == (f"a/{first}.npy", f"b/{second}.npy", len(IDS))


@pytest.mark.parametrize(
    ("one", "other", "first", "second"),
    [
        ("{}/rgb_{}", "{}/depth_{}", "{part1}/rgb_{id}", "{part1}/depth_{id}"),
        ("{}/rgb/{}", "{}/depth/{}", "{part1}/rgb/{id}", "{part1}/depth/{id}"),
        ("{}_{}", "{}/{}", "{part1}_{id}", "{part1}/{id}"),
        ("{}/{}_l3", "{}/{}_l4", "{part1}/{id}_l3", "{part1}/{id}_l4"),
    ],
)
def test_several_fields(one, other, first, second):
    assert two(one, other, SCENES) == (f"a/{first}.npy", f"b/{second}.npy", len(SCENES))


@pytest.mark.parametrize(
    ("one", "other"), [("{}rgb", "{}depth"), ("rgb{}", "depth{}"), ("{}_rgb", "{}_depth")]
)
def test_words_for_names(one, other):
    assert two(one, other, WORDS) == (
        f"a/{one.format('{id}')}.npy",
        f"b/{other.format('{id}')}.npy",
        len(WORDS),
    )


@pytest.mark.parametrize(
    "pairs",
    [
        [(str(number), f"{number:04}") for number in range(20)],
        [(f"{number:04}", f"{number + 5000}") for number in range(60)],
        [(f"{number:03}", f"{number:03}00") for number in range(60)],
        [(f"{name}_rgb", f"{int(name) + 500}_depth") for name in IDS],
        [(f"{{x_{name}", f"{{y_{name}") for name in IDS],
        [("alpha", "gamma"), ("beta", "delta")],
    ],
    ids=lambda pairs: f"{pairs[0][0]} and {pairs[0][1]}",
)
def test_no_pattern_where_names_are_not_built_alike(pairs):
    """Above all none that takes a part of one number for a part of another."""
    ones, others = zip(*pairs, strict=True)
    assert texts(named("a/", ones), named("b/", others)) is None


def test_a_stranger_among_the_names_is_no_matter():
    first = named("a/", ["mean", *(f"{name}_rgb" for name in IDS), "notes_on_this"])
    second = named("b/", ["std", *(f"{name}_depth" for name in IDS), "zzz"])
    assert texts(first, second) == ("a/{id}_rgb.npy", "b/{id}_depth.npy", len(IDS))


def test_few_have_partners():
    first = named("a/", [f"{name}_rgb" for name in IDS])
    second = named("b/", [f"{name}_depth" for name in IDS[::10]])
    assert texts(first, second) == ("a/{id}_rgb.npy", "b/{id}_depth.npy", 6)
    assert texts(first, second[:1] + named("b/", [f"x{name}y" for name in "abcdef"])) is None, "one of seven"


def test_a_single_pair():
    assert texts(named("a/", ["0001_rgb"]), named("b/", ["0001_depth"])) == (
        *("a/{id}_rgb.npy", "b/{id}_depth.npy"),
        1,
    )
    assert texts(named("a/", ["x"]), named("b/", ["y"])) is None
    assert texts(named("a/", ["x"]), [], patterns=["b/"]) is None


def test_the_suffix_most_files_have():
    first = named("a/", [f"{name}_rgb" for name in IDS])
    second = named("b/", [f"{name}_d" for name in IDS[:10]]) + named(
        "b/", [f"{name}_d" for name in IDS[10:]], ".h5"
    )
    assert texts(first, second) == ("a/{id}_rgb.npy", "b/{id}_d.h5", 50)


def test_others_go_along():
    first, second, masks = (named(f"{it}/", [f"{name}_{it}" for name in IDS]) for it in "abm")
    same = named("c/", [f"{name}_a" for name in IDS])
    expected = ("a/{id}_a.npy", "b/{id}_b.npy", "m/{id}_m.npy", "c/{id}_a.npy", len(IDS))
    assert texts(first, second, masks, same) == expected
    assert texts(first, second, masks, same, lost=1) == expected
    assert texts(first, second, named("x/", ["u", "v"])) is None, "nothing goes with the third"


def test_keys_of_a_file_and_the_one_that_is_like_what_was_given():
    first = [Name("f.h5::", f"x{name}", "/l3") for name in IDS]
    keys = [Name("f.h5::", f"x{name}/{key}", "") for name in IDS for key in ("l3", "layer5", "layer4", "out")]
    assert texts(first, keys, patterns=["f.h5::{id}/l4"]) == ("f.h5::{id}/l3", "f.h5::{id}/layer4", len(IDS))


PART, OTHER_PART = (st.text(letters, min_size=1, max_size=6) for letters in ("abXé_-. ", "cdYü_-. "))


@settings(max_examples=40, deadline=None)
@given(
    st.tuples(PART, PART, OTHER_PART, OTHER_PART),
    st.lists(st.integers(0, 99_999), min_size=2, max_size=40, unique=True),
    st.lists(st.integers(0, 99_999), max_size=10),
)
def test_what_is_proposed_matches_as_often_as_it_says(parts, ids, more):
    """By the patterns themselves; and a pair of names that differ beside a number always finds one."""
    before, after, other_before, other_after = parts
    first = named("a/", [f"{before}#{it}#{after}" for it in ids])
    second = named("b/", [f"{other_before}#{it}#{other_after}" for it in (*ids, *set(more).difference(ids))])
    found = propose(first, [second], 0, ["b/"])
    assert found is not None
    one, other = (Pattern("", it.text, None) for it in (found.first, *found.others))
    there = {name.text for name in second}
    read = [one.read(Address(name.text)) for name in first]
    hits = [fields is not None and other.fill(fields).path in there for fields in read]
    assert sum(hits) == found.matched == len(ids)


def test_time_goes_with_the_number_of_names():
    seconds = []
    for count in (2_000, 20_000):
        first, second = (named(f"{it}/", [f"s{n % 50}/{n:06}_{it}" for n in range(count)]) for it in "ab")
        started = time.process_time()
        assert texts(first, second) == ("a/{part1}/{id}_a.npy", "b/{part1}/{id}_b.npy", count)
        seconds.append(time.process_time() - started)
    assert seconds[1] < 20 * seconds[0] + 1
