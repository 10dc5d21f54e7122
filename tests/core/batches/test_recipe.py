"""The options that all items share, and the fields in them that each fills."""

from pathlib import Path

import numpy as np
import pytest
from featfuse.errors import UsageError


def test_each_item_has_its_own_mask(maps, run, fused):
    maps("a/{}.npy", range(3), (2, 8, 8))
    maps("b/{}.npy", range(3), (2, 4, 4))
    maps("m/{}.npy", range(3), (1, 8, 8))
    run("a/{id}.npy", "b/{id}.npy", out="o/{id}.npy", mask="m/{id}.npy")
    for number in range(3):
        expected = fused(f"a/{number}.npy", f"b/{number}.npy", mask=f"m/{number}.npy")
        assert np.array_equal(np.load(f"o/{number}.npy"), expected)


def test_a_field_of_an_option_that_no_item_has(pairs, plan):
    pairs(1)
    for name in ("m/{nr}.npy", "m/{id.__class__}{nr}.npy"):
        with pytest.raises(UsageError, match=r"--mask .* no item has the field \{nr\}") as caught:
            plan("a/{id}.npy", "b/{id}.npy", out="o/{id}.npy", mask=name)
        assert "{id}" in caught.value.hint
    Path("p.csv").write_text("a,b,out\na/0.npy,b/0.npy,c.npy\n")
    with pytest.raises(UsageError, match="no item has the field"):
        plan(pairs="p.csv", out="o", mask="m/{id}.npy")


def test_masks_of_the_python_api(maps, run, fused):
    """Paths and arrays are taken, and told in the manifest."""
    maps("a/{}.npy", [0], (2, 8, 8))
    maps("b/{}.npy", [0], (2, 4, 4))
    maps("m/{}.npy", [0], (1, 8, 8))
    for mask in (Path("m/0.npy"), np.load("m/0.npy")):
        expected = fused("a/0.npy", "b/0.npy", mask=mask)
        assert run("a/", "b/", out="o/", mask=mask, force=True)["0"].error is None
        assert np.array_equal(np.load("o/0.npy"), expected)
        assert run("a/", "b/", out="o/", mask=mask, resume=True)["0"].status == "skipped"
    assert run("a/", "b/", out="o/", mask=np.ones((1, 8, 8)), resume=True)["0"].status == "done"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"jobs": 0}, "jobs=0: at least 1"),
        ({"method": "bilinaer"}, "Did you mean bilinear"),
        ({"pad_value": 1.0}, "`pad_value` is not used"),
        ({"memory": "much"}, 'memory="much"'),
        ({"nonsense": 1}, "unknown option 'nonsense'"),
        ({"dask": "tcp://127.0.0.1:1", "jobs": 2}, "`jobs` is not used by dask="),
    ],
)
def test_wrong_options_stop_the_batch_before_work(options, words, pairs, run):
    pairs(1)
    with pytest.raises(UsageError) as caught:
        run("a/", "b/", out="o/", **options)
    assert words in str(caught.value)
    assert not Path("o").exists()
