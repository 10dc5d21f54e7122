"""No item has a partner: said once, before anything is written, with a command that works."""

import re
import shlex
from pathlib import Path

import h5py
import numpy as np
import pytest
from featfuse.errors import InputError

NAMES = [f"{number:04}" for number in range(5)]


@pytest.fixture
def built(maps):
    """rgb/0000_rgb.npy, depth/0000_depth.npy, masks/0000_mask.npy and so on."""
    maps("rgb/{}_rgb.npy", NAMES, (2, 8, 8))
    maps("depth/{}_depth.npy", NAMES, (2, 4, 4))
    maps("masks/{}_mask.npy", NAMES, (1, 8, 8))


def refused(plan, *patterns, **options):
    with pytest.raises(InputError) as caught:
        plan(*patterns, **{"out": "o/", **options})
    assert not Path("o").exists()
    return caught.value


def words(error):
    """The words of the one command that is proposed."""
    (command,) = error.commands
    start, *rest = shlex.split(command)
    assert [start, rest[0]] == ["fuse", "batch"]
    return rest[1:]


def test_said_once_with_the_names(built, plan):
    error = refused(plan, "rgb/", "depth/")
    assert error.lines[:4] == [
        "depth/: no partner for any of the 5 items of rgb/",
        "rgb/: 0000_rgb, 0001_rgb, 0002_rgb, ...",
        "depth/: 0000_depth, 0001_depth, 0002_depth, ...",
        "This matches all 5:",
    ]
    assert words(error) == [
        *("rgb/{id}_rgb.npy", "depth/{id}_depth.npy", "--out", "o/", "--jobs", "1"),
        *("--method", "nearest", "--layout", "CHW"),
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("rgb/", "depth"),
        ("rgb/*.npy", "depth/*.npy"),
        ("rgb/{x}.npy", "depth/{x}.npy"),
        ("rgb/{x}.npy", "depth/{x}.h5"),
        ("rgb/{x}_rgb.npy", "depth/{x}.npy"),
        ("rgb/", "depth/{name}"),
        ("rgb/*.npy", "depth/*.h5"),
    ],
)
def test_however_the_patterns_were_written(first, second, built, plan, run):
    patterns = words(refused(plan, first, second))[:2]
    assert patterns == ["rgb/{id}_rgb.npy", "depth/{id}_depth.npy"]
    assert {name: it.status for name, it in run(*patterns, out="o/").items()} == dict.fromkeys(NAMES, "done")


@pytest.mark.filterwarnings("ignore:the mask has values outside")
def test_masks_go_along_or_are_what_is_missing(built, plan, run, fused):
    for error in (
        refused(plan, "rgb/", "depth/", mask="masks/"),
        refused(plan, "rgb/{id}_rgb.npy", "depth/{id}_depth.npy", mask="masks/"),
    ):
        found = words(error)
        assert found[:2] == ["rgb/{id}_rgb.npy", "depth/{id}_depth.npy"]
        assert found[found.index("--mask") + 1] == "masks/{id}_mask.npy"
    assert error.message == "masks/: no mask for any of the 5 items of rgb/{id}_rgb.npy"
    run(*found[:2], out="o/", mask="masks/{id}_mask.npy")
    expected = fused("rgb/0003_rgb.npy", "depth/0003_depth.npy", mask="masks/0003_mask.npy")
    assert np.array_equal(np.load("o/0003.npy"), expected)


def test_other_options_keep_their_meaning(built, maps, plan):
    maps("like/{}_rgb.npy", NAMES, (2, 6, 6))
    found = words(refused(plan, "rgb/", "depth/", out="f.h5::{name}", like="like/{name}.npy"))
    assert found[found.index("--out") + 1] == "f.h5::{id}_rgb", (
        "the outputs are called as they would have been"
    )
    assert found[found.index("--like") + 1] == "like/{id}_rgb.npy"
    error = refused(plan, "{a}/{id}.npy", "depth/{a}_{id}.npy", out="o/{a}-{id}.npy", exclude=("[!r]*",))
    assert error.commands == ()
    error = refused(plan, "rgb/", "depth/", include=("*1_rgb",))
    assert error.commands == (), "the globs are held against names that end here"
    assert error.hint == "These match all 5: 'rgb/{id}_rgb.npy' 'depth/{id}_depth.npy'"


def test_folders_within(maps, plan, run):
    for scene in ("s1", "s2"):
        maps(f"a/{scene}/rgb/{{}}.npy", NAMES)
        maps(f"b/{scene}/depth/{{}}.npy", NAMES, (2, 4, 4))
    patterns = words(refused(plan, "a/", "b/"))[:2]
    assert patterns == ["a/{part1}/rgb/{id}.npy", "b/{part1}/depth/{id}.npy"]
    assert len(run(*patterns, out="o/")) == 10
    assert Path("o/s2/0004.npy").exists()


def test_keys_of_a_file(plan, run):
    with h5py.File("f.h5", "w") as file:
        for name in NAMES:
            file[f"{name}/l3"] = np.zeros((2, 8, 8), np.float32)
            file[f"{name}/layer4"] = np.zeros((2, 4, 4), np.float32)
    error = refused(plan, "f.h5::{id}/l3", "f.h5::{id}/l4")
    assert error.details[1] == "f.h5: 0000/l3, 0000/layer4, 0001/l3, ..."
    patterns = words(error)[:2]
    assert patterns == ["f.h5::{id}/l3", "f.h5::{id}/layer4"]
    assert {it.status for it in run(*patterns, out="o/").values()} == {"done"}


def test_nothing_like_it(maps, plan):
    maps("a/{}.npy", ["alpha", "beta"])
    maps("b/{}.npy", ["gamma"])
    error = refused(plan, "a/", "b/")
    assert error.lines[1:3] == ["a/: alpha, beta", "b/: gamma"]
    assert "--pairs" in error.hint
    assert error.commands == ()


@pytest.mark.parametrize(
    "second", ["empty/", "empty/{name}.npy", "none/{name}.npy", "none.h5::{name}", "empty/*"]
)
def test_nothing_there(second, maps, plan):
    maps("a/{}.npy", ["x"])
    Path("empty").mkdir()
    error = refused(plan, "a/", second)
    assert error.lines == [
        f"{second}: no partner for the one item of a/",
        "There is nothing that featfuse reads. Look at the path.",
    ]


def test_where_one_item_has_a_partner_the_others_fail(built, maps, run):
    maps("depth/{}.npy", ["0001_rgb"], (2, 4, 4))
    done = run("rgb/", "depth/", out="o/")
    assert {name: it.status for name, it in done.items() if it.status == "done"} == {"0001_rgb": "done"}
    left = run("rgb/", "depth/", out="o/", include=("0002*",))
    assert left["0002_rgb"].status == "failed", "another item has one: the pattern is right"


def test_missing_partners_may_be_allowed(built, run):
    done = run("rgb/", "depth/", out="o/", allow_missing=True)
    assert {it.status for it in done.values()} == {"missing"}


@pytest.mark.slow
def test_many(plan):
    for folder in ("rgb", "depth"):
        Path(folder).mkdir()
        for number in range(100_000):
            Path(folder, f"{number:06}_{folder}.npy").touch()
    error = refused(plan, "rgb/", "depth/")
    assert error.hint == "This matches all 100000:"
    assert re.match(r"fuse batch 'rgb/\{id\}_rgb.npy' 'depth/\{id\}_depth.npy' ", error.commands[0])
