"""Folding from coarse to fine, against loops."""

from pathlib import Path

import featfuse
import h5py
import numpy as np
import pytest
from featfuse import UsageError
from safetensors.numpy import load_file

from tests.support.arrays import nearest

# --- folds -------------------------------------------------------------------------------------

ODD = [(13, 11), (7, 6), (4, 3), (2, 2)]


def top_down(maps):
    """An FPN's: each level is its own map and the next coarser level, enlarged."""
    levels = [maps[-1]]
    for finer in reversed(maps[:-1]):
        levels.append(finer + nearest(levels[-1], finer.shape[2:]))
    return levels


def test_fold_is_pairwise_and_not_straight_to_the_finest(rng):
    maps = [rng.normal(size=(1, 3, *size)) for size in ODD]
    call = {"method": "nearest", "layout": "NCHW"}
    out = featfuse.fuse(*maps, fold="coarse-to-fine", **call)
    np.testing.assert_allclose(out, top_down(maps)[-1], atol=1e-12)
    assert not np.allclose(
        out, featfuse.fuse(*maps, **call)
    )  # 2 -> 4 -> 7 -> 13 is another road than 2 -> 13


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_fold_sorts_by_grid(rng, order):
    maps = [rng.normal(size=(1, 3, *size)) for size in ODD]
    shuffled = [maps[index] for index in order]
    out = featfuse.fuse(*shuffled, fold="coarse-to-fine", method="nearest", layout="NCHW")
    np.testing.assert_allclose(out, top_down(maps)[-1], atol=1e-12)


@pytest.mark.parametrize("name", ["fpn.safetensors", "fpn.h5", "fpn.npz"])
def test_a_container_keeps_every_level(rng, tmp_path, name):
    maps = [rng.normal(size=(1, 3, *size)).astype(np.float32) for size in ODD]
    paths = [tmp_path / f"c{index + 2}.npy" for index in range(4)]
    for path, level in zip(paths, maps, strict=True):
        np.save(path, level)
    out = tmp_path / name
    call = {"fold": "coarse-to-fine", "method": "nearest", "layout": "NCHW", "out": out}
    report = featfuse.fuse(*map(str, paths), **call)
    if name.endswith(".h5"):
        with h5py.File(out) as file:
            held = {key: file[key][()] for key in file}
    else:
        held = load_file(out) if name.endswith("safetensors") else dict(np.load(out))
    assert sorted(held) == ["c2", "c3", "c4", "c5"]
    for key, level in zip(("c5", "c4", "c3", "c2"), top_down(maps), strict=True):
        np.testing.assert_allclose(held[key], level, atol=1e-5, err_msg=key)
    assert [row.key for row in report.levels] == ["c5", "c4", "c3", "c2"]
    assert [row.shape for row in report.levels] == [(1, 3, *size) for size in reversed(ODD)]


def test_npy_and_a_named_key_hold_the_finest_only(rng, tmp_path):
    maps = [rng.normal(size=(1, 3, *size)) for size in ODD]
    call = {"fold": "coarse-to-fine", "method": "nearest", "layout": "NCHW"}
    report = featfuse.fuse(*maps, out=tmp_path / "o.npy", **call)
    np.testing.assert_allclose(np.load(tmp_path / "o.npy"), top_down(maps)[-1], atol=1e-12)
    assert report.levels == ()
    featfuse.fuse(*maps, out=f"{tmp_path / 'o.safetensors'}::p2", **call)
    assert list(load_file(tmp_path / "o.safetensors")) == ["p2"]


def test_fold_with_concat_and_with_a_final_mix(rng):
    """Finer first, then what came up; the 1x1 convolution follows the last level only."""
    a, b, c = (rng.normal(size=(1, 2, *size)) for size in ODD[:3])
    call = {"fold": "coarse-to-fine", "method": "nearest", "layout": "NCHW", "combine": "concat"}
    inner = np.concatenate([b, nearest(c, b.shape[2:])], 1)
    expected = np.concatenate([a, nearest(inner, a.shape[2:])], 1)
    assert np.array_equal(featfuse.fuse(a, b, c, **call), expected)
    matrix = rng.normal(size=(4, 6))
    mixed = featfuse.fuse(a, b, c, reduce="conv1x1", kernel=matrix, **call)
    np.testing.assert_allclose(mixed, np.einsum("oc,nchw->nohw", matrix, expected), atol=1e-12)


def test_levels_keep_their_layout_when_the_finest_is_pooled(tmp_path):
    report = featfuse.fuse(
        np.ones((1, 2, 2, 2)),
        np.ones((1, 2, 4, 4)),
        fold="coarse-to-fine",
        method="nearest",
        reduce="gap",
        keepdims=False,
        layout="NCHW",
        out=tmp_path / "o.safetensors",
    )
    assert [row.layout for row in report.levels] == ["NCHW", "NC"]


def test_fold_of_float16_is_summed_in_float32():
    """2048 + 1 + 1 is 2050; rounded to float16 after each step it stays 2048."""
    maps = [np.full((1, 1, n, n), v, np.float16) for n, v in ((8, 1), (4, 1), (2, 2048))]
    call = {"method": "nearest", "layout": "NCHW", "dtype": "float32"}
    assert (featfuse.fuse(*maps, fold="coarse-to-fine", **call) == 2050).all()


@pytest.mark.parametrize(
    "options",
    [
        {"mask": np.ones((4, 4))},
        {"weights": [1.0, 2.0]},
        {"to": "8x8"},
        {"like": np.ones((1, 2, 4, 4))},
        {"combine": "stack"},
        {"combine": "mean"},
    ],
    ids=lambda options: next(iter(options)),
)
def test_what_a_fold_refuses(options):
    a, b = np.ones((1, 2, 4, 4)), np.ones((1, 2, 2, 2))
    with pytest.raises(UsageError, match="not used by fold="):
        featfuse.fuse(a, b, fold="coarse-to-fine", method="nearest", layout="NCHW", **options)


def test_a_fold_of_means_is_refused_in_both_spellings():
    maps = [np.full((1, 2, n, n), value) for n, value in ((8, 0.0), (4, 6.0), (2, 3.0))]
    call = {"method": "nearest", "combine": "concat", "reduce": "mean", "layout": "NCHW"}
    with pytest.raises(UsageError):
        featfuse.fuse(*maps, fold="coarse-to-fine", **call)


def test_a_fold_needs_two():
    with pytest.raises(UsageError, match="two inputs"):
        featfuse.fuse(np.ones((1, 2, 4, 4)), fold="coarse-to-fine", layout="NCHW")


def test_a_fold_counts_each_level_once(tmp_path: Path) -> None:
    maps = [np.full((1, 1, size, size), 100, np.int8) for size in (2, 4, 8)]
    report = featfuse.fuse(
        *maps,
        method="nearest",
        fold="coarse-to-fine",
        layout="NCHW",
        on_overflow="saturate",
        out=tmp_path / "levels.npz",
    )
    assert report.warnings == ("80 of 84 values did not fit int8 and were clipped",)
    out = featfuse.fuse(*maps, method="nearest", fold="coarse-to-fine", layout="NCHW", dtype="int16")
    assert (out == 300).all()
