"""Tokens on a grid, l2 normalising, many inputs at once, and folding from coarse to fine."""

import re

import featfuse
import h5py
import ml_dtypes
import numpy as np
import pytest
from featfuse import ShapeError, UsageError
from safetensors.numpy import load_file, save_file


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


# --- tokens ------------------------------------------------------------------------------------


@pytest.mark.parametrize("skip", [0, 1, 5])
@pytest.mark.parametrize("given", ["layout", "count"])
def test_tokens(rng, skip, given):
    tokens = rng.normal(size=(2, skip + 6 * 9, 4))
    call = {"grid": "6x9", "skip_tokens": skip} | ({"layout": "NLC"} if given == "layout" else {})
    out = featfuse.fuse(tokens, **call)
    assert np.array_equal(out, tokens[:, skip:].reshape(2, 6, 9, 4))
    unbatched = featfuse.fuse(tokens[0], **(call | {"layout": "LC"}))
    assert np.array_equal(unbatched, tokens[0, skip:].reshape(6, 9, 4))


def test_tokens_with_a_map(rng):
    tokens, other = rng.normal(size=(1, 1 + 4 * 6, 3)), rng.normal(size=(1, 3, 8, 12))
    grid = tokens[:, 1:].reshape(1, 4, 6, 3).transpose(0, 3, 1, 2)
    expected = other + grid.repeat(2, 2).repeat(2, 3)
    call = {"grid": (4, 6), "skip_tokens": 1, "method": "nearest"}
    out = featfuse.fuse(other, tokens, layout="NCHW,NLC", **call)
    np.testing.assert_array_equal(out, expected)
    out = featfuse.fuse(tokens, other, layout="NLC,NCHW", **call)
    np.testing.assert_array_equal(out, expected.transpose(0, 2, 3, 1))


@pytest.mark.parametrize("memory", ["256M", "2K"])
def test_tokens_are_streamed_from_a_file(rng, tmp_path, memory):
    tokens = rng.normal(size=(2, 1 + 12 * 7, 3)).astype(np.float32)
    np.save(tmp_path / "t.npy", tokens)
    save_file({"t": tokens}, tmp_path / "t.safetensors")
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file.create_dataset("t", data=tokens, chunks=(1, 10, 2))
    for name in ("t.npy", "t.safetensors", "t.h5"):
        call = {"grid": "12x7", "skip_tokens": 1, "memory": memory}
        out = featfuse.fuse(str(tmp_path / name), **call)
        assert np.array_equal(out, tokens[:, 1:].reshape(2, 12, 7, 3)), name
        if memory == "256M":
            up = featfuse.fuse(str(tmp_path / name), method="nearest", to="24x14", **call)
            assert np.array_equal(up, out.repeat(2, 1).repeat(2, 2))


@pytest.mark.parametrize("given", [{}, {"layout": "NLC"}])
def test_a_wrong_grid_names_the_count_and_what_fits(given):
    with pytest.raises(ShapeError) as caught:
        featfuse.fuse(np.ones((1, 197, 8)), grid="14x15", skip_tokens=1, **given)
    assert "14x15" in caught.value.message
    assert "210" in caught.value.message
    assert "197" in caught.value.message
    assert "196" in caught.value.message
    assert "14x14 " in (caught.value.hint or "")
    assert "--skip-tokens 1" in (caught.value.hint or "")
    assert featfuse.fuse(np.ones((1, 197, 8)), grid="14x14", skip_tokens=1, **given).shape == (1, 14, 14, 8)


def test_forgotten_leading_tokens():
    with pytest.raises(ShapeError) as caught:
        featfuse.fuse(np.ones((1, 261, 8)), grid="13x20")
    assert re.search(r"13x20 [^;]*with --skip-tokens 1", caught.value.hint or "")


def test_token_usage():
    with pytest.raises(UsageError, match="--skip-tokens needs --grid"):
        featfuse.fuse(np.ones((1, 197, 8)), skip_tokens=1)
    with pytest.raises(UsageError, match="two sizes"):
        featfuse.fuse(np.ones((1, 8, 8)), grid="8")
    with pytest.raises(UsageError, match="no input is a token tensor"):
        featfuse.fuse(np.ones((1, 8, 8, 3)), grid="8x8")
    with pytest.raises(ShapeError, match="not NCL"):
        featfuse.fuse(np.ones((1, 3, 64)), grid="8x8", layout="NCL")


# --- l2 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["NCHW", "NHWC", "CHW", "NC"])
def test_l2(rng, layout):
    sizes = {"N": 2, "C": 5, "H": 3, "W": 4}
    x = rng.normal(size=[sizes[letter] for letter in layout])
    axis = layout.index("C")
    index = [slice(0, 1)] * len(layout)
    index[axis] = slice(None)
    x[tuple(index)] = 0
    out = featfuse.fuse(x, normalize="l2", layout=layout)
    length = np.sqrt((x**2).sum(axis, keepdims=True))
    np.testing.assert_allclose(out, x / np.where(length == 0, 1, length), atol=1e-14)
    assert not out[tuple(index)].any()


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_l2_squares_in_float32(dtype):
    """300 squared leaves float16, and so would the sum of 64 of them."""
    out = featfuse.fuse(np.full((1, 2, 2, 64), 300, dtype), normalize="l2", layout="NHWC")
    assert out.dtype == dtype
    assert (out.astype(np.float32) == 0.125).all()


def test_l2_comes_after_resizing_and_before_combining(rng):
    a, b = rng.normal(size=(1, 4, 4, 3)), rng.normal(size=(1, 2, 2, 5))
    out = featfuse.fuse(a, b, method="bilinear", normalize="l2", combine="concat", layout="NHWC")
    np.testing.assert_allclose(np.linalg.norm(out[..., :3], axis=-1), 1, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(out[..., 3:], axis=-1), 1, atol=1e-12)


def test_l2_needs_channels():
    with pytest.raises(ShapeError, match="channel axis"):
        featfuse.fuse(np.ones((4, 4)), normalize="l2", layout="HW")


# --- many inputs -------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 3, 7, 16])
@pytest.mark.parametrize("combine", ["add", "concat", "max", "fast-normalized"])
def test_many_inputs_of_different_dtype_layout_and_rank(rng, count, combine):
    """Whole numbers, so that every dtype holds them exactly."""
    layouts = ("NCHW", "NHWC", "CHW", "HWC")
    dtypes = (np.float32, np.float16, ml_dtypes.bfloat16, np.uint8, np.int16, np.float64, np.bool_)
    given, names, expected = [], [], []
    for index in range(count):
        size, layout = (8, 4, 2)[index % 3], layouts[index % 4]
        dtype = dtypes[index % len(dtypes)]
        x = rng.integers(0, 2 if dtype is np.bool_ else 9, (1, 3, size, size))
        expected.append(x.repeat(8 // size, 2).repeat(8 // size, 3).astype(np.float64))
        shaped = x if "N" in layout else x[0]
        shaped = shaped if layout.endswith("HW") else np.moveaxis(shaped, -3, -1)
        given.append(shaped.astype(dtype))
        names.append(layout)
    out = featfuse.fuse(*given, method="nearest", combine=combine, layout=",".join(names))
    assert out.shape == (1, 3 * count if combine == "concat" else 3, 8, 8)
    wanted = {
        "add": lambda: np.sum(expected, axis=0),
        "concat": lambda: np.concatenate(expected, 1),
        "max": lambda: np.max(expected, axis=0),
        "fast-normalized": lambda: np.sum(expected, axis=0) / (count + 1e-4),
    }[combine]()
    np.testing.assert_allclose(out.astype(np.float64), wanted, rtol=1e-6)


# --- folds -------------------------------------------------------------------------------------

ODD = [(13, 11), (7, 6), (4, 3), (2, 2)]


def nearest(x, size):
    rows, columns = (np.arange(out) * n // out for out, n in zip(size, x.shape[2:], strict=True))
    return x[:, :, rows][:, :, :, columns]


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
    with pytest.raises(UsageError, match="not used by --fold"):
        featfuse.fuse(a, b, fold="coarse-to-fine", method="nearest", layout="NCHW", **options)


def test_a_fold_of_means_is_refused_in_both_spellings():
    maps = [np.full((1, 2, n, n), value) for n, value in ((8, 0.0), (4, 6.0), (2, 3.0))]
    call = {"method": "nearest", "combine": "concat", "reduce": "mean", "layout": "NCHW"}
    with pytest.raises(UsageError):
        featfuse.fuse(*maps, fold="coarse-to-fine", **call)


def test_a_fold_needs_two():
    with pytest.raises(UsageError, match="two inputs"):
        featfuse.fuse(np.ones((1, 2, 4, 4)), fold="coarse-to-fine", layout="NCHW")


@pytest.mark.parametrize("layout", ["NLC,NCHW", "NLC,NHWC"])
def test_an_ambiguous_map_beside_tokens_is_asked_for_alone(rng, layout):
    tokens, other = rng.normal(size=(1, 4 * 6, 9)), rng.normal(size=(1, 5, 8, 12))
    call = {"grid": "4x6", "method": "nearest", "combine": "concat"}
    with pytest.raises(ShapeError, match="ambiguous") as caught:
        featfuse.fuse(tokens, other, **call)
    assert "read as NCHW: input 1 N=1 H=4 W=6 C=9; input 2 N=1 C=5 H=8 W=12" in str(caught.value)
    assert "read as NHWC: input 1 N=1 H=4 W=6 C=9; input 2 N=1 H=5 W=8 C=12" in str(caught.value)
    assert f"--layout {layout}" in caught.value.hint
    assert any(f"--layout {layout}" in command for command in caught.value.commands)
    assert featfuse.fuse(tokens, other, layout=layout, **call).ndim == 4


def test_one_layout_for_all_is_not_that_of_tokens(rng):
    tokens, other = rng.normal(size=(1, 4 * 6, 9)), rng.normal(size=(1, 5, 8, 12))
    with pytest.raises(ShapeError, match="not NCHW") as caught:
        featfuse.fuse(tokens, other, layout="NCHW", grid="4x6", method="nearest")
    assert "--layout NLC,NCHW" in caught.value.hint
