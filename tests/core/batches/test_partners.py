"""What belongs to an item: masks by folder, by fields, by wildcards and in rows. Inputs: test_pairing.py."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from featfuse.errors import UsageError

pytestmark = pytest.mark.filterwarnings("ignore:the mask has values outside")


@pytest.fixture
def masked(pairs, maps):
    """a/, b/ and m/ with the items 0, 1 and 2, whose masks are all different."""
    pairs(3)
    maps("m/{}.npy", range(3), (1, 8, 8))


def check(fused, mask="m/{}.npy", out="o/{}.npy", **options):
    for name in "012":
        expected = fused(f"a/{name}.npy", f"b/{name}.npy", mask=mask.format(name), **options)
        assert np.array_equal(np.load(out.format(name)), expected)


@pytest.mark.parametrize("mask", ["m/", "m", "m/*.npy", "m/{name}.npy", Path("m")])
@pytest.mark.parametrize("first", ["a/", "a/*.npy", "a/{name}.npy"])
def test_each_item_has_the_mask_of_its_name(mask, first, masked, run, fused):
    assert {it.status for it in run(first, "b/", out="o/", mask=mask).values()} == {"done"}
    check(fused)


def test_the_name_of_an_item_with_fields_is_its_values(masked, maps, run, fused):
    run("a/{id}.npy", "b/{id}.npy", out="o/", mask="m/", mask_mode="blend", mask_invert=True)
    check(fused, mask_mode="blend", mask_invert=True)
    maps("r/{}.npy", ["x/s1", "y/s1"])
    maps("n/{}.npy", ["x/s1", "y/s1"], (1, 8, 8))
    maps("a/{}.npy", ["s1"])
    done = run("r/{run}/{stage}.npy", "a/{stage}.npy", out="q/", mask="n/")
    assert {it.status for it in done.values()} == {"done"}
    assert np.array_equal(np.load("q/y/s1.npy"), fused("r/y/s1.npy", "a/s1.npy", mask="n/y/s1.npy"))


def test_masks_of_another_format_and_with_a_key(masked, maps, run, fused):
    with h5py.File("all.h5", "w") as file:
        for name in "012":
            file[name] = np.load(f"m/{name}.npy")
    run("a/", "b/", out="o/", mask="all.h5::{name}")
    check(fused)
    maps("k/{}.h5", range(3), (1, 8, 8))
    run("a/", "b/", out="p/", mask="k/*.h5::feat")
    check(fused, "k/{}.h5", "p/{}.npy")


@pytest.mark.parametrize(
    ("mask", "reason"),
    [
        ("m/", "no mask in m/: m/1.*"),
        ("m/{name}.npy", "no mask: m/1.npy"),
        ("m/*.npy", "no mask in m/*.npy: m/1.*"),
    ],
)
def test_a_missing_mask_is_the_error_of_its_item(mask, reason, masked, run):
    """Never is an item fused without its mask; --allow-missing means masks, too."""
    Path("m/1.npy").unlink()
    done = run("a/", "b/", out="o/", mask=mask)
    assert {name: it.error for name, it in done.items()} == {"0": None, "1": reason, "2": None}
    again = run("a/", "b/", out="o/", mask=mask, resume=True, allow_missing=True)
    assert {name: it.status for name, it in again.items()} == {"0": "skipped", "1": "missing", "2": "skipped"}
    assert not Path("o/1.npy").exists()


def test_two_masks_of_one_name(masked, maps, run):
    maps("m/{}.h5", [1], (1, 8, 8))
    done = run("a/", "b/", out="o/", mask="m/")
    assert done["1"].error == "several files of one name: m/1.h5, m/1.npy"
    assert done["0"].status == done["2"].status == "done"


def test_the_manifest_knows_each_items_mask(masked, run):
    run("a/", "b/", out="o/", mask="m/")
    lines = [json.loads(line) for line in Path("o/manifest.jsonl").read_text().splitlines()]
    assert {line["id"]: line["side"][0]["path"] for line in lines} == {
        name: f"m/{name}.npy" for name in "012"
    }
    np.save("m/1.npy", np.zeros((1, 8, 8), np.float32))
    again = run("a/", "b/", out="o/", mask="m/", resume=True)
    assert {name: it.status for name, it in again.items()} == {"0": "skipped", "1": "done", "2": "skipped"}


def test_a_mask_is_never_an_output(masked, plan):
    for out in ("m/", "m/{name}.npy"):
        with pytest.raises(UsageError, match="is one of the inputs"):
            plan("a/", "b/", out=out, mask="m/", force=True)


def test_one_mask_for_all_is_still_one_file(masked, run, fused):
    run("a/", "b/", out="o/", mask="m/1.npy")
    check(fused, mask="m/1.npy")


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_masks_in_rows(kind, masked, run, fused):
    rows = [(f"a/{name}.npy", f"m/{name}.npy" if name != "2" else "", f"b/{name}.npy") for name in "012"]
    if kind == "csv":
        lines = ["fine,mask,coarse,out", *(f"{a},{m},{b},{Path(a).name}" for a, m, b in rows)]
    else:
        lines = [json.dumps({"inputs": [a, b], "out": Path(a).name, "mask": m or None}) for a, m, b in rows]
    Path("p").write_text("\n".join(lines))
    assert {it.status for it in run(pairs="p", out="o").values()} == {"done"}
    for name, mask in zip("012", ("m/0.npy", "m/1.npy", None), strict=True):
        assert np.array_equal(np.load(f"o/{name}.npy"), fused(f"a/{name}.npy", f"b/{name}.npy", mask=mask))
    assert {it.status for it in run(pairs="p", out="o", resume=True).values()} == {"skipped"}
    np.save("m/1.npy", np.zeros((1, 8, 8), np.float32))
    again = run(pairs="p", out="o", resume=True)
    assert {name: it.status for name, it in again.items() if it.status != "skipped"} == {"1.npy": "done"}
    run(pairs="p", out="q", mask="m/0.npy")
    assert np.array_equal(np.load("q/1.npy"), fused("a/1.npy", "b/1.npy", mask="m/1.npy")), "its own wins"
    assert np.array_equal(np.load("q/2.npy"), fused("a/2.npy", "b/2.npy", mask="m/0.npy"))


def test_options_of_masks_in_rows(masked, run, fused):
    Path("p.csv").write_text("a,b,mask,out\na/0.npy,b/0.npy,m/0.npy,x.npy\na/1.npy,b/1.npy,gone.npy,y.npy\n")
    done = run(pairs="p.csv", out="o", mask_mode="blend")
    assert done["y.npy"].error == "no such file: gone.npy"
    assert np.array_equal(np.load("o/x.npy"), fused("a/0.npy", "b/0.npy", mask="m/0.npy", mask_mode="blend"))
    Path("p.csv").write_text("a,b,out\na/0.npy,b/0.npy,x.npy\n")
    with pytest.raises(UsageError, match="`mask_mode` needs `mask`"):
        run(pairs="p.csv", out="o", mask_mode="blend")


def test_a_folder_of_masks_for_rows_without_names(masked, plan):
    Path("p.csv").write_text("a,b,out\na/0.npy,b/0.npy,x.npy\n")
    with pytest.raises(UsageError, match="--mask m/: is a folder") as caught:
        plan(pairs="p.csv", out="o", mask="m/")
    assert "column mask" in caught.value.hint
